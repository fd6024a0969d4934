// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RangeArithmetic.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attn {

using Predicate = arith::CmpIPredicate;

static unsigned getWidth(Type type) { return type.isIndex() ? 64 : type.getIntOrFloatBitWidth(); }
static int64_t getLeast(unsigned width) { return llvm::minIntN(width); }
static int64_t getMost(unsigned width) { return llvm::maxIntN(width); }

/// Sums and differences of such numbers do not overflow 64 bits, nor do products of two of the second kind.
constexpr int64_t kSummand = int64_t(1) << 62, kFactor = int64_t(1) << 31;

Value RangeArithmetic::index(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }

Value RangeArithmetic::flag(bool value) { return arith::ConstantOp::create(b, loc, b.getBoolAttr(value)); }

Value RangeArithmetic::isNot(Value condition) { return make<arith::XOrIOp>(condition, flag(true)); }

RangeOfValues RangeArithmetic::getAll(Type type) {
  if (type.isInteger(1))
    return {flag(false), flag(true), 0, 1};
  unsigned width = getWidth(type);
  return {index(getLeast(width)), index(getMost(width)), getLeast(width), getMost(width)};
}

RangeOfValues RangeArithmetic::getConstant(const APInt &value, Type type) {
  if (type.isInteger(1))
    return getSingle(flag(!value.isZero()), type);
  Value number = index(value.getSExtValue());
  return {number, number, value.getSExtValue(), value.getSExtValue()};
}

RangeOfValues RangeArithmetic::getSingle(Value value, Type type) {
  if (type.isInteger(1))
    return {value, value, 0, 1};
  unsigned width = getWidth(type);
  return {value, value, getLeast(width), getMost(width)};
}

RangeOfValues RangeArithmetic::choose(Value fits, Value lower, Value upper, Type type) {
  unsigned width = getWidth(type);
  if (fits) {
    lower = select(fits, lower, index(getLeast(width)));
    upper = select(fits, upper, index(getMost(width)));
  }
  return {lower, upper, getLeast(width), getMost(width)};
}

Value RangeArithmetic::isWithin(const RangeOfValues &x, int64_t from, int64_t to) {
  Value fits;
  if (x.least < from)
    fits = compare(Predicate::sge, x.lower, index(from));
  if (x.most > to)
    fits = bothOrNull(fits, compare(Predicate::sle, x.upper, index(to)));
  return fits;
}

RangeOfValues RangeArithmetic::wrap(Value fits, Value lower, Value upper, std::optional<int64_t> least,
                                    std::optional<int64_t> most, Type type) {
  unsigned width = getWidth(type);
  RangeOfValues exact{lower, upper, least.value_or(INT64_MIN), most.value_or(INT64_MAX)};
  fits = bothOrNull(fits, isWithin(exact, getLeast(width), getMost(width)));
  if (!fits)
    return exact;
  return choose(fits, lower, upper, type);
}

static std::optional<int64_t> checked(bool overflows, int64_t value) {
  return overflows ? std::nullopt : std::optional<int64_t>(value);
}

RangeOfValues RangeArithmetic::add(const RangeOfValues &x, const RangeOfValues &y, Type type) {
  int64_t least, most;
  bool below = llvm::AddOverflow(x.least, y.least, least), above = llvm::AddOverflow(x.most, y.most, most);
  Value fits;
  if (below || above)
    fits = bothOrNull(isWithin(x, -kSummand, kSummand - 1), isWithin(y, -kSummand, kSummand - 1));
  return wrap(fits, make<arith::AddIOp>(x.lower, y.lower), make<arith::AddIOp>(x.upper, y.upper), checked(below, least),
              checked(above, most), type);
}

RangeOfValues RangeArithmetic::subtract(const RangeOfValues &x, const RangeOfValues &y, Type type) {
  int64_t least, most;
  bool below = llvm::SubOverflow(x.least, y.most, least), above = llvm::SubOverflow(x.most, y.least, most);
  Value fits;
  if (below || above)
    fits = bothOrNull(isWithin(x, -kSummand, kSummand - 1), isWithin(y, -kSummand, kSummand - 1));
  return wrap(fits, make<arith::SubIOp>(x.lower, y.upper), make<arith::SubIOp>(x.upper, y.lower), checked(below, least),
              checked(above, most), type);
}

