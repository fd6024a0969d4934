// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each function is 2^n times a polynomial of what is left of the argument. Bounds in ulp:
// unittests/Target/MathTest.cpp.
#include "ExpandExponentials.h"

#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace attn {
namespace {

/// 2^f on [-1/2, 1/2], highest power first, worst relative error 1.5e-7 in f32. The last coefficient is exactly 1, so
/// that 2^0 is 1: a rescale factor of a maximum that stands still must not change anything.
constexpr float kExp2[] = {1.3264738736e-3f, 9.6715166674e-3f, 5.5507337528e-2f,
                           2.4022242024e-1f, 6.9314697757e-1f, 1.0f};
/// (e^r - 1 - r) / r^2 on [-ln 2 / 2, ln 2 / 2], highest power first: minimax of the relative error of e^r - 1, which
/// is 1.4e-8 at worst.
constexpr float kExpm1[] = {1.3882497524e-3f, 8.3666467911e-3f, 4.1667203918e-2f, 1.6666542685e-1f, 4.9999998133e-1f};
/// ln 2 in two: the product of the first with an integer of up to 9 bits is exact.
constexpr float kLn2High = 0.693145751953125f, kLn2Low = 1.42860677e-6f, kLog2E = 1.44269504f;

/// Builds code on values of one type, f32 or vectors of it.
class Exponential {
public:
  Exponential(PatternRewriter &b, Operation *op, bool hasScalef)
      : b(b), loc(op->getLoc()), type(op->getOperand(0).getType()) {
    auto vector = dyn_cast<VectorType>(type);
    useScalef = hasScalef && vector && vector.getNumElements() == 16;
  }

