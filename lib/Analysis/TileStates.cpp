// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Analysis/TileStates.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attn {

static int64_t evaluate(AffineExpr expr, int64_t dim, ArrayRef<int64_t> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  if (isa<AffineDimExpr>(expr))
    return dim;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t lhs = evaluate(binary.getLHS(), dim, symbols), rhs = evaluate(binary.getRHS(), dim, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return lhs + rhs;
  case AffineExprKind::Mul:
    return lhs * rhs;
  case AffineExprKind::Mod:
    return llvm::mod(lhs, rhs);
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(lhs, rhs);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(lhs, rhs);
  default:
    llvm_unreachable("all kinds of binary expressions are covered");
  }
}

static SmallVector<int64_t> evaluate(AffineMap map, int64_t dim, ArrayRef<int64_t> symbols) {
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) { return evaluate(expr, dim, symbols); });
}

KeyRangeValues::KeyRangeValues(const KeyRanges &ranges, ArrayRef<int64_t> symbols)
    : numSymbols(symbols.size()), values(symbols) {
  for (auto [symbol, value] : llvm::zip_equal(ranges.symbols, values)) {
    using Kind = KeyRangeSymbol::Kind;
    if (llvm::is_contained({Kind::RegionValue, Kind::RowOffset, Kind::KeyOffset}, symbol.kind))
      value = std::clamp(value, -ranges.largestSymbol, ranges.largestSymbol);
  }
  for (const KeyRangeStep &step : ranges.steps) {
    SmallVector<int64_t> results = evaluate(step.map, 0, values);
    int64_t value = results.front();
    if (step.kind == KeyRangeStep::Kind::Select)
      value = value >= 0 ? results[1] : results[2];
    else if (step.kind == KeyRangeStep::Kind::Max)
      value = *llvm::max_element(results);
    else
      value = *llvm::min_element(results);
    values.push_back(value);
  }
}

bool KeyRangeValues::holds(const KeyTileTest &test, int64_t tile) const {
  if (tile < getStep(test.lower) || tile >= getStep(test.upper))
    return false;
  return !test.guard || llvm::all_of(evaluate(test.guard, tile, values), [](int64_t value) { return value >= 0; });
}

std::vector<KeyState> getKeyStates(const KeyRanges &ranges, const KeyRangeValues &values, int64_t keyTile,
                                   int64_t numKeys) {
  std::vector<KeyState> states(numKeys, KeyState::Skipped);
  for (const KeySegment &segment : ranges.segments) {
    int64_t upper = values.getStep(segment.upper);
    for (int64_t key = values.getStep(segment.lower); key < upper; ++key) {
      states[key] = segment.kind == KeySegment::Kind::Partial ? KeyState::Partial : KeyState::Full;
      if (segment.kind != KeySegment::Kind::Tested)
        continue;
      int64_t tile = key / keyTile;
      auto holdsHere = [&](const KeyTileTest &test) { return values.holds(test, tile); };
      bool isMasked = segment.alwaysMasked || (tile + 1) * keyTile > upper || llvm::any_of(segment.masked, holdsHere);
      bool isVisited = segment.visited.empty() || llvm::any_of(segment.visited, holdsHere);
      states[key] = !isVisited ? KeyState::Skipped : isMasked ? KeyState::Partial : KeyState::Full;
    }
  }
  return states;
}

} // namespace attn
