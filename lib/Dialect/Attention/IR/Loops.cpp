// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Dialect/Attention/IR/Loops.h"

#include "attn/Dialect/Attention/IR/Attention.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace attn {

llvm::StringRef stringifyLoopKind(LoopKind kind) {
  switch (kind) {
  case LoopKind::Batch:
    return "batch";
  case LoopKind::Row:
    return "row";
  case LoopKind::Key:
    return "key";
  case LoopKind::D:
    return "d";
  case LoopKind::E:
    return "e";
  case LoopKind::Fixed:
    return "fixed";
  }
  llvm_unreachable("unknown kind of loop");
}

namespace {

/// Who uses a loop, one bit an operand.
enum Use : unsigned { InQuery = 1, InKey = 2, InValue = 4, InOut = 8 };

std::optional<LoopKind> getKind(unsigned use, bool withValue, bool allowFixed) {
  unsigned value = withValue ? InValue : 0;
  if (use == 0)
    return allowFixed ? std::optional(LoopKind::Fixed) : std::nullopt;
  if (use == (InQuery | InKey | InOut | value))
    return LoopKind::Batch;
  if (use == (InQuery | InOut))
    return LoopKind::Row;
  // Without V, keys are what K and the weights have in common.
  if (use == (withValue ? InKey | InValue : InKey | InOut))
    return LoopKind::Key;
  if (use == (InQuery | InKey))
    return LoopKind::D;
  if (withValue && use == (InValue | InOut))
    return LoopKind::E;
  return std::nullopt;
}

std::string listUses(unsigned use) {
  SmallVector<StringRef> names;
  for (auto [bit, name] :
       {std::pair(InQuery, "query"), std::pair(InKey, "key"), std::pair(InValue, "value"), std::pair(InOut, "out")})
    if (use & bit)
      names.push_back(name);
  return names.empty() ? "none of them" : llvm::join(names, ", ");
}

} // namespace

FailureOr<LoopInfo> classifyLoops(AffineMap query, AffineMap key, AffineMap value, AffineMap out, bool allowFixed,
                                  std::string &error) {
  llvm::raw_string_ostream message(error);
  LoopInfo info;
  bool withValue = static_cast<bool>(value);
  SmallVector<unsigned> keyLoops, dLoops, eLoops;
  for (unsigned loop = 0; loop < query.getNumDims(); ++loop) {
    unsigned use = 0;
    for (auto [bit, map] :
         {std::pair(InQuery, query), std::pair(InKey, key), std::pair(InValue, value), std::pair(InOut, out)})
      if (map && map.isFunctionOfDim(loop))
        use |= bit;
    std::optional<LoopKind> kind = getKind(use, withValue, allowFixed);
    if (!kind) {
      if (withValue)
        message << "expects loop " << loop << " to be batch (query, key, value, out), row (query, out), key (key, "
                << "value), d (query, key) or e (value, out), got use in " << listUses(use);
      else
        message << "expects loop " << loop << " to be batch (query, key, out), row (query, out), key (key, out) or d "
                << "(query, key), got use in " << listUses(use);
      return failure();
    }
    info.kinds.push_back(*kind);
    switch (*kind) {
    case LoopKind::Batch:
      info.batch.push_back(loop);
      break;
    case LoopKind::Row:
      info.row.push_back(loop);
      break;
    case LoopKind::Key:
      keyLoops.push_back(loop);
      break;
    case LoopKind::D:
      dLoops.push_back(loop);
      break;
    case LoopKind::E:
      eLoops.push_back(loop);
      break;
    case LoopKind::Fixed:
      info.fixed.push_back(loop);
      break;
    }
  }
  for (auto [loops, kind] :
       {std::pair(&keyLoops, LoopKind::Key), std::pair(&dLoops, LoopKind::D), std::pair(&eLoops, LoopKind::E)}) {
    if (kind == LoopKind::E && !withValue)
      continue;
    if (loops->size() == 1)
      continue;
    message << "expects exactly one " << stringifyLoopKind(kind) << " loop, got " << loops->size();
    if (!loops->empty()) {
      message << ": ";
      llvm::interleaveComma(*loops, message);
    }
    return failure();
  }
  if (info.row.empty()) {
    message << "expects at least one row loop, got none";
    return failure();
  }
  info.key = keyLoops.front();
  info.d = dLoops.front();
  if (withValue)
    info.e = eLoops.front();
  return info;
}

static LoopInfo getVerified(ArrayAttr maps, int value, unsigned out, bool allowFixed) {
  auto get = [&](unsigned number) { return cast<AffineMapAttr>(maps[number]).getValue(); };
  std::string error;
  FailureOr<LoopInfo> info =
      classifyLoops(get(0), get(1), value < 0 ? AffineMap() : get(value), get(out), allowFixed, error);
  assert(succeeded(info) && "loops of an op that does not verify");
  return *info;
}

LoopInfo getLoopInfo(GenericOp op) {
  ArrayAttr maps = op.getIndexingMaps();
  return getVerified(maps, 2, maps.size() - op.getInits().size(), /*allowFixed=*/false);
}

LoopInfo getLoopInfo(OnlineOp op) {
  ArrayAttr maps = op.getIndexingMaps();
  return getVerified(maps, 2, maps.size() - 2, /*allowFixed=*/true);
}

LoopInfo getLoopInfo(WeightsOp op) {
  ArrayAttr maps = op.getIndexingMaps();
  return getVerified(maps, -1, maps.size() - 1, /*allowFixed=*/true);
}

LoopInfo getLoopInfo(ScoredOpInterface op) {
  if (auto generic = dyn_cast<GenericOp>(op.getOperation()))
    return getLoopInfo(generic);
  if (auto online = dyn_cast<OnlineOp>(op.getOperation()))
    return getLoopInfo(online);
  return getLoopInfo(cast<WeightsOp>(op.getOperation()));
}

SmallVector<unsigned> getLoops(AffineMap map) {
  return llvm::map_to_vector(map.getResults(), [](AffineExpr expr) { return cast<AffineDimExpr>(expr).getPosition(); });
}

} // namespace attn
