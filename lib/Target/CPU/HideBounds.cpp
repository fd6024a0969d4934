// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-hide-bounds: keeps One-Shot Bufferize from reasoning about where key loops begin and end. To tell whether two
// slices overlap it sets up linear constraints of all that their offsets and sizes are computed from, and eliminates
// variables (Fourier-Motzkin) for each pair of slices: with the bounds of a mask among them, minutes. Slices of one
// buffer are equal here or follow each other in use, so nothing is lost; a copy would be refused at the end of the
// stage.
#include "attn/Target/CPU/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attn {
#define GEN_PASS_DEF_ATTNHIDEBOUNDSPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

struct HideBounds : impl::AttnHideBoundsPassBase<HideBounds> {
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      if (!isa<affine::AffineMinOp, affine::AffineMaxOp>(op))
        return;
      OpBuilder b(op->getContext());
      b.setInsertionPointAfter(op);
      Value bound = op->getResult(0);
      // A cast and back has no bounds that anybody asks for, and folds away.
      Value hidden = arith::IndexCastOp::create(b, op->getLoc(), b.getI64Type(), bound);
      Value shown = arith::IndexCastOp::create(b, op->getLoc(), b.getIndexType(), hidden);
      bound.replaceAllUsesExcept(shown, hidden.getDefiningOp());
    });
  }
};

} // namespace
} // namespace attn
