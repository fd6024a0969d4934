// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-expand-math: exp2, exp and tanh by polynomials of our own, other functions by upstream's; nothing is left for
// libm. bf16 is converted by integer instructions: those of AVX512-BF16 flush subnormals, and older machines have none.
#include "ExpandExponentials.h"
#include "ExpandReciprocal.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Target/CPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

#define DEBUG_TYPE "attn-expand-math"

namespace attn {
#define GEN_PASS_DEF_ATTNEXPANDMATHPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

/// Without the instruction, a fused multiply-add would be a library call; two roundings serve.
struct SplitFma : OpRewritePattern<math::FmaOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FmaOp op, PatternRewriter &b) const override {
    Value product = arith::MulFOp::create(b, op.getLoc(), op.getA(), op.getB());
    b.replaceOpWithNewOp<arith::AddFOp>(op, product, op.getC());
    return success();
  }
};

/// Whether a conversion is from or to f16.
bool isHalf(Operation *conversion) {
  return getElementTypeOrSelf(conversion->getOperand(0)).isF16() ||
         getElementTypeOrSelf(conversion->getResult(0)).isF16();
}

struct ExpandMath : impl::AttnExpandMathPassBase<ExpandMath> {
  using Base::Base;

  void runOnOperation() override {
    RewritePatternSet own(&getContext());
    populateExponentialPatterns(own, /*hasScalef=*/vectorBits >= 512);
    if (vectorBits >= 512)
      populateReciprocalPatterns(own);
    walkAndApplyPatterns(getOperation(), std::move(own));
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns);
    if (!hasBf16Convert)
      arith::populateExpandBFloat16Patterns(patterns);
    if (!hasFma)
      patterns.add<SplitFma>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    WalkResult result = getOperation()->walk([&](Operation *op) {
      if (isa<arith::ExtFOp, arith::TruncFOp>(op) && !hasF16c && isHalf(op)) {
        op->emitError("converting f16 takes instructions that the processor to compile for lacks (F16C): "
                      "choose --cpu=x86-64-v3 or later, or store f32 or bf16");
        return WalkResult::interrupt();
      }
      // What has an instruction or a short sequence on every x86-64.
      if (!isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
          isa<math::FmaOp, math::AbsFOp, math::AbsIOp, math::SqrtOp, math::CopySignOp>(op))
        return WalkResult::advance();
      if (isa<math::FloorOp, math::CeilOp, math::RoundEvenOp, math::TruncOp>(op))
        return WalkResult::advance();
      if (getElementTypeOrSelf(op->getResult(0)).isF64()) {
        op->emitError("'") << op->getName()
                           << "' of f64 has no polynomial form here: compiling asks for f32, f16 or bf16";
        return WalkResult::interrupt();
      }
      op->emitError("'") << op->getName()
                         << "' would need a maths library at run time, which compiled kernels do not link: "
                         << "write it with arith, exp2, exp, log, log2, tanh or another function of f32 that has a "
                         << "polynomial form";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
} // namespace attn
