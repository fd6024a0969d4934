// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the normalizers build: scalar code, total in every state (see AttentionInterfaces.td).
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

namespace {

/// The few operations that normalizers are made of.
class ScalarBuilder {
public:
  ScalarBuilder(OpBuilder &builder, Location loc, FloatType type, ExpBase base)
      : builder(builder), loc(loc), type(type), base(base) {}

  Value constant(double value) { return constant(rounded(value)); }
  Value constant(APFloat value) {
    return arith::ConstantOp::create(builder, loc, type, builder.getFloatAttr(type, value));
  }
  /// The smallest normal number.
  Value smallest() { return constant(APFloat::getSmallestNormalized(type.getFloatSemantics())); }
  Value either(Value a, Value b) { return arith::OrIOp::create(builder, loc, a, b); }
  Value negativeInfinity() { return constant(APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true)); }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value sub(Value a, Value b) { return arith::SubFOp::create(builder, loc, a, b); }
  Value mul(Value a, Value b) {
    return matchPattern(b, m_OneFloat()) ? a : arith::MulFOp::create(builder, loc, a, b).getResult();
  }
  Value div(Value a, Value b) { return arith::DivFOp::create(builder, loc, a, b); }
  Value select(Value condition, Value a, Value b) { return arith::SelectOp::create(builder, loc, condition, a, b); }
  Value isZero(Value a) { return compare(arith::CmpFPredicate::OEQ, a, constant(0.0)); }
  Value isNan(Value a) { return compare(arith::CmpFPredicate::UNO, a, a); }

  /// `a` if it is greater, else `b`: a NaN `a` is passed over. It comes back in the sum, through its exponential.
  Value max(Value a, Value b) { return select(compare(arith::CmpFPredicate::OGT, a, b), a, b); }

  /// base^(a - top) for a <= top. `top` is clamped to finite values below, so that -inf - -inf does not arise: a state
  /// without keys gives base^-inf = 0.
  Value expDifference(Value a, Value top) {
    Value lowest = constant(APFloat::getLargest(type.getFloatSemantics(), /*Negative=*/true));
    Value difference = arith::SubFOp::create(builder, loc, a, max(top, lowest));
    if (base == ExpBase::Two) {
      auto exp2 = math::Exp2Op::create(builder, loc, difference);
      exp2->setDiscardableAttr(kNonPositiveName, builder.getUnitAttr());
      return exp2;
    }
    return math::ExpOp::create(builder, loc, difference);
  }

  /// The logarithm of `a` in the base.
  Value log(Value a) {
    if (base == ExpBase::Two)
      return math::Log2Op::create(builder, loc, a);
    return math::LogOp::create(builder, loc, a);
  }

  Value toNatural(Value a) { return base == ExpBase::Two ? mul(a, constant(llvm::numbers::ln2)) : a; }
  Value fromNatural(Value a) { return base == ExpBase::Two ? mul(a, constant(llvm::numbers::log2e)) : a; }

private:
  APFloat rounded(double value) {
    APFloat result(value);
    bool losesInfo;
    result.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &losesInfo);
    return result;
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(builder, loc, predicate, a, b);
  }

  OpBuilder &builder;
  Location loc;
  FloatType type;
  ExpBase base;
};

/// One normalizer of the softmax family with what it knows of a row: m, l and, for the entropy, t.
struct Softmax {
  ScalarBuilder scalars;
  bool entropy;

  SmallVector<Value> rescale(ValueRange state, Value newMax) {
    Value m = state[0], l = state[1], factor = scalars.expDifference(m, newMax);
    SmallVector<Value> result{scalars.mul(factor, l)};
    if (entropy) {
      // A row without keys has m = -inf, and a difference may overflow where the factor is 0.
      Value moved = scalars.mul(factor, scalars.add(state[2], scalars.mul(scalars.sub(newMax, m), l)));
      result.push_back(scalars.select(scalars.isZero(result[0]), scalars.constant(0.0), moved));
    }
    result.push_back(factor);
    return result;
  }

  SmallVector<Value> terms(Value max, Value weight, Value score) {
    SmallVector<Value> result{weight};
    if (entropy) {
      Value distance = scalars.mul(weight, scalars.sub(max, score));
      result.push_back(scalars.select(scalars.isZero(weight), weight, distance));
    }
    return result;
  }

