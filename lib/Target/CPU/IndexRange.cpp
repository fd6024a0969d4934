// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "IndexRange.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;

namespace attn {

std::optional<IndexRange> getBinaryRange(StringRef name, IndexRange a, IndexRange b) {
  int64_t lo, hi;
  if (name == "arith.addi") {
    if (llvm::AddOverflow(a.lo, b.lo, lo) || llvm::AddOverflow(a.hi, b.hi, hi))
      return std::nullopt;
    return IndexRange{lo, hi};
  }
  if (name == "arith.subi") {
    if (llvm::SubOverflow(a.lo, b.hi, lo) || llvm::SubOverflow(a.hi, b.lo, hi))
      return std::nullopt;
    return IndexRange{lo, hi};
  }
  if (name == "arith.muli") {
    lo = INT64_MAX, hi = INT64_MIN;
    for (int64_t x : {a.lo, a.hi})
      for (int64_t y : {b.lo, b.hi}) {
        int64_t product;
        if (llvm::MulOverflow(x, y, product))
          return std::nullopt;
        lo = std::min(lo, product), hi = std::max(hi, product);
      }
    return IndexRange{lo, hi};
  }
  if (name == "arith.minsi")
    return IndexRange{std::min(a.lo, b.lo), std::min(a.hi, b.hi)};
  if (name == "arith.maxsi")
    return IndexRange{std::max(a.lo, b.lo), std::max(a.hi, b.hi)};
  // A quotient by a positive divisor does not leave the hull of the dividend and 0; a remainder stays below both.
  bool isDivision =
      name == "arith.divsi" || name == "arith.floordivsi" || name == "arith.ceildivsi" || name == "arith.divui";
  if (isDivision && b.lo > 0 && (name != "arith.divui" || a.lo >= 0))
    return IndexRange{std::min<int64_t>(a.lo, 0), std::max<int64_t>(a.hi, 0)};
  if ((name == "arith.remsi" || name == "arith.remui") && b.lo > 0 && a.lo >= 0)
    return IndexRange{0, std::min(a.hi, b.hi - 1)};
  return std::nullopt;
}

/// Interval of an affine expression whose dims and symbols have the given intervals.
static std::optional<IndexRange> getExprRange(AffineExpr expr, unsigned numDims,
                                              ArrayRef<std::optional<IndexRange>> operands) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return IndexRange{constant.getValue(), constant.getValue()};
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return operands[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return operands[numDims + symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  auto lhs = getExprRange(binary.getLHS(), numDims, operands), rhs = getExprRange(binary.getRHS(), numDims, operands);
  if (!lhs || !rhs)
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return getBinaryRange("arith.addi", *lhs, *rhs);
  case AffineExprKind::Mul:
    return getBinaryRange("arith.muli", *lhs, *rhs);
  case AffineExprKind::FloorDiv:
    return getBinaryRange("arith.floordivsi", *lhs, *rhs);
  case AffineExprKind::CeilDiv:
    return getBinaryRange("arith.ceildivsi", *lhs, *rhs);
  case AffineExprKind::Mod:
    return rhs->lo > 0 ? std::optional(IndexRange{0, rhs->hi - 1}) : std::nullopt;
  default:
    return std::nullopt;
  }
}

static std::optional<IndexRange> getAffineRange(AffineMap map, ValueRange operands, bool isMin) {
  SmallVector<std::optional<IndexRange>> ranges;
  for (Value operand : operands)
    ranges.push_back(getIndexRange(operand));
  std::optional<IndexRange> result;
  for (AffineExpr expr : map.getResults()) {
    auto range = getExprRange(expr, map.getNumDims(), ranges);
    if (!range)
      return std::nullopt;
    if (!result)
      result = range;
    else
      result = isMin ? IndexRange{std::min(result->lo, range->lo), std::min(result->hi, range->hi)}
                     : IndexRange{std::max(result->lo, range->lo), std::max(result->hi, range->hi)};
  }
  return result;
}

std::optional<IndexRange> getIndexRange(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)) && constant.getSignificantBits() <= 64)
    return IndexRange{constant.getSExtValue(), constant.getSExtValue()};
  if (auto integer = dyn_cast<IntegerType>(value.getType()); integer && integer.getWidth() <= 32) {
    int64_t bound = int64_t(1) << (integer.getWidth() - 1);
    return IndexRange{-bound, bound - 1};
  }
  if (auto arg = dyn_cast<BlockArgument>(value)) {
    // Loops of kernels run over rows, keys and their tiles, all of which are dimensions of views.
    Operation *parent = arg.getOwner()->getParentOp();
    bool isCounter = isa<scf::ForallOp>(parent) || (isa<scf::ForOp>(parent) && arg.getArgNumber() == 0);
    return isCounter ? std::optional(IndexRange{0, kMaxDimension}) : std::nullopt;
  }
  Operation *op = value.getDefiningOp();
  if (isa<memref::DimOp, linalg::IndexOp>(op))
    return IndexRange{0, kMaxDimension};
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return getAffineRange(apply.getAffineMap(), apply.getMapOperands(), /*isMin=*/true);
  if (auto min = dyn_cast<affine::AffineMinOp>(op))
    return getAffineRange(min.getAffineMap(), min.getMapOperands(), /*isMin=*/true);
  if (auto max = dyn_cast<affine::AffineMaxOp>(op))
    return getAffineRange(max.getAffineMap(), max.getMapOperands(), /*isMin=*/false);
  if (isa<arith::IndexCastOp, arith::ExtSIOp>(op))
    return getIndexRange(op->getOperand(0));
  if (auto absolute = dyn_cast<math::AbsIOp>(op)) {
    auto range = getIndexRange(absolute.getOperand());
    if (!range || range->lo == std::numeric_limits<int64_t>::min())
      return std::nullopt;
    return IndexRange{std::max<int64_t>({range->lo, -range->hi, 0}), std::max(range->hi, -range->lo)};
  }
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    auto a = getIndexRange(select.getTrueValue()), b = getIndexRange(select.getFalseValue());
    if (a && b)
      return IndexRange{std::min(a->lo, b->lo), std::max(a->hi, b->hi)};
    return std::nullopt;
  }
  if (op->getNumOperands() == 2 && isa<arith::ArithDialect>(op->getDialect())) {
    auto a = getIndexRange(op->getOperand(0)), b = getIndexRange(op->getOperand(1));
    if (a && b)
      return getBinaryRange(op->getName().getStringRef(), *a, *b);
  }
  return std::nullopt;
}

} // namespace attn