RangeOfValues RangeArithmetic::multiply(const RangeOfValues &x, const RangeOfValues &y, Type type) {
  if (y.least == y.most && x.least != x.most)
    return multiply(y, x, type);
  std::optional<int64_t> least = INT64_MAX, most = INT64_MIN;
  for (int64_t a : {x.least, x.most})
    for (int64_t c : {y.least, y.most}) {
      int64_t product;
      if (llvm::MulOverflow(a, c, product))
        least = most = std::nullopt;
      if (least) {
        least = std::min(*least, product);
        most = std::max(*most, product);
      }
    }
  Value fits;
  if (!least)
    fits = bothOrNull(isWithin(x, -kFactor, kFactor - 1), isWithin(y, -kFactor, kFactor - 1));
  auto product = [&](Value a, Value c) { return make<arith::MulIOp>(a, c); };
  if (x.least == x.most) {
    bool swapped = x.least < 0;
    return wrap(fits, product(x.lower, swapped ? y.upper : y.lower), product(x.lower, swapped ? y.lower : y.upper),
                least, most, type);
  }
  Value corners[] = {product(x.lower, y.lower), product(x.lower, y.upper), product(x.upper, y.lower),
                     product(x.upper, y.upper)};
  return wrap(fits, smaller(smaller(corners[0], corners[1]), smaller(corners[2], corners[3])),
              larger(larger(corners[0], corners[1]), larger(corners[2], corners[3])), least, most, type);
}

RangeOfValues RangeArithmetic::divide(Operation *op, const RangeOfValues &x, const RangeOfValues &divisor) {
  Type type = op->getResult(0).getType();
  // Quotients by one positive number keep the order of what is divided.
  if (!divisor.isSingle())
    return getAll(type);
  Value fits = isWithin(divisor, 1, INT64_MAX);
  if (isa<arith::DivUIOp>(op))
    fits = bothOrNull(fits, isWithin(x, 0, INT64_MAX));
  Value by = divisor.least >= 1 ? divisor.lower : larger(divisor.lower, index(1));
  auto quotient = [&](Value a) -> Value {
    Value towardsZero = make<arith::DivSIOp>(a, by);
    if (!isa<arith::FloorDivSIOp, arith::CeilDivSIOp>(op))
      return towardsZero;
    bool isFloor = isa<arith::FloorDivSIOp>(op);
    if (isFloor && x.least >= 0)
      return towardsZero;
    Value rest = make<arith::SubIOp>(a, make<arith::MulIOp>(towardsZero, by));
    Value isOff = compare(isFloor ? Predicate::slt : Predicate::sgt, rest, index(0));
    return select(isOff, make<arith::AddIOp>(towardsZero, index(isFloor ? -1 : 1)), towardsZero);
  };
  // A quotient by a positive number does not leave the hull of what is divided and 0.
  return wrap(fits, quotient(x.lower), quotient(x.upper), std::min<int64_t>(x.least, 0), std::max<int64_t>(x.most, 0),
              type);
}