  /// `sink` may be null. Every kept key adds at least its own share to l, so l = 0 means that there was none.
  SmallVector<Value> finish(ValueRange state, Value sink) {
    Value m = state[0], l = state[1], total = l, top = m, share = scalars.constant(1.0);
    if (sink) {
      sink = scalars.fromNatural(sink);
      top = scalars.max(sink, m);
      share = scalars.expDifference(m, top);
      total = scalars.add(scalars.mul(l, share), scalars.expDifference(sink, top));
    }
    Value zero = scalars.constant(0.0), isEmpty = scalars.isZero(l);
    Value quotient = scalars.div(share, total), factor = quotient;
    // The factor says whether there were keys: beside a large sink theirs may underflow, but not to 0.
    if (sink)
      factor = scalars.select(scalars.isZero(factor), scalars.smallest(), factor);
    factor = scalars.select(isEmpty, zero, factor);
    Value lse = scalars.toNatural(scalars.add(top, scalars.log(total)));
    lse = scalars.select(isEmpty, scalars.negativeInfinity(), lse);
    // m passes NaN scores over, total does not; a total of NaN in a row without keys is the sink's alone.
    Value spoilt = scalars.select(isEmpty, l, total);
    Value max = scalars.select(scalars.isNan(spoilt), spoilt, scalars.toNatural(m));
    if (!entropy)
      return {factor, lse, max};
    // sum w (lse - s) = exp(m - lse) (t + l (lse - m)), with lse - m = log l without a sink.
    Value above = scalars.log(total);
    if (sink)
      above = scalars.add(above, scalars.sub(top, m));
    Value nats = scalars.toNatural(scalars.mul(quotient, scalars.add(state[2], scalars.mul(l, above))));
    return {factor, lse, max, scalars.select(scalars.either(isEmpty, scalars.isZero(quotient)), zero, nats)};
  }

  Value weight(Value m, Value factor, Value score) { return scalars.mul(scalars.expDifference(score, m), factor); }
};

/// A term of the sum that is NaN if a kept score is.
Value markNan(OpBuilder &builder, Location loc, Value score) {
  ScalarBuilder scalars(builder, loc, cast<FloatType>(score.getType()), ExpBase::E);
  return scalars.select(scalars.isNan(score), score, scalars.constant(0.0));
}

/// The factor of a normalizer without sums: 1, or NaN if the sum of markNan is.
Value finishPlain(OpBuilder &builder, Location loc, FloatType type, ValueRange state) {
  if (state.empty())
    return buildOne(builder, loc, type);
  return ScalarBuilder(builder, loc, type, ExpBase::E).add(state[0], buildOne(builder, loc, type));
}

} // namespace

//===----------------------------------------------------------------------===//
// What the interface derives
//===----------------------------------------------------------------------===//

bool attn::needsOnlyWeights(ResultKind kind) {
  return kind == ResultKind::Out || kind == ResultKind::Weights || kind == ResultKind::TopkValues ||
         kind == ResultKind::TopkIndices;
}

SmallVector<Value> attn::keepSums(OpBuilder &builder, Location loc, FloatType type, ValueRange state) {
  SmallVector<Value> result(state);
  result.push_back(buildOne(builder, loc, type));
  return result;
}

Value attn::buildOne(OpBuilder &builder, Location loc, Type type) {
  return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, 1.0));
}

SmallVector<Value> NormalizerInterface::init(OpBuilder &builder, Location loc, FloatType type) const {
  ScalarBuilder scalars(builder, loc, type, ExpBase::E);
  SmallVector<Value> state;
  if (hasMaximum())
    state.push_back(scalars.negativeInfinity());
  for (unsigned sum = 0; sum < getNumSums(); ++sum)
    state.push_back(scalars.constant(0.0));
  return state;
}

SmallVector<Value> NormalizerInterface::join(OpBuilder &builder, Location loc, FloatType type, ExpBase base,
                                             ValueRange state, Value newMax) const {
  SmallVector<Value> result;
  if (hasMaximum()) {
    newMax = ScalarBuilder(builder, loc, type, base).max(newMax, state[0]);
    result.push_back(newMax);
  }
  llvm::append_range(result, rescale(builder, loc, type, base, state, newMax));
  return result;
}

SmallVector<Value> NormalizerInterface::step(OpBuilder &builder, Location loc, ExpBase base, ValueRange state,
                                             Value score) const {
  auto type = cast<FloatType>(score.getType());
  ScalarBuilder scalars(builder, loc, type, base);
  SmallVector<Value> result = join(builder, loc, type, base, state, score);
  ArrayRef<Value> joined = ArrayRef<Value>(result).drop_back();
  Value w = weight(builder, loc, base, ValueRange(joined), buildOne(builder, loc, type), score);
  Value max = hasMaximum() ? result.front() : Value();
  for (auto [number, term] : llvm::enumerate(terms(builder, loc, base, max, w, score)))
    result[hasMaximum() + number] = scalars.add(result[hasMaximum() + number], term);
  result.push_back(w);
  return result;
}

SmallVector<Value> NormalizerInterface::combine(OpBuilder &builder, Location loc, FloatType type, ExpBase base,
                                                ValueRange left, ValueRange right) const {
  ScalarBuilder scalars(builder, loc, type, base);
  Value max = hasMaximum() ? scalars.max(left[0], right[0]) : Value();
  SmallVector<Value> result, a = rescale(builder, loc, type, base, left, max),
                             b = rescale(builder, loc, type, base, right, max);
  if (max)
    result.push_back(max);
  for (unsigned sum = 0; sum < getNumSums(); ++sum)
    result.push_back(scalars.add(a[sum], b[sum]));
  result.push_back(a.back());
  result.push_back(b.back());
  return result;
}

