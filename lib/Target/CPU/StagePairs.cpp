// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-stage-pairs: copies to scratch what has to be paired and lies elsewhere. Neighbours along the reduction must be
// one 32-bit lane; in K they are (head sizes are innermost), in V they are a row apart.
#include "PairedTiles.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Target/CPU/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

#define DEBUG_TYPE "attn-stage-pairs"

namespace attn {
#define GEN_PASS_DEF_ATTNSTAGEPAIRSPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

/// Whether `operand`, [loop, ..] in memory that is not scratch, has to be copied before pairs along `loop` can be read.
bool mustStage(linalg::GenericOp op, OpOperand *operand, unsigned loop) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (map.getNumResults() != 2 || map.getResult(0) != getAffineDimExpr(loop, op.getContext()))
    return false;
  Value memref = operand->get();
  while (auto view = memref.getDefiningOp<memref::SubViewOp>())
    memref = view.getSource();
  return !memref.getDefiningOp<memref::AllocOp>();
}

/// `keys` is the number of keys of a tile: all that can be unknown of a size is whether it is the last, shorter one.
void stage(IRRewriter &b, linalg::GenericOp op, OpOperand *operand, int64_t keys) {
  Location loc = op.getLoc();
  b.setInsertionPoint(op);
  Value source = operand->get();
  auto type = cast<MemRefType>(source.getType());
  // Rows are keys of V, or depths of a K whose keys are innermost.
  int64_t rows = type.isDynamicDim(0) ? keys : type.getDimSize(0);
  int64_t columns = type.isDynamicDim(1) ? keys : type.getDimSize(1);
  // Whole pairs: the last row of an odd number gets a partner.
  Value whole = memref::AllocOp::create(
      b, loc, MemRefType::get({int64_t(llvm::alignTo(rows, 2)), columns}, type.getElementType()));
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> zeros(2, zero), ones(2, one);
  Value part = memref::SubViewOp::create(b, loc, whole, zeros, memref::getMixedSizes(b, loc, source), ones);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(2));
  SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
  linalg::GenericOp::create(
      b, loc, ValueRange{source}, ValueRange{part}, maps, iterators,
      [](OpBuilder &nested, Location bodyLoc, ValueRange args) { linalg::YieldOp::create(nested, bodyLoc, args[0]); },
      b.getNamedAttr(kRoleName, b.getStringAttr("stage")));
  operand->set(part);
}

struct StagePairs : impl::AttnStagePairsPassBase<StagePairs> {
  using Base::Base;

  void runOnOperation() override {
    auto plan = getOperation()->getAttrOfType<PlanAttr>(kPlanName);
    if (!plan || plan.getPrecision() != Precision::BF16)
      return;
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](linalg::GenericOp op) {
      std::optional<unsigned> loop = getPairLoop(op);
      if (!loop)
        return;
      for (OpOperand *operand : op.getDpsInputOperands())
        if (mustStage(op, operand, *loop))
          stage(rewriter, op, operand, plan.getKeys());
    });
  }
};

} // namespace
} // namespace attn
