// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-expand-math: exp2 by a polynomial in registers, the other functions by upstream's; nothing is left for libm.
// bf16 is converted by integer instructions: those of AVX512-BF16 flush subnormals, and older machines have none.
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

/// 2^f on [-1/2, 1/2], highest power first, worst relative error 1.5e-7 in f32. The last coefficient is exactly 1, so
/// that 2^0 is 1: a rescale factor of a maximum that stands still must not change anything.
constexpr float kExp2[] = {1.3264738736e-3f, 9.6715166674e-3f, 5.5507337528e-2f,
                           2.4022242024e-1f, 6.9314697757e-1f, 1.0f};

/// Without the instruction, a fused multiply-add would be a library call; two roundings serve.
struct SplitFma : OpRewritePattern<math::FmaOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::FmaOp op, PatternRewriter &b) const override {
    Value product = arith::MulFOp::create(b, op.getLoc(), op.getA(), op.getB());
    b.replaceOpWithNewOp<arith::AddFOp>(op, product, op.getC());
    return success();
  }
};

/// exp2 of f32 scalars and vectors, total: 0 for -inf and below about -126, inf from 128, NaN stays NaN. Who knows that
/// the argument is never positive says so by the attribute attn.non_positive and saves two instructions without scalef.
struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  ExpandExp2(MLIRContext *context, bool hasScalef) : OpRewritePattern(context), hasScalef(hasScalef) {}

  LogicalResult matchAndRewrite(math::Exp2Op op, PatternRewriter &b) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32())
      return b.notifyMatchFailure(op, "f32 only");
    auto vector = dyn_cast<VectorType>(type);
    bool useScalef = hasScalef && vector && vector.getNumElements() == 16;
    b.replaceOp(op, useScalef ? expandByScalef(op, b) : expandByExponent(op, b));
    return success();
  }

private:
  static Value constant(PatternRewriter &b, math::Exp2Op op, float value) {
    TypedAttr attr = b.getF32FloatAttr(value);
    if (auto vector = dyn_cast<VectorType>(op.getType()))
      attr = DenseElementsAttr::get(vector, value);
    return arith::ConstantOp::create(b, op.getLoc(), attr);
  }

  /// The argument between `low` and `high`. Compare and select, not maximumf: NaN falls through to the second operand,
  /// in one instruction.
  static Value clamp(math::Exp2Op op, PatternRewriter &b, float low, float high) {
    Location loc = op.getLoc();
    auto larger = [&](Value x, Value y, bool takeLarger) {
      Value isLarger =
          arith::CmpFOp::create(b, loc, takeLarger ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, x, y);
      return Value(arith::SelectOp::create(b, loc, isLarger, x, y));
    };
    Value y = larger(constant(b, op, low), op.getOperand(), true);
    return op->hasAttr(kNonPositiveName) ? y : larger(constant(b, op, high), y, false);
  }

  static Value polynomial(math::Exp2Op op, PatternRewriter &b, Value f) {
    Value p = constant(b, op, kExp2[0]);
    for (float coefficient : ArrayRef<float>(kExp2).drop_front())
      p = math::FmaOp::create(b, op.getLoc(), p, f, constant(b, op, coefficient));
    return p;
  }

  /// 2^n by one instruction that takes n as a float, of any size. Infinities need no bounds: x - round(x) is NaN then,
  /// and NaN * 2^-inf is defined as 0, NaN * 2^inf as inf (Intel's manual, special cases of VSCALEFPS).
  static Value expandByScalef(math::Exp2Op op, PatternRewriter &b) {
    Location loc = op.getLoc();
    Value y = op.getOperand();
    Value n = math::RoundEvenOp::create(b, loc, y);
    Value p = polynomial(op, b, arith::SubFOp::create(b, loc, y, n));
    Value all = arith::ConstantOp::create(b, loc, b.getI16IntegerAttr(-1));
    Value currentRounding = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(4));
    auto call =
        LLVM::CallIntrinsicOp::create(b, loc, op.getType(), b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                                      ValueRange{p, n, constant(b, op, 0.0f), all, currentRounding});
    return call.getResults();
  }

  /// 2^n by writing n into the exponent. Adding 1.5 * 2^23 + 127 rounds to an integer and leaves n + 127 in the low
  /// bits of the mantissa; n = -127 gives the bits of 0. The product carries a NaN of the polynomial through.
  static Value expandByExponent(math::Exp2Op op, PatternRewriter &b) {
    Location loc = op.getLoc();
    bool nonPositive = op->hasAttr(kNonPositiveName);
    // 2^128 has no exponent: where n may be 128, scale by 2^(n - 1) and double.
    float bias = nonPositive ? 127.0f : 126.0f;
    Value y = clamp(op, b, nonPositive ? -127.0f : -126.0f, 128.0f);
    Value magic = constant(b, op, 12582912.0f + bias);
    Value t = arith::AddFOp::create(b, loc, y, magic);
    Value p = polynomial(op, b, arith::SubFOp::create(b, loc, y, arith::SubFOp::create(b, loc, t, magic)));
    Type intType = b.getI32Type();
    TypedAttr mantissaBits = b.getI32IntegerAttr(23);
    if (auto vector = dyn_cast<VectorType>(op.getType())) {
      intType = vector.clone(intType);
      mantissaBits = DenseElementsAttr::get(cast<VectorType>(intType), int32_t(23));
    }
    Value bits = arith::BitcastOp::create(b, loc, intType, t);
    bits = arith::ShLIOp::create(b, loc, bits, arith::ConstantOp::create(b, loc, mantissaBits));
    Value result = arith::MulFOp::create(b, loc, p, arith::BitcastOp::create(b, loc, op.getType(), bits));
    return nonPositive ? result : Value(arith::AddFOp::create(b, loc, result, result));
  }

  bool hasScalef;
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
    own.add<ExpandExp2>(&getContext(), /*hasScalef=*/vectorBits >= 512);
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