//===----------------------------------------------------------------------===//
// Softmax, and softmax with a sink, which enters when all keys have been seen
//===----------------------------------------------------------------------===//

#define ATTN_SOFTMAX_METHODS(ATTR)                                                                                     \
  bool ATTR::defines(ResultKind) const { return true; }                                                                \
  bool ATTR::isExponential() const { return true; }                                                                    \
  bool ATTR::isZeroAtMinusInfinity() const { return true; }                                                            \
  bool ATTR::hasMaximum() const { return true; }                                                                       \
  unsigned ATTR::getNumSums() const { return 1 + getEntropy(); }                                                       \
  NormalizerInterface ATTR::getStreaming(ArrayRef<ResultKind> results) const {                                         \
    return ATTR::get(getContext(), llvm::is_contained(results, ResultKind::Entropy));                                  \
  }                                                                                                                    \
  SmallVector<Value> ATTR::rescale(OpBuilder &builder, Location loc, FloatType type, ExpBase base, ValueRange state,   \
                                   Value newMax) const {                                                               \
    return Softmax{{builder, loc, type, base}, getEntropy()}.rescale(state, newMax);                                   \
  }                                                                                                                    \
  Value ATTR::weight(OpBuilder &builder, Location loc, ExpBase base, ValueRange state, Value factor, Value score)      \
      const {                                                                                                          \
    return Softmax{{builder, loc, cast<FloatType>(score.getType()), base}, getEntropy()}.weight(state[0], factor,      \
                                                                                                score);                \
  }                                                                                                                    \
  SmallVector<Value> ATTR::terms(OpBuilder &builder, Location loc, ExpBase base, Value max, Value weight, Value score) \
      const {                                                                                                          \
    return Softmax{{builder, loc, cast<FloatType>(score.getType()), base}, getEntropy()}.terms(max, weight, score);    \
  }                                                                                                                    \
  SmallVector<Value> ATTR::finish(OpBuilder &builder, Location loc, FloatType type, ExpBase base, ValueRange state,    \
                                  ValueRange operands) const {                                                         \
    Value sink = operands.empty() ? Value() : operands.front();                                                        \
    return Softmax{{builder, loc, type, base}, getEntropy()}.finish(state, sink);                                      \
  }

ATTN_SOFTMAX_METHODS(SoftmaxAttr)
ATTN_SOFTMAX_METHODS(SoftmaxSinkAttr)
#undef ATTN_SOFTMAX_METHODS

unsigned SoftmaxSinkAttr::getNumOperands() const { return 1; }

//===----------------------------------------------------------------------===//
// Sigmoid and identity
//===----------------------------------------------------------------------===//

#define ATTN_PLAIN_METHODS(ATTR)                                                                                       \
  unsigned ATTR::getNumSums() const { return getMarksNan(); }                                                          \
  NormalizerInterface ATTR::getStreaming(ArrayRef<ResultKind> results) const {                                         \
    return ATTR::get(getContext(), llvm::is_contained(results, ResultKind::Weights));                                  \
  }                                                                                                                    \
  SmallVector<Value> ATTR::terms(OpBuilder &builder, Location loc, ExpBase, Value, Value, Value score) const {         \
    if (!getMarksNan())                                                                                                \
      return {};                                                                                                       \
    return {markNan(builder, loc, score)};                                                                             \
  }                                                                                                                    \
  SmallVector<Value> ATTR::finish(OpBuilder &builder, Location loc, FloatType type, ExpBase, ValueRange state,         \
                                  ValueRange) const {                                                                  \
    return {finishPlain(builder, loc, type, state)};                                                                   \
  }

ATTN_PLAIN_METHODS(SigmoidAttr)
ATTN_PLAIN_METHODS(IdentityAttr)
#undef ATTN_PLAIN_METHODS

bool SigmoidAttr::isExponential() const { return true; }
bool SigmoidAttr::isZeroAtMinusInfinity() const { return true; }

Value SigmoidAttr::weight(OpBuilder &builder, Location loc, ExpBase base, ValueRange, Value factor, Value score) const {
  // The exponential may overflow to infinity, whose inverse is the 0 that is wanted.
  Value negated = arith::NegFOp::create(builder, loc, score), unit = buildOne(builder, loc, score.getType());
  Value exp = base == ExpBase::Two ? math::Exp2Op::create(builder, loc, negated).getResult()
                                   : math::ExpOp::create(builder, loc, negated).getResult();
  Value sigmoid = arith::DivFOp::create(builder, loc, unit, arith::AddFOp::create(builder, loc, unit, exp));
  return getMarksNan() ? arith::MulFOp::create(builder, loc, sigmoid, factor).getResult() : sigmoid;
}

Value IdentityAttr::weight(OpBuilder &builder, Location loc, ExpBase, ValueRange, Value factor, Value score) const {
  return getMarksNan() ? arith::MulFOp::create(builder, loc, score, factor).getResult() : score;
}