  Value constant(float value) {
    TypedAttr attr = b.getF32FloatAttr(value);
    if (auto vector = dyn_cast<VectorType>(type))
      attr = DenseElementsAttr::get(vector, value);
    return arith::ConstantOp::create(b, loc, attr);
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value subtract(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value multiply(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value divide(Value x, Value y) { return arith::DivFOp::create(b, loc, x, y); }
  Value magnitude(Value x) { return math::AbsFOp::create(b, loc, x); }
  Value withSign(Value x, Value sign) { return math::CopySignOp::create(b, loc, x, sign); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(b, loc, x, y, z); }

  Value polynomial(ArrayRef<float> coefficients, Value x) {
    Value p = constant(coefficients.front());
    for (float coefficient : coefficients.drop_front())
      p = fma(p, x, constant(coefficient));
    return p;
  }

  /// Compare and select, not maximumf: NaN falls through to the second operand, in one instruction.
  Value atLeast(float low, Value x) { return choose(arith::CmpFPredicate::OGT, constant(low), x); }
  Value atMost(float high, Value x) { return choose(arith::CmpFPredicate::OLT, constant(high), x); }

  /// An integer as a float, and with it what `scale` needs.
  struct Power {
    Value n, shifted;
    float bias;
  };

  /// The integer next to y, up to `largest`. Without the instruction 2^n is made by writing n into the exponent: adding
  /// 1.5 * 2^23 + 127 rounds to an integer and leaves n + 127 in the low bits of the mantissa; n = -127 gives the bits
  /// of 0. 2^128 has no exponent: where n may be 128, scale by 2^(n - 1) and double.
  Power round(Value y, int largest) {
    if (useScalef)
      return {math::RoundEvenOp::create(b, loc, y), nullptr, 0};
    float bias = largest > 127 ? 126 : 127;
    Value magic = constant(12582912.0f + bias);
    Value shifted = add(y, magic);
    return {subtract(shifted, magic), shifted, bias};
  }

  /// p * 2^n; a NaN of p is carried through. By the instruction n may have any size, and infinities need no bounds: p
  /// is NaN then, and NaN * 2^-inf is defined as 0, NaN * 2^inf as inf (Intel's manual, special cases of VSCALEFPS).
  Value scale(Value p, const Power &power) {
    if (useScalef) {
      Value all = arith::ConstantOp::create(b, loc, b.getI16IntegerAttr(-1));
      Value currentRounding = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(4));
      return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
                                           ValueRange{p, power.n, constant(0.0f), all, currentRounding})
          .getResults();
    }
    Type intType = b.getI32Type();
    TypedAttr mantissaBits = b.getI32IntegerAttr(23);
    if (auto vector = dyn_cast<VectorType>(type)) {
      intType = vector.clone(intType);
      mantissaBits = DenseElementsAttr::get(cast<VectorType>(intType), int32_t(23));
    }
    Value bits = arith::BitcastOp::create(b, loc, intType, power.shifted);
    bits = arith::ShLIOp::create(b, loc, bits, arith::ConstantOp::create(b, loc, mantissaBits));
    Value result = multiply(p, arith::BitcastOp::create(b, loc, type, bits));
    return power.bias == 127 ? result : add(result, result);
  }

  /// e^r - 1 where x = r + n ln 2; exact at 0.
  Value expm1(Value x, const Power &power) {
    Value r = fma(power.n, constant(-kLn2High), x);
    r = fma(power.n, constant(-kLn2Low), r);
    return fma(multiply(r, r), polynomial(kExpm1, r), r);
  }

  bool hasInstruction() const { return useScalef; }

private:
  Value choose(arith::CmpFPredicate predicate, Value bound, Value x) {
    return arith::SelectOp::create(b, loc, arith::CmpFOp::create(b, loc, predicate, bound, x), bound, x);
  }

  PatternRewriter &b;
  Location loc;
  Type type;
  bool useScalef;
};

template <typename Op> struct ExpandExponential : OpRewritePattern<Op> {
  ExpandExponential(MLIRContext *context, bool hasScalef) : OpRewritePattern<Op>(context), hasScalef(hasScalef) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &b) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return b.notifyMatchFailure(op, "f32 only");
    Exponential e(b, op, hasScalef);
    b.replaceOp(op, expand(op, e));
    return success();
  }

private:
  /// 0 for -inf and below about -126, inf from 128. Who knows that the argument is never positive says so by the
  /// attribute attn.non_positive and saves two instructions without scalef.
  static Value expand(math::Exp2Op op, Exponential &e) {
    Value y = op.getOperand();
    int largest = op->hasAttr(kNonPositiveName) ? 0 : 128;
    if (!e.hasInstruction()) {
      y = e.atLeast(largest ? -126.0f : -127.0f, y);
      if (largest)
        y = e.atMost(128.0f, y);
    }
    Exponential::Power power = e.round(y, largest);
    return e.scale(e.polynomial(kExp2, e.subtract(y, power.n)), power);
  }

  /// 0 for -inf and below about -87, inf from 88.8. Bounds keep what is left of the argument small.
  static Value expand(math::ExpOp op, Exponential &e) {
    Value x = e.atMost(89.0f, e.atLeast(e.hasInstruction() ? -104.0f : -87.6f, op.getOperand()));
    Exponential::Power power = e.round(e.multiply(x, e.constant(kLog2E)), 128);
    return e.scale(e.add(e.expm1(x, power), e.constant(1.0f)), power);
  }

  /// (e^2x - 1) / (e^2x + 1) of |x|; from 9.02 on it is 1 in f32. Nothing cancels: e^2x - 1 is 2^n (e^r - 1) + (2^n -
  /// 1).
  static Value expand(math::TanhOp op, Exponential &e) {
    Value x = e.atMost(9.02f, e.magnitude(op.getOperand()));
    Value twice = e.add(x, x);
    Exponential::Power power = e.round(e.multiply(twice, e.constant(kLog2E)), 27);
    Value one = e.constant(1.0f), scale = e.scale(one, power);
    Value difference = e.fma(scale, e.expm1(twice, power), e.subtract(scale, one));
    return e.withSign(e.divide(difference, e.add(difference, e.constant(2.0f))), op.getOperand());
  }

  bool hasScalef;
};

} // namespace
} // namespace attn

void attn::populateExponentialPatterns(RewritePatternSet &patterns, bool hasScalef) {
  patterns.add<ExpandExponential<math::Exp2Op>, ExpandExponential<math::ExpOp>, ExpandExponential<math::TanhOp>>(
      patterns.getContext(), hasScalef);
}
