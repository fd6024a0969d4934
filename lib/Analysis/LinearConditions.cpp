// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reads integer arithmetic of a mask region backwards from its yield.
#include "LinearConditions.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attn {

AffineExpr KeyRangeSymbols::get(KeyRangeSymbol::Kind kind, unsigned number) {
  KeyRangeSymbol wanted{kind, number};
  auto *it = llvm::find(symbols, wanted);
  unsigned index = it - symbols.begin();
  if (it == symbols.end())
    symbols.push_back(wanted);
  return getAffineSymbolExpr(index, context);
}

namespace {

/// Coefficients above this are left alone, so that products of a few of them stay far from overflow.
constexpr int64_t kLargestCoefficient = int64_t(1) << 31;

class Reader {
public:
  Reader(ScoredOpInterface op, const LoopInfo &loops, unsigned rowLoop, KeyRangeSymbols &symbols)
      : op(op), loops(loops), rowLoop(rowLoop), symbols(symbols) {}

  LinearConditions read() {
    Region &mask = op.getMask();
    if (!mask.empty())
      readConjunct(mask.front().getTerminator()->getOperand(0));
    return std::move(result);
  }

private:
  void readConjunct(Value value) {
    if (auto conjunction = value.getDefiningOp<arith::AndIOp>()) {
      readConjunct(conjunction.getLhs());
      readConjunct(conjunction.getRhs());
      return;
    }
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)) && !constant.isZero())
      return;
    auto comparison = value.getDefiningOp<arith::CmpIOp>();
    if (!comparison || !readComparison(comparison))
      result.exact = false;
  }

  /// Adds what the comparison says; false where that is not all of it.
  bool readComparison(arith::CmpIOp comparison) {
    std::optional<LinearForm> lhs = readForm(comparison.getLhs()), rhs = readForm(comparison.getRhs());
    if (!lhs || !rhs)
      return false;
    switch (comparison.getPredicate()) {
    case arith::CmpIPredicate::eq: {
      bool below = atMost(*lhs, *rhs, 0), above = atMost(*rhs, *lhs, 0);
      return below && above;
    }
    case arith::CmpIPredicate::ne:
      return false;
    case arith::CmpIPredicate::slt:
      return atMost(*lhs, *rhs, 1);
    case arith::CmpIPredicate::sle:
      return atMost(*lhs, *rhs, 0);
    case arith::CmpIPredicate::sgt:
      return atMost(*rhs, *lhs, 1);
    case arith::CmpIPredicate::sge:
      return atMost(*rhs, *lhs, 0);
    case arith::CmpIPredicate::ult:
      return unsignedAtMost(comparison.getLhs(), *lhs, comparison.getRhs(), *rhs, 1);
    case arith::CmpIPredicate::ule:
      return unsignedAtMost(comparison.getLhs(), *lhs, comparison.getRhs(), *rhs, 0);
    case arith::CmpIPredicate::ugt:
      return unsignedAtMost(comparison.getRhs(), *rhs, comparison.getLhs(), *lhs, 1);
    case arith::CmpIPredicate::uge:
      return unsignedAtMost(comparison.getRhs(), *rhs, comparison.getLhs(), *lhs, 0);
    }
    return false;
  }

  /// a + distance <= b.
  bool atMost(const LinearForm &a, const LinearForm &b, int64_t distance) {
    LinearCondition condition{b.row - a.row, b.key - a.key, b.rest - a.rest - distance};
    if (condition.key != 0) {
      result.known.push_back(condition);
      return true;
    }
    // Without the key it is all or nothing for a row. Only what always holds is used.
    auto constant = dyn_cast<AffineConstantExpr>(condition.rest);
    return condition.row == 0 && constant && constant.getValue() >= 0;
  }

  /// Unsigned a + distance <= b. With b >= 0 that is 0 <= a and a + distance <= b; with a negative b it is no interval.
  bool unsignedAtMost(Value aValue, const LinearForm &a, Value bValue, const LinearForm &b, int64_t distance) {
    if (!isNonNegative(bValue))
      return false;
    LinearForm zero{0, 0, getAffineConstantExpr(0, symbols.getContext())};
    bool exact = isNonNegative(aValue) || atMost(zero, a, 0);
    return atMost(a, b, distance) && exact;
  }

  bool isNonNegative(Value value) {
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant)))
      return constant.isNonNegative();
    if (value.getDefiningOp<IndexOp>())
      return op.getOffsets().empty();
    return false;
  }

  /// Whether `value` holds 64 bits, whose arithmetic is taken not to overflow.
  static bool isWide(Value value) { return value.getType().isIndex() || value.getType().isInteger(64); }

  template <typename OpTy> static bool cannotWrap(OpTy arithmetic) {
    return isWide(arithmetic.getResult()) ||
           bitEnumContainsAll(arithmetic.getOverflowFlags(), arith::IntegerOverflowFlags::nsw);
  }

  std::optional<LinearForm> readForm(Value value) {
    MLIRContext *context = symbols.getContext();
    APInt constant;
    if (matchPattern(value, m_ConstantInt(&constant))) {
      if (constant.getSignificantBits() > 32)
        return std::nullopt;
      return LinearForm{0, 0, getAffineConstantExpr(constant.getSExtValue(), context)};
    }
    if (auto argument = dyn_cast<BlockArgument>(value))
      return readArgument(argument);
    if (auto index = value.getDefiningOp<IndexOp>())
      return readPosition(index.getLoop());
    if (auto cast = value.getDefiningOp<arith::IndexCastOp>())
      return isWide(cast.getResult()) ? readForm(cast.getIn()) : std::nullopt;
    if (auto extension = value.getDefiningOp<arith::ExtSIOp>())
      return readForm(extension.getIn());
    if (auto sum = value.getDefiningOp<arith::AddIOp>())
      return cannotWrap(sum) ? combine(readForm(sum.getLhs()), readForm(sum.getRhs()), 1) : std::nullopt;
    if (auto difference = value.getDefiningOp<arith::SubIOp>())
      return cannotWrap(difference) ? combine(readForm(difference.getLhs()), readForm(difference.getRhs()), -1)
                                    : std::nullopt;
    if (auto product = value.getDefiningOp<arith::MulIOp>())
      return cannotWrap(product) ? multiply(readForm(product.getLhs()), readForm(product.getRhs())) : std::nullopt;
    return std::nullopt;
  }

  std::optional<LinearForm> readArgument(BlockArgument argument) {
    unsigned numElements = op.getMaskOperands().size();
    bool isInteger = argument.getType().isIndex() ||
                     (argument.getType().isSignlessInteger() && argument.getType().getIntOrFloatBitWidth() <= 64);
    if (argument.getOwner() != &op.getMask().front() || argument.getArgNumber() < numElements || !isInteger)
      return std::nullopt;
    unsigned number = argument.getArgNumber() - numElements;
    return LinearForm{0, 0, symbols.get(KeyRangeSymbol::Kind::Capture, number)};
  }

  LinearForm readPosition(unsigned loop) {
    AffineExpr zero = getAffineConstantExpr(0, symbols.getContext());
    if (loop == rowLoop)
      return {1, 0, zero};
    if (loop == static_cast<unsigned>(loops.key))
      return {0, 1, zero};
    return {0, 0, symbols.get(KeyRangeSymbol::Kind::LoopPosition, loop)};
  }

  static std::optional<LinearForm> combine(std::optional<LinearForm> a, std::optional<LinearForm> b, int64_t factor) {
    if (!a || !b)
      return std::nullopt;
    return checked({a->row + b->row * factor, a->key + b->key * factor, a->rest + b->rest * factor});
  }

  static std::optional<LinearForm> multiply(std::optional<LinearForm> a, std::optional<LinearForm> b) {
    if (!a || !b)
      return std::nullopt;
    auto factorOf = [](const LinearForm &form) {
      return form.row == 0 && form.key == 0 ? dyn_cast<AffineConstantExpr>(form.rest) : AffineConstantExpr();
    };
    if (factorOf(*a))
      std::swap(a, b);
    AffineConstantExpr factor = factorOf(*b);
    if (!factor || std::abs(factor.getValue()) > kLargestCoefficient)
      return std::nullopt;
    return checked({a->row * factor.getValue(), a->key * factor.getValue(), a->rest * factor.getValue()});
  }

  static std::optional<LinearForm> checked(const LinearForm &form) {
    if (std::abs(form.row) >= kLargestCoefficient || std::abs(form.key) >= kLargestCoefficient)
      return std::nullopt;
    return form;
  }

  ScoredOpInterface op;
  const LoopInfo &loops;
  unsigned rowLoop;
  KeyRangeSymbols &symbols;
  LinearConditions result;
};

} // namespace

LinearConditions readLinearConditions(ScoredOpInterface op, const LoopInfo &loops, unsigned rowLoop,
                                      KeyRangeSymbols &symbols) {
  return Reader(op, loops, rowLoop, symbols).read();
}

} // namespace attn
