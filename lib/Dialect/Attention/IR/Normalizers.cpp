// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the normalizers build: scalar code, total in every state (see AttentionInterfaces.td).
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

namespace {

/// The few operations that softmax is made of.
class ScalarBuilder {
public:
  ScalarBuilder(OpBuilder &builder, Location loc, FloatType type, ExpBase base)
      : builder(builder), loc(loc), type(type), base(base) {}

  Value constant(double value) { return constant(rounded(value)); }
  Value constant(APFloat value) {
    return arith::ConstantOp::create(builder, loc, type, builder.getFloatAttr(type, value));
  }
  Value negativeInfinity() { return constant(APFloat::getInf(type.getFloatSemantics(), /*Negative=*/true)); }
  Value add(Value a, Value b) { return arith::AddFOp::create(builder, loc, a, b); }
  Value mul(Value a, Value b) { return arith::MulFOp::create(builder, loc, a, b); }
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
    if (base == ExpBase::Two)
      return math::Exp2Op::create(builder, loc, difference);
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

/// The pair (m, l) of softmax, with or without a sink.
SmallVector<Value> initSoftmax(OpBuilder &builder, Location loc, FloatType type) {
  ScalarBuilder scalars(builder, loc, type, ExpBase::E);
  return {scalars.negativeInfinity(), scalars.constant(0.0)};
}

SmallVector<Value> stepSoftmax(OpBuilder &builder, Location loc, ExpBase base, ValueRange state, Value score) {
  ScalarBuilder scalars(builder, loc, cast<FloatType>(score.getType()), base);
  Value m = scalars.max(score, state[0]);
  Value rescale = scalars.expDifference(state[0], m);
  Value weight = scalars.expDifference(score, m);
  Value l = scalars.add(scalars.mul(rescale, state[1]), weight);
  return {m, l, rescale, weight};
}

SmallVector<Value> combineSoftmax(OpBuilder &builder, Location loc, FloatType type, ExpBase base, ValueRange left,
                                  ValueRange right) {
  ScalarBuilder scalars(builder, loc, type, base);
  Value m = scalars.max(left[0], right[0]);
  Value a = scalars.expDifference(left[0], m), b = scalars.expDifference(right[0], m);
  Value l = scalars.add(scalars.mul(a, left[1]), scalars.mul(b, right[1]));
  return {m, l, a, b};
}

/// `sink` may be null. Every kept key adds at least its own share to l, so l = 0 means that there was none.
SmallVector<Value> finishSoftmax(OpBuilder &builder, Location loc, FloatType type, ExpBase base, ValueRange state,
                                 Value sink) {
  ScalarBuilder scalars(builder, loc, type, base);
  Value m = state[0], l = state[1], total = l, top = m, share = scalars.constant(1.0);
  if (sink) {
    sink = scalars.fromNatural(sink);
    top = scalars.max(sink, m);
    share = scalars.expDifference(m, top);
    total = scalars.add(scalars.mul(l, share), scalars.expDifference(sink, top));
  }
  Value isEmpty = scalars.isZero(l);
  Value factor = scalars.select(isEmpty, scalars.constant(0.0), scalars.div(share, total));
  Value lse = scalars.toNatural(scalars.add(top, scalars.log(total)));
  lse = scalars.select(isEmpty, scalars.negativeInfinity(), lse);
  // m passes NaN scores over, total does not; a total of NaN in a row without keys is the sink's alone.
  Value spoilt = scalars.select(isEmpty, l, total);
  Value max = scalars.select(scalars.isNan(spoilt), spoilt, scalars.toNatural(m));
  return {factor, lse, max};
}

Value weighSoftmax(OpBuilder &builder, Location loc, ExpBase base, ValueRange state, Value factor, Value score) {
  ScalarBuilder scalars(builder, loc, cast<FloatType>(score.getType()), base);
  return scalars.mul(scalars.expDifference(score, state[0]), factor);
}

Value one(OpBuilder &builder, Location loc, Type type) {
  return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, 1.0));
}

/// Kinds that need nothing but the weights themselves.
bool isOverKeys(ResultKind kind) {
  return kind == ResultKind::Out || kind == ResultKind::Weights || kind == ResultKind::TopkValues ||
         kind == ResultKind::TopkIndices;
}

} // namespace

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

unsigned SoftmaxAttr::getNumStates() const { return 2; }
unsigned SoftmaxAttr::getNumOperands() const { return 0; }
bool SoftmaxAttr::defines(ResultKind) const { return true; }

SmallVector<Value> SoftmaxAttr::init(OpBuilder &builder, Location loc, FloatType type) const {
  return initSoftmax(builder, loc, type);
}

SmallVector<Value> SoftmaxAttr::step(OpBuilder &builder, Location loc, ExpBase base, ValueRange state,
                                     Value score) const {
  return stepSoftmax(builder, loc, base, state, score);
}

