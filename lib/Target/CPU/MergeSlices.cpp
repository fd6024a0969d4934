// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-merge-slices: a slice that drops one of several dimensions of size 1 says which by its shape on tensors, and no
// longer does on buffers: memref.subview guesses by strides, and unknown ones look alike. Of [1, N, 1, D] -> [1, N, D]
// it drops the first dimension, and takes the stride of rows from another one. Who slices further gets one slice of the
// original, which has nothing of size 1 left to confuse.
#include "attn/Target/CPU/Passes.h"
#include "mlir/Dialect/Affine/ViewLikeInterfaceUtils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

namespace attn {
#define GEN_PASS_DEF_ATTNMERGESLICESPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

/// Whether a dimension of size 1 that is kept could be taken for one that is dropped, and another size lies between.
/// The innermost dimension is told apart by its stride of 1.
template <typename SliceOp> bool isAmbiguous(SliceOp slice) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<OpFoldResult> sizes = slice.getMixedSizes();
  bool hasKeptOne = false, hasOther = false;
  for (size_t dim = 0; dim + 1 < sizes.size(); ++dim) {
    if (dropped.test(dim)) {
      if (hasOther)
        return true;
    } else if (getConstantIntValue(sizes[dim]) == 1) {
      hasKeptOne = true;
    } else {
      hasOther = hasKeptOne;
    }
  }
  return false;
}

/// Gives users of `slice` that need not see it something else.
void bypass(IRRewriter &b, tensor::ExtractSliceOp slice) {
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  SmallVector<OpFoldResult> kept;
  for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
    if (!dropped.test(dim))
      kept.push_back(size);
  for (Operation *user : llvm::make_early_inc_range(slice->getUsers())) {
    b.setInsertionPoint(user);
    if (auto dim = dyn_cast<tensor::DimOp>(user)) {
      if (std::optional<int64_t> index = dim.getConstantIndex())
        b.replaceOp(dim, getValueOrCreateConstantIndexOp(b, dim.getLoc(), kept[*index]));
    } else if (auto inner = dyn_cast<tensor::ExtractSliceOp>(user)) {
      SmallVector<OpFoldResult> offsets, sizes, strides;
      if (succeeded(
              affine::mergeOffsetsSizesAndStrides(b, inner.getLoc(), slice, inner, dropped, offsets, sizes, strides)))
        b.replaceOpWithNewOp<tensor::ExtractSliceOp>(inner, inner.getType(), slice.getSource(), offsets, sizes,
                                                     strides);
    }
  }
}

struct MergeSlices : impl::AttnMergeSlicesPassBase<MergeSlices> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<tensor::ExtractSliceOp> slices;
    getOperation()->walk([&](tensor::ExtractSliceOp slice) {
      if (isAmbiguous(slice))
        slices.push_back(slice);
    });
    // From the inside: a slice of a slice is replaced by one that may be a user of the next.
    for (tensor::ExtractSliceOp slice : llvm::reverse(slices)) {
      bypass(rewriter, slice);
      if (slice->use_empty())
        rewriter.eraseOp(slice);
    }
    WalkResult result = getOperation()->walk([](Operation *op) {
      bool bad = false;
      llvm::TypeSwitch<Operation *>(op)
          .Case<tensor::ExtractSliceOp, tensor::InsertSliceOp, tensor::ParallelInsertSliceOp>(
              [&](auto slice) { bad = isAmbiguous(slice); });
      if (!bad)
        return WalkResult::advance();
      op->emitError("cannot tell dimensions of size 1 apart where some of them are dropped and others kept: ")
          << "give the one that is kept an unknown size, or place it beside the others";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
} // namespace attn
