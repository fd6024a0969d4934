// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "FactoredTanh.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;

namespace attn {

/// The one op that reads `value`, past an extension to a wider type; null if there are several.
static Operation *getOnlyUser(Value value) {
  if (!value.hasOneUse())
    return nullptr;
  Operation *user = *value.getUsers().begin();
  return isa<arith::ExtFOp>(user) ? getOnlyUser(user->getResult(0)) : user;
}

Operation *findWeightedTanh(ScoredOpInterface op, const LoopInfo &loops) {
  Region &similarity = op.getSimilarity();
  if (similarity.empty())
    return nullptr;
  Operation *sum = getOnlyUser(similarity.getArgument(0));
  if (!isa_and_nonnull<arith::AddFOp>(sum) || sum != getOnlyUser(similarity.getArgument(1)) ||
      !sum->getResult(0).getType().isF32() || !sum->hasOneUse())
    return nullptr;
  Operation *tanh = *sum->getUsers().begin();
  if (!isa<math::TanhOp>(tanh) || !tanh->hasOneUse())
    return nullptr;
  Operation *product = *tanh->getUsers().begin();
  Value result = cast<YieldOp>(similarity.front().getTerminator()).getValue();
  if (!isa<arith::MulFOp>(product) || result != product->getResult(0))
    return nullptr;
  // w has to be the same for all rows and keys.
  for (size_t number = 0; number < op.getSimilarityOperands().size(); ++number)
    if (getLoops(getMap(op.getIndexingMaps(), getFirstElementMap(op) + number)) !=
        SmallVector<unsigned>{static_cast<unsigned>(loops.d)})
      return nullptr;
  bool readsPosition = similarity.walk([](IndexOp) { return WalkResult::interrupt(); }).wasInterrupted();
  return readsPosition ? nullptr : tanh;
}

/// e^2x for each element x of Q or K, NaN where that is 2^62 or more: no product of two is infinite.
static MappedTensor buildFactors(OpBuilder &builder, const ScoredTile &tile, MappedTensor operand) {
  GenericBuilder linalg(builder, tile.op.getLoc());
  MappedTensor factors = buildScratch(builder, tile, operand.map, tile.type);
  // 2 log2(e) as a sum: its first part times x is rounded, and what that loses is put right in the end. Otherwise the
  // error of tanh would grow with |x|, where q + k may be small.
  float high = 2 * llvm::numbers::log2e;
  Value scale = linalg.constant(tile.type, high), rest = linalg.constant(tile.type, 2 * llvm::numbers::log2e - high);
  Value ln2 = linalg.constant(tile.type, llvm::numbers::ln2), bound = linalg.constant(tile.type, 0x1p62);
  Value spoilt = linalg.constant(tile.type, std::numeric_limits<double>::quiet_NaN());
  Location loc = tile.op.getLoc();
  factors.value =
      linalg.generic("qk", LoopOrder(getLoops(operand.map)), operand, factors, [&](OpBuilder &nested, ValueRange args) {
        Value x = extend(nested, loc, args[0], tile.type);
        Value exponent = arith::MulFOp::create(nested, loc, x, scale);
        Value lost = math::FmaOp::create(nested, loc, x, scale, arith::NegFOp::create(nested, loc, exponent));
        lost = math::FmaOp::create(nested, loc, x, rest, lost);
        Value factor = math::Exp2Op::create(nested, loc, exponent);
        factor = math::FmaOp::create(nested, loc, arith::MulFOp::create(nested, loc, lost, ln2), factor, factor);
        Value isSmall = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OLT, factor, bound);
        return SmallVector<Value>{arith::SelectOp::create(nested, loc, isSmall, factor, spoilt)};
      })[0];
  return factors;
}

MappedTensor buildFactoredSum(OpBuilder &builder, const ScoredTile &tile, Operation *tanh) {
  ScoredOpInterface op = tile.op;
  Location loc = op.getLoc();
  GenericBuilder linalg(builder, loc);
  MLIRContext *context = builder.getContext();
  MappedTensor q = buildFactors(builder, tile, {op.getQuery(), getMap(op.getIndexingMaps(), 0)});
  MappedTensor k = buildFactors(builder, tile, {op.getKey(), getMap(op.getIndexingMaps(), 1)});
  SmallVector<MappedTensor> weights = mapOperands(builder, tile, op.getSimilarityOperands(), getFirstElementMap(op));
  Value zero = linalg.constant(tile.type, 0.0), one = linalg.constant(tile.type, 1.0);
  Value minusTwo = linalg.constant(tile.type, -2.0);
  // What the similarity is with `value` for tanh.
  auto weigh = [&](OpBuilder &nested, const LoopOrder &order, ValueRange operands, Value value) {
    SmallVector<Value> scalars{zero, zero};
    llvm::append_range(scalars, operands);
    return inlineRegion(nested, op, op.getSimilarity(), order, scalars, tanh, value);
  };

  MappedTensor total{linalg.fill("qk", 0.0, linalg.empty({}, tile.type)), AffineMap::get(op.getNumLoops(), 0, context)};
  LoopOrder along({unsigned(tile.loops.d)});
  total.value = linalg.generic("qk", along, weights, total, [&](OpBuilder &nested, ValueRange args) {
    Value term = weigh(nested, along, args.drop_back(), one);
    return SmallVector<Value>{arith::AddFOp::create(nested, loc, args.back(), term)};
  })[0];
  MappedTensor scores = buildScratch(builder, tile, tile.map, tile.type);
  SmallVector<unsigned> loops = getLoops(tile.map);
  scores.value = linalg.generic("qk", LoopOrder(loops), total, scores,
                                [&](OpBuilder &, ValueRange args) { return SmallVector<Value>{args[0]}; })[0];

  loops.push_back(tile.loops.d);
  LoopOrder order(loops);
  SmallVector<MappedTensor> ins{k, q}; // K first: it is the operand that is broadcast
  llvm::append_range(ins, weights);
  auto contract = arith::FastMathFlagsAttr::get(context, arith::FastMathFlags::contract);
  auto reciprocal = arith::FastMathFlagsAttr::get(context, arith::FastMathFlags::arcp);
  scores.value = linalg.generic("qk", order, ins, scores, [&](OpBuilder &nested, ValueRange args) {
    Value factors = arith::MulFOp::create(nested, loc, args[0], args[1], contract);
    Value inverse =
        arith::DivFOp::create(nested, loc, one, arith::AddFOp::create(nested, loc, factors, one, contract), reciprocal);
    Value weight = weigh(nested, order, args.drop_front(2).drop_back(), minusTwo);
    Value term = arith::MulFOp::create(nested, loc, weight, inverse, contract);
    return SmallVector<Value>{arith::AddFOp::create(nested, loc, args.back(), term, contract)};
  })[0];
  return scores;
}

} // namespace attn
