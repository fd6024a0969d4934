// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reciprocals of 512-bit vectors where a division says that an approximation will do (arith's flag arcp): an estimate
// and one step of Newton instead of a division, which takes three times as long.
#include "ExpandReciprocal.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;

namespace attn {
namespace {

/// y = estimate of 1/x, off by 2^-14 of itself; y + y (1 - x y) is off by 2^-23.
struct ExpandReciprocal : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::DivFOp op, PatternRewriter &b) const override {
    auto vector = dyn_cast<VectorType>(op.getType());
    if (!vector || vector.getNumElements() != 16 || !vector.getElementType().isF32())
      return b.notifyMatchFailure(op, "sixteen f32 only");
    if (!arith::bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::arcp) ||
        !matchPattern(op.getLhs(), m_OneFloat()))
      return b.notifyMatchFailure(op, "only 1 / x that may be an approximation");
    Location loc = op.getLoc();
    Value x = op.getRhs(), one = op.getLhs();
    Value zeros = arith::ConstantOp::create(b, loc, b.getZeroAttr(vector));
    Value all = arith::ConstantOp::create(b, loc, b.getI16IntegerAttr(-1));
    Value y = LLVM::CallIntrinsicOp::create(b, loc, vector, b.getStringAttr("llvm.x86.avx512.rcp14.ps.512"),
                                            ValueRange{x, zeros, all})
                  .getResults();
    Value error = math::FmaOp::create(b, loc, arith::NegFOp::create(b, loc, x), y, one);
    b.replaceOpWithNewOp<math::FmaOp>(op, y, error, y);
    return success();
  }
};

} // namespace

void populateReciprocalPatterns(RewritePatternSet &patterns) { patterns.add<ExpandReciprocal>(patterns.getContext()); }

} // namespace attn
