// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Takes attn.generic; leaves it with a plan. The numbers follow from registers and caches; what each was measured to be
// worth stands beside it.

#include "RowTile.h"
#include "attn/Analysis/LoopSizes.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/MathExtras.h"

namespace attn {
#define GEN_PASS_DEF_ATTNSELECTPLANPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Rows of a tile. 64 rows share each load of K and V; twice as many gained nothing on AVX-512 and cost L2.
static constexpr int64_t kRows = 64;
/// Keys of a tile at most: beyond it the rescaling of acc, once per key tile, is no longer worth saving.
static constexpr int64_t kMostKeys = 128;
/// Keys that L2 may reduce a tile to: acc is read and written once per key tile, so with fewer the products with V wait
/// for it. K and V themselves are read once per row tile and need no cache.
static constexpr int64_t kFewestKeys = 32;

/// Bytes that one iteration of the key loop touches.
static int64_t getLiveBytes(int64_t rows, int64_t keys, int64_t headSize, int64_t valueSize, int64_t keyBytes,
                            int64_t valueBytes, int64_t accBytes) {
  int64_t rowTile = rows * (headSize + valueSize) * accBytes;
  return rowTile + keys * (headSize * keyBytes + valueSize * valueBytes) + keys * rows * accBytes;
}

static int64_t getElementBytes(Value tensor) {
  return getElementTypeOrSelf(tensor.getType()).getIntOrFloatBitWidth() / 8;
}

/// Products of bf16 pairs double the rate: they take pairs along d, and the similarity has to be the product of Q and
/// K.
static bool canMultiplyInBf16(GenericOp op, int64_t headSize) {
  auto isBf16 = [](Value tensor) { return getElementTypeOrSelf(tensor.getType()).isBF16(); };
  return op.getSimilarity().empty() && headSize % 2 == 0 && isBf16(op.getQuery()) && isBf16(op.getKey()) &&
         isBf16(op.getValue());
}

FailureOr<PlanAttr> attn::selectPlan(GenericOp op, const TargetDescription &target) {
  LoopInfo loops = getLoopInfo(op);
  SmallVector<int64_t> sizes = getStaticLoopSizes(op);
  for (auto [loop, letter] : {std::pair(loops.d, "D"), std::pair(loops.e, "Dv")})
    if (ShapedType::isDynamic(sizes[loop]))
      return op.emitError("cannot plan with '") << letter << "' of unknown size: compiling asks for a static one";
  int64_t accBytes = getAccumulatorType(op).getWidth() / 8;
  int64_t lanes = target.vectorBits / 8 / accBytes;

  // Vectors of a row tile, and of those how many a block of accumulators spans.
  int64_t queryRows = sizes[getTiledRowLoop(loops, sizes)];
  int64_t rows = llvm::alignTo(kRows, lanes);
  if (!ShapedType::isDynamic(queryRows))
    rows = std::min<int64_t>(rows, llvm::alignTo(std::max<int64_t>(queryRows, 1), lanes));
  bool manyRegisters = target.vectorRegisters >= 32;
  int64_t columns = manyRegisters ? 4 : 2;
  while (rows / lanes % columns != 0)
    --columns;
  // 4 x 4 of 32 registers ran fastest, up to 24 accumulators without spills; of 16 registers 12 leave two for the row
  // vectors, one for the broadcast and one to spare.
  int64_t budget = manyRegisters ? 16 : 12, blockRows = 1;
  for (int64_t candidate : {2, 4, 6, 8, 12, 16})
    if (candidate * columns <= budget)
      blockRows = candidate;

  int64_t keyBytes = getElementBytes(op.getKey()), valueBytes = getElementBytes(op.getValue());
  auto liveBytes = [&](int64_t keys) {
    return getLiveBytes(rows, keys, sizes[loops.d], sizes[loops.e], keyBytes, valueBytes, accBytes);
  };
  // Scores are written once and read three times: half of L1 is theirs, the rest is for what streams past.
  int64_t keys = llvm::alignTo(std::max<int64_t>(target.l1Bytes / 2 / (rows * accBytes), 1), blockRows);
  keys = std::min<int64_t>(keys, llvm::alignDown(kMostKeys, blockRows));
  int64_t fewestKeys = llvm::alignTo(kFewestKeys, blockRows);
  while (keys > fewestKeys && liveBytes(keys) > target.l2Bytes / 2)
    keys -= blockRows;

  Precision precision =
      target.hasBf16Dot && canMultiplyInBf16(op, sizes[loops.d]) ? Precision::BF16 : Precision::Accumulator;

  auto remark = remark::passed(op.getLoc(), remark::RemarkOpts::name("select-plan").category("select-plan"));
  remark << remark::metric("rows", rows) << remark::metric("keys", keys) << remark::metric("lanes", lanes)
         << remark::metric("register-rows", blockRows) << remark::metric("register-vectors", columns)
         << remark::metric("bytes-live", liveBytes(keys));
  return PlanAttr::get(op.getContext(), Algorithm::Online, Orientation::RowsMinor, rows, keys, lanes,
                       {blockRows, columns}, precision);
}

namespace {
struct SelectPlan : attn::impl::AttnSelectPlanPassBase<SelectPlan> {
  using AttnSelectPlanPassBase::AttnSelectPlanPassBase;

  void runOnOperation() override {
    TargetDescription target{vectorBits, vectorRegisters, l1Bytes, l2Bytes, hasBf16Dot};
    WalkResult result = getOperation()->walk([&](GenericOp op) {
      if (op->hasAttr(kPlanName))
        return WalkResult::advance();
      FailureOr<PlanAttr> plan = selectPlan(op, target);
      if (failed(plan))
        return WalkResult::interrupt();
      op->setAttr(kPlanName, *plan);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