RangeOfValues RangeArithmetic::takeRemainder(Operation *op, const RangeOfValues &x, const RangeOfValues &divisor) {
  Type type = op->getResult(0).getType();
  if (!divisor.isSingle())
    return getAll(type);
  Value fits = isWithin(divisor, 1, INT64_MAX);
  Value isNatural = isWithin(x, 0, INT64_MAX);
  if (isa<arith::RemUIOp>(op))
    fits = bothOrNull(fits, isNatural);
  Value by = divisor.least >= 1 ? divisor.lower : larger(divisor.lower, index(1));
  Value largest = make<arith::SubIOp>(by, index(1));
  // Between two multiples remainders keep the order of what is divided.
  Value first = make<arith::DivSIOp>(x.lower, by), last = make<arith::DivSIOp>(x.upper, by);
  Value isOne = bothOrNull(isNatural, compare(Predicate::eq, first, last));
  Value lowest = index(0), highest = smaller(largest, larger(x.upper, index(0)));
  if (isNatural)
    lowest = select(isNatural, lowest, make<arith::SubIOp>(index(0), largest));
  auto rest = [&](Value a, Value quotient) { return make<arith::SubIOp>(a, make<arith::MulIOp>(quotient, by)); };
  int64_t most = divisor.most - 1;
  return wrap(fits, select(isOne, rest(x.lower, first), lowest), select(isOne, rest(x.upper, last), highest),
              isNatural ? -most : 0, most, type);
}

/// The bits in front of the first one that differs between the ends of a range are those of all of its values.
RangeOfValues RangeArithmetic::combineBits(Operation *op, const RangeOfValues &x, const RangeOfValues &y) {
  Value free = make<arith::OrIOp>(make<arith::XOrIOp>(x.lower, x.upper), make<arith::XOrIOp>(y.lower, y.upper));
  for (int64_t distance : {1, 2, 4, 8, 16, 32})
    free = make<arith::OrIOp>(free, make<arith::ShRUIOp>(free, index(distance)));
  auto combine = [&](Value a, Value c) -> Value {
    if (isa<arith::AndIOp>(op))
      return make<arith::AndIOp>(a, c);
    return isa<arith::OrIOp>(op) ? make<arith::OrIOp>(a, c) : make<arith::XOrIOp>(a, c);
  };
  Value known = make<arith::AndIOp>(combine(x.lower, y.lower), make<arith::XOrIOp>(free, index(-1)));
  // Of the other bits those may be set that one of the operands may have, or both for a conjunction.
  auto getPossible = [&](const RangeOfValues &value) {
    return value.isSingle() ? value.lower : make<arith::OrIOp>(value.lower, free);
  };
  Value possible = isa<arith::AndIOp>(op) ? make<arith::AndIOp>(getPossible(x), getPossible(y))
                                          : make<arith::OrIOp>(getPossible(x), getPossible(y));
  Value highest = make<arith::OrIOp>(known, make<arith::AndIOp>(free, possible));
  // Where the sign is free the bits say nothing.
  Value isSignKnown = compare(Predicate::sge, free, index(0));
  const RangeOfValues &natural = y.least >= 0 ? y : x;
  if (isa<arith::AndIOp>(op) && natural.least >= 0)
    return {select(isSignKnown, known, index(0)), select(isSignKnown, highest, natural.upper), 0, natural.most};
  return choose(isSignKnown, known, highest, op->getResult(0).getType());
}

RangeOfValues RangeArithmetic::shiftRight(Operation *op, const RangeOfValues &x, int64_t distance) {
  Type type = op->getResult(0).getType();
  if (distance < 0 || distance >= getWidth(type))
    return getAll(type);
  Value fits = isa<arith::ShRUIOp>(op) && distance > 0 ? isWithin(x, 0, INT64_MAX) : Value();
  Value by = index(distance);
  return wrap(fits, make<arith::ShRSIOp>(x.lower, by), make<arith::ShRSIOp>(x.upper, by), x.least >> distance,
              x.most >> distance, type);
}

RangeOfValues RangeArithmetic::convert(Operation *op, const RangeOfValues &x) {
  Type from = op->getOperand(0).getType(), to = op->getResult(0).getType();
  bool isUnsigned = isa<arith::ExtUIOp, arith::IndexCastUIOp>(op);
  auto toIndex = [&](Value value) { return b.createOrFold<arith::IndexCastUIOp>(loc, b.getIndexType(), value); };
  if (from.isInteger(1)) {
    Value lower = toIndex(x.lower), upper = toIndex(x.upper);
    if (isUnsigned)
      return {lower, upper, 0, 1};
    return {make<arith::SubIOp>(index(0), upper), make<arith::SubIOp>(index(0), lower), -1, 0};
  }
  if (to.isInteger(1))
    return getAll(to);
  unsigned width = getWidth(from);
  if (!isUnsigned || getWidth(to) <= width)
    return wrap({}, x.lower, x.upper, x.least, x.most, to);
  // Negative numbers are read as large ones.
  Value isNatural = isWithin(x, 0, INT64_MAX);
  if (!isNatural)
    return x;
  int64_t largest = static_cast<int64_t>(llvm::maxUIntN(width));
  return {select(isNatural, x.lower, index(0)), select(isNatural, x.upper, index(largest)), 0, largest};
}

