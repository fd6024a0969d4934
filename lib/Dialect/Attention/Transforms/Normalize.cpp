// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-normalize: takes named ops, leaves attn.generic and views. What types leave open and the op demands is asserted
// at run time, once, here: later stages rely on it.
#include "NamedOps.h"
#include "SizeChecks.h"
#include "StorageOps.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace attn {
#define GEN_PASS_DEF_ATTNNORMALIZEPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// What repeats is sliced, and upstream takes no slice at position 0 of a dimension of static size 0.
LogicalResult checkBroadcasts(Operation *op) {
  SmallVector<std::pair<StringRef, Value>> operands;
  if (auto sdpa = dyn_cast<SdpaOp>(op))
    operands = {{"bias", sdpa.getBias()}, {"mask", sdpa.getMask()}};
  else if (auto additive = dyn_cast<AdditiveOp>(op))
    operands = {{"mask", additive.getMask()}};
  else if (auto multiHead = dyn_cast<MultiHeadOp>(op))
    operands = {{"mask", multiHead.getMask()}};
  for (auto [name, operand] : operands) {
    if (!operand)
      continue;
    ArrayRef<int64_t> shape = cast<RankedTensorType>(operand.getType()).getShape();
    if (llvm::is_contained(shape, 1) && llvm::is_contained(shape, 0))
      return op->emitError("cannot normalize '")
             << name << "' that repeats beside a static size 0: give that dimension an unknown size";
  }
  return success();
}

struct AttnNormalizePass : attn::impl::AttnNormalizePassBase<AttnNormalizePass> {
  void runOnOperation() override {
    SmallVector<Operation *> named;
    SmallVector<GenericOp> generics;
    SmallVector<Operation *> written; // linalg ops that no named op became
    SmallVector<AppendKvOp> appends;
    getOperation()->walk([&](Operation *op) {
      if (isNamedOp(op) || isNamedStorageOp(op))
        named.push_back(op);
      else if (auto append = dyn_cast<AppendKvOp>(op); append && !append->hasAttr(kCheckedName))
        appends.push_back(append);
      else if (auto generic = dyn_cast<GenericOp>(op); generic && !generic->hasAttr(kCheckedName))
        generics.push_back(generic);
      else if (isa<linalg::LinalgOp>(op))
        written.push_back(op);
    });
    for (Operation *op : named)
      if (failed(checkBroadcasts(op)))
        return signalPassFailure();
    IRRewriter rewriter(&getContext());
    auto markChecked = [&](Operation *op) {
      rewriter.modifyOpInPlace(op, [&] { op->setAttr(kCheckedName, rewriter.getUnitAttr()); });
    };
    for (AppendKvOp append : appends)
      assertAppendSizes(rewriter, append);
    for (Operation *op : named) {
      if (auto sdpa = dyn_cast<SdpaOp>(op))
        normalize(rewriter, sdpa);
      else if (auto additive = dyn_cast<AdditiveOp>(op))
        normalize(rewriter, additive);
      else if (auto multiHead = dyn_cast<MultiHeadOp>(op))
        normalize(rewriter, multiHead);
      else if (auto gather = dyn_cast<GatherPagesOp>(op))
        normalize(rewriter, gather);
      else if (auto packed = dyn_cast<PackedOp>(op))
        normalize(rewriter, packed);
      else
        normalize(rewriter, cast<RopeOp>(op));
    }
    getOperation()->walk([&](linalg::LinalgOp op) {
      auto isStatic = [](Type type) { return !isa<ShapedType>(type) || cast<ShapedType>(type).hasStaticShape(); };
      if (op->hasAttr(kCheckedName) || llvm::all_of(op->getOperandTypes(), isStatic))
        return;
      if (llvm::is_contained(written, op.getOperation()))
        assertLoopSizes(rewriter, op);
      markChecked(op);
    });
    RewritePatternSet patterns(&getContext());
    GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    FrozenRewritePatternSet cleanUp(std::move(patterns));
    for (GenericOp op : generics) {
      // Selections that are gone leave defaults and operands behind that nobody reads.
      if (moveScoreMasks(rewriter, op))
        (void)applyOpPatternsGreedily({op}, cleanUp);
      assertLoopSizes(rewriter, op);
      markChecked(op);
    }
  }
};

} // namespace

AffineMap attn::getLetterMap(MLIRContext *context, StringRef loops, StringRef dims) {
  SmallVector<AffineExpr> exprs =
      llvm::map_to_vector(dims, [&](char letter) { return getAffineDimExpr(loops.find(letter), context); });
  return AffineMap::get(loops.size(), 0, exprs, context);
}

std::pair<Value, std::string> attn::dropRepeated(RewriterBase &rewriter, Value tensor, StringRef dims) {
  auto type = cast<RankedTensorType>(tensor.getType());
  std::string kept;
  SmallVector<int64_t> shape;
  for (auto [letter, extent] : llvm::zip(dims.take_back(type.getRank()), type.getShape()))
    if (extent != 1) {
      kept += letter;
      shape.push_back(extent);
    }
  if (shape.size() == static_cast<size_t>(type.getRank()))
    return {tensor, kept};
  SmallVector<OpFoldResult> offsets(type.getRank(), rewriter.getIndexAttr(0)),
      strides(type.getRank(), rewriter.getIndexAttr(1));
  Location loc = tensor.getLoc();
  Value slice = tensor::ExtractSliceOp::create(rewriter, loc, type.clone(shape), tensor, offsets,
                                               tensor::getMixedSizes(rewriter, loc, tensor), strides);
  return {slice, kept};
}

SmallVector<NamedAttribute> attn::getCheckedAttrs(Operation *op) {
  SmallVector<NamedAttribute> attrs(op->getDiscardableAttrs());
  attrs.emplace_back(StringAttr::get(op->getContext(), kCheckedName), UnitAttr::get(op->getContext()));
  return attrs;
}
