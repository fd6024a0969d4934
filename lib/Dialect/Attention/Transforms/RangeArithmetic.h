// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Integer arithmetic on ranges, as IR: what an op of a mask region can give on a whole tile, from what its operands can
// be there. Every result holds whatever the operands are, overflow included; where nothing better is known it is the
// range of the type.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_RANGEARITHMETIC_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_RANGEARITHMETIC_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace attn {

/// All values that an integer (read as signed) or i1 takes, as a closed interval.
struct RangeOfValues {
  /// Indices that are known at run time. Of an i1 two i1: whether it is true everywhere, and whether it may be true.
  mlir::Value lower, upper;
  /// What is known at compile time: least <= lower and upper <= most.
  int64_t least, most;

  /// Whether it is one value wherever it is looked at.
  bool isSingle() const { return lower == upper; }
  /// Whether it lies in [from, to], as far as is known at compile time.
  bool isWithin(int64_t from, int64_t to) const { return least >= from && most <= to; }
};

class RangeArithmetic {
public:
  RangeArithmetic(mlir::OpBuilder &builder, mlir::Location loc) : b(builder), loc(loc) {}

  /// Every value of `type`: index, or a signless integer of at most 64 bits.
  RangeOfValues getAll(mlir::Type type);
  RangeOfValues getConstant(const llvm::APInt &value, mlir::Type type);
  /// `value` itself, of type `type`: an index, or the i1.
  RangeOfValues getSingle(mlir::Value value, mlir::Type type);
  /// [lower, upper] where `fits` holds (null: always), else every value of `type`. Both are indices.
  RangeOfValues choose(mlir::Value fits, mlir::Value lower, mlir::Value upper, mlir::Type type);

  /// The range of the result of `op`, which hasRangeForm() knows and which reads no tensor.
  RangeOfValues apply(mlir::Operation *op, llvm::ArrayRef<RangeOfValues> operands);
  RangeOfValues add(const RangeOfValues &x, const RangeOfValues &y, mlir::Type type);

  mlir::Value index(int64_t value);
  mlir::Value compare(mlir::arith::CmpIPredicate predicate, mlir::Value lhs, mlir::Value rhs) {
    return b.createOrFold<mlir::arith::CmpIOp>(loc, predicate, lhs, rhs);
  }
  mlir::Value smaller(mlir::Value lhs, mlir::Value rhs) { return make<mlir::arith::MinSIOp>(lhs, rhs); }
  mlir::Value larger(mlir::Value lhs, mlir::Value rhs) { return make<mlir::arith::MaxSIOp>(lhs, rhs); }
  mlir::Value both(mlir::Value lhs, mlir::Value rhs) { return make<mlir::arith::AndIOp>(lhs, rhs); }
  mlir::Value either(mlir::Value lhs, mlir::Value rhs) { return make<mlir::arith::OrIOp>(lhs, rhs); }
  mlir::Value isNot(mlir::Value flag);

private:
  template <typename OpTy> mlir::Value make(mlir::Value lhs, mlir::Value rhs) {
    return b.createOrFold<OpTy>(loc, lhs, rhs);
  }
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value c) {
    return b.createOrFold<mlir::arith::SelectOp>(loc, condition, a, c);
  }
  mlir::Value flag(bool value);
  /// Whether `x` lies in [from, to]; null where that is known at compile time.
  mlir::Value isWithin(const RangeOfValues &x, int64_t from, int64_t to);
  mlir::Value bothOrNull(mlir::Value lhs, mlir::Value rhs) { return !lhs ? rhs : !rhs ? lhs : both(lhs, rhs); }
  /// [lower, upper], computed without overflow and known to lie in [least, most], where that is a range of `type`, and
  /// where `fits` holds.
  RangeOfValues wrap(mlir::Value fits, mlir::Value lower, mlir::Value upper, std::optional<int64_t> least,
                     std::optional<int64_t> most, mlir::Type type);

  RangeOfValues subtract(const RangeOfValues &x, const RangeOfValues &y, mlir::Type type);
  RangeOfValues multiply(const RangeOfValues &x, const RangeOfValues &y, mlir::Type type);
  RangeOfValues divide(mlir::Operation *op, const RangeOfValues &x, const RangeOfValues &divisor);
  RangeOfValues takeRemainder(mlir::Operation *op, const RangeOfValues &x, const RangeOfValues &divisor);
  RangeOfValues combineBits(mlir::Operation *op, const RangeOfValues &x, const RangeOfValues &y);
  RangeOfValues shiftRight(mlir::Operation *op, const RangeOfValues &x, int64_t distance);
  RangeOfValues convert(mlir::Operation *op, const RangeOfValues &x);
  RangeOfValues takeAbsolute(const RangeOfValues &x, mlir::Type type);
  RangeOfValues compareRanges(mlir::arith::CmpIOp op, const RangeOfValues &x, const RangeOfValues &y);
  RangeOfValues chooseRange(const RangeOfValues &condition, const RangeOfValues &x, const RangeOfValues &y,
                            mlir::Type type);
  RangeOfValues combineFlags(mlir::Operation *op, const RangeOfValues &x, const RangeOfValues &y);

  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_RANGEARITHMETIC_H