RangeOfValues RangeArithmetic::takeAbsolute(const RangeOfValues &x, Type type) {
  if (x.least >= 0)
    return x;
  // The least number of a type has no opposite.
  int64_t lowest = getLeast(getWidth(type));
  Value fits = isWithin(x, lowest + 1, INT64_MAX);
  Value minusLower = make<arith::SubIOp>(index(0), x.lower), minusUpper = make<arith::SubIOp>(index(0), x.upper);
  Value lower = larger(larger(x.lower, minusUpper), index(0)), upper = larger(minusLower, x.upper);
  if (!fits)
    return {lower, upper, 0, std::max(-x.least, x.most)};
  return choose(fits, lower, upper, type);
}

RangeOfValues RangeArithmetic::combineFlags(Operation *op, const RangeOfValues &x, const RangeOfValues &y) {
  if (isa<arith::AndIOp, arith::MinUIOp, arith::MulIOp>(op))
    return {both(x.lower, y.lower), both(x.upper, y.upper), 0, 1};
  if (isa<arith::OrIOp, arith::MaxUIOp>(op))
    return {either(x.lower, y.lower), either(x.upper, y.upper), 0, 1};
  if (!isa<arith::XOrIOp, arith::CmpIOp>(op))
    return getAll(b.getI1Type());
  Value xNever = isNot(x.upper), yNever = isNot(y.upper);
  Value differ = either(both(x.lower, yNever), both(xNever, y.lower));
  Value agree = either(both(x.lower, y.lower), both(xNever, yNever));
  return {differ, isNot(agree), 0, 1};
}

RangeOfValues RangeArithmetic::compareRanges(arith::CmpIOp op, const RangeOfValues &x, const RangeOfValues &y) {
  auto opposite = [&](const RangeOfValues &truth) {
    return RangeOfValues{isNot(truth.upper), isNot(truth.lower), 0, 1};
  };
  Predicate predicate = op.getPredicate();
  if (op.getLhs().getType().isInteger(1)) {
    if (predicate == Predicate::ne)
      return combineFlags(op, x, y);
    return predicate == Predicate::eq ? opposite(combineFlags(op, x, y)) : getAll(b.getI1Type());
  }
  // Everywhere, and anywhere.
  auto order = [&](Predicate signedPredicate) {
    bool isLess = signedPredicate == Predicate::slt || signedPredicate == Predicate::sle;
    Value always = compare(signedPredicate, isLess ? x.upper : x.lower, isLess ? y.lower : y.upper);
    Value possible = compare(signedPredicate, isLess ? x.lower : x.upper, isLess ? y.upper : y.lower);
    return RangeOfValues{always, possible, 0, 1};
  };
  auto equal = [&] {
    Value possible = both(compare(Predicate::sle, x.lower, y.upper), compare(Predicate::sle, y.lower, x.upper));
    Value always = both(compare(Predicate::eq, x.lower, y.upper), compare(Predicate::eq, x.upper, y.lower));
    return RangeOfValues{always, possible, 0, 1};
  };
  switch (predicate) {
  case Predicate::eq:
    return equal();
  case Predicate::ne:
    return opposite(equal());
  case Predicate::slt:
  case Predicate::sle:
  case Predicate::sgt:
  case Predicate::sge:
    return order(predicate);
  default:
    break;
  }
  // Natural numbers compare as signed ones do.
  Predicate asSigned = predicate == Predicate::ult   ? Predicate::slt
                       : predicate == Predicate::ule ? Predicate::sle
                       : predicate == Predicate::ugt ? Predicate::sgt
                                                     : Predicate::sge;
  RangeOfValues truth = order(asSigned);
  Value natural = bothOrNull(isWithin(x, 0, INT64_MAX), isWithin(y, 0, INT64_MAX));
  if (!natural)
    return truth;
  return {both(natural, truth.lower), either(isNot(natural), truth.upper), 0, 1};
}