SmallVector<Value> SoftmaxAttr::combine(OpBuilder &builder, Location loc, FloatType type, ExpBase base, ValueRange left,
                                        ValueRange right) const {
  return combineSoftmax(builder, loc, type, base, left, right);
}

SmallVector<Value> SoftmaxAttr::finish(OpBuilder &builder, Location loc, FloatType type, ExpBase base, ValueRange state,
                                       ValueRange) const {
  return finishSoftmax(builder, loc, type, base, state, /*sink=*/{});
}

Value SoftmaxAttr::weight(OpBuilder &builder, Location loc, ExpBase base, ValueRange state, Value factor,
                          Value score) const {
  return weighSoftmax(builder, loc, base, state, factor, score);
}

//===----------------------------------------------------------------------===//
// Softmax with a sink: the sink enters when all keys have been seen
//===----------------------------------------------------------------------===//

unsigned SoftmaxSinkAttr::getNumStates() const { return 2; }
unsigned SoftmaxSinkAttr::getNumOperands() const { return 1; }
bool SoftmaxSinkAttr::defines(ResultKind) const { return true; }

SmallVector<Value> SoftmaxSinkAttr::init(OpBuilder &builder, Location loc, FloatType type) const {
  return initSoftmax(builder, loc, type);
}

SmallVector<Value> SoftmaxSinkAttr::step(OpBuilder &builder, Location loc, ExpBase base, ValueRange state,
                                         Value score) const {
  return stepSoftmax(builder, loc, base, state, score);
}

SmallVector<Value> SoftmaxSinkAttr::combine(OpBuilder &builder, Location loc, FloatType type, ExpBase base,
                                            ValueRange left, ValueRange right) const {
  return combineSoftmax(builder, loc, type, base, left, right);
}

SmallVector<Value> SoftmaxSinkAttr::finish(OpBuilder &builder, Location loc, FloatType type, ExpBase base,
                                           ValueRange state, ValueRange operands) const {
  return finishSoftmax(builder, loc, type, base, state, operands.front());
}

Value SoftmaxSinkAttr::weight(OpBuilder &builder, Location loc, ExpBase base, ValueRange state, Value factor,
                              Value score) const {
  return weighSoftmax(builder, loc, base, state, factor, score);
}

//===----------------------------------------------------------------------===//
// Sigmoid
//===----------------------------------------------------------------------===//

unsigned SigmoidAttr::getNumStates() const { return 0; }
unsigned SigmoidAttr::getNumOperands() const { return 0; }
bool SigmoidAttr::defines(ResultKind kind) const { return isOverKeys(kind); }

SmallVector<Value> SigmoidAttr::init(OpBuilder &, Location, FloatType) const { return {}; }

SmallVector<Value> SigmoidAttr::step(OpBuilder &builder, Location loc, ExpBase base, ValueRange state,
                                     Value score) const {
  Value rescale = one(builder, loc, score.getType());
  return {rescale, weight(builder, loc, base, state, rescale, score)};
}

SmallVector<Value> SigmoidAttr::combine(OpBuilder &builder, Location loc, FloatType type, ExpBase, ValueRange,
                                        ValueRange) const {
  return SmallVector<Value>(2, one(builder, loc, type));
}

SmallVector<Value> SigmoidAttr::finish(OpBuilder &builder, Location loc, FloatType type, ExpBase, ValueRange,
                                       ValueRange) const {
  return {one(builder, loc, type)};
}

Value SigmoidAttr::weight(OpBuilder &builder, Location loc, ExpBase, ValueRange, Value, Value score) const {
  // exp(-s) may overflow to infinity, whose inverse is the 0 that is wanted.
  Value exp = math::ExpOp::create(builder, loc, arith::NegFOp::create(builder, loc, score));
  Value unit = one(builder, loc, score.getType());
  return arith::DivFOp::create(builder, loc, unit, arith::AddFOp::create(builder, loc, unit, exp));
}

//===----------------------------------------------------------------------===//
// Identity
//===----------------------------------------------------------------------===//

unsigned IdentityAttr::getNumStates() const { return 0; }
unsigned IdentityAttr::getNumOperands() const { return 0; }
bool IdentityAttr::defines(ResultKind kind) const { return isOverKeys(kind); }

SmallVector<Value> IdentityAttr::init(OpBuilder &, Location, FloatType) const { return {}; }

SmallVector<Value> IdentityAttr::step(OpBuilder &builder, Location loc, ExpBase, ValueRange, Value score) const {
  return {one(builder, loc, score.getType()), score};
}

SmallVector<Value> IdentityAttr::combine(OpBuilder &builder, Location loc, FloatType type, ExpBase, ValueRange,
                                         ValueRange) const {
  return SmallVector<Value>(2, one(builder, loc, type));
}

SmallVector<Value> IdentityAttr::finish(OpBuilder &builder, Location loc, FloatType type, ExpBase, ValueRange,
                                        ValueRange) const {
  return {one(builder, loc, type)};
}

Value IdentityAttr::weight(OpBuilder &, Location, ExpBase, ValueRange, Value, Value score) const { return score; }