RangeOfValues RangeArithmetic::chooseRange(const RangeOfValues &condition, const RangeOfValues &x,
                                           const RangeOfValues &y, Type type) {
  if (type.isInteger(1)) {
    Value never = isNot(condition.upper), notAlways = isNot(condition.lower);
    Value always = either(either(both(condition.lower, x.lower), both(never, y.lower)), both(x.lower, y.lower));
    Value possible = either(both(condition.upper, x.upper), both(notAlways, y.upper));
    return {always, possible, 0, 1};
  }
  auto pick = [&](Value a, Value c, Value hull) {
    return select(condition.lower, a, select(condition.upper, hull, c));
  };
  return {pick(x.lower, y.lower, smaller(x.lower, y.lower)), pick(x.upper, y.upper, larger(x.upper, y.upper)),
          std::min(x.least, y.least), std::max(x.most, y.most)};
}

RangeOfValues RangeArithmetic::apply(Operation *op, ArrayRef<RangeOfValues> operands) {
  Type type = op->getResult(0).getType();
  if (auto comparison = dyn_cast<arith::CmpIOp>(op))
    return compareRanges(comparison, operands[0], operands[1]);
  if (isa<arith::SelectOp>(op))
    return chooseRange(operands[0], operands[1], operands[2], type);
  if (isa<arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp, arith::IndexCastOp, arith::IndexCastUIOp>(op))
    return convert(op, operands[0]);
  if (isa<math::AbsIOp>(op))
    return type.isInteger(1) ? getAll(type) : takeAbsolute(operands[0], type);
  const RangeOfValues &x = operands[0], &y = operands[1];
  if (type.isInteger(1))
    return combineFlags(op, x, y);
  if (isa<arith::AddIOp>(op))
    return add(x, y, type);
  if (isa<arith::SubIOp>(op))
    return subtract(x, y, type);
  if (isa<arith::MulIOp>(op))
    return multiply(x, y, type);
  if (isa<arith::DivSIOp, arith::DivUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp>(op))
    return divide(op, x, y);
  if (isa<arith::RemSIOp, arith::RemUIOp>(op))
    return takeRemainder(op, x, y);
  if (isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp>(op))
    return combineBits(op, x, y);
  if (isa<arith::ShLIOp>(op)) {
    if (y.least < 0 || y.least >= getWidth(type) - 1)
      return getAll(type);
    Value factor = index(int64_t(1) << y.least);
    return multiply({factor, factor, int64_t(1) << y.least, int64_t(1) << y.least}, x, type);
  }
  if (isa<arith::ShRSIOp, arith::ShRUIOp>(op))
    return shiftRight(op, x, y.least);
  if (isa<arith::MinSIOp>(op))
    return {smaller(x.lower, y.lower), smaller(x.upper, y.upper), std::min(x.least, y.least), std::min(x.most, y.most)};
  if (isa<arith::MaxSIOp>(op))
    return {larger(x.lower, y.lower), larger(x.upper, y.upper), std::max(x.least, y.least), std::max(x.most, y.most)};
  // Natural numbers only.
  Value fits = bothOrNull(isWithin(x, 0, INT64_MAX), isWithin(y, 0, INT64_MAX));
  if (isa<arith::MinUIOp>(op))
    return choose(fits, smaller(x.lower, y.lower), smaller(x.upper, y.upper), type);
  if (isa<arith::MaxUIOp>(op))
    return choose(fits, larger(x.lower, y.lower), larger(x.upper, y.upper), type);
  return getAll(type);
}

} // namespace attn
