// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.online and attn.weights. The state update is one op with several results: as several ops, bufferisation no
// longer sees that the new maximum lies where the old one did, and copies.
#include "Scores.h"
#include "attn/Conversion/AttentionToLinalg/AttentionToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace attn {
namespace {

/// The plan of the op, or of the scf.forall around it.
PlanAttr findPlan(Operation *op, std::optional<PlanAttr> own) {
  if (own && *own)
    return *own;
  for (Operation *parent = op->getParentOp(); parent; parent = parent->getParentOp())
    if (auto plan = parent->getAttrOfType<PlanAttr>(kPlanName))
      return plan;
  return {};
}

/// Sizes of the row tensors of a tile.
ArrayRef<int64_t> getShape(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getShape(); }

/// One attn.online. Names as in the op's description; members are null until their step ran.
class OnlineTile {
public:
  OnlineTile(RewriterBase &rewriter, OnlineOp op, const ScoredTile &tile)
      : rewriter(rewriter), linalg(rewriter, op.getLoc()), op(op), tile(tile), normalizer(op.getNormalizer()),
        loc(op.getLoc()), type(cast<FloatType>(tile.type)),
        accMap(getMap(op.getIndexingMaps(), op.getIndexingMaps().size() - 2)),
        rowMap(getMap(op.getIndexingMaps(), op.getIndexingMaps().size() - 1)) {
    acc = {op.getInits()[0], accMap};
    for (Value tensor : op.getStateInits())
      state.push_back({tensor, rowMap});
    for (Value tensor : op.getTopKInits())
      lists.push_back({tensor, accMap}); // ranks in the place of e
    base = normalizer.getTileBase();
  }

  SmallVector<Value> run() {
    scores = buildSimilaritySum(rewriter, tile);
    finishScores();
    rank();
    updateState();
    weigh();
    accumulate();
    SmallVector<Value> results{acc.value};
    for (const MappedTensor &tensor : llvm::concat<const MappedTensor>(state, lists))
      results.push_back(tensor.value);
    return results;
  }

private:
  /// Scores in the normalizer's base in place of the similarity sums, and their maximum over the tile if it is wanted.
  void finishScores() {
    ScoreEpilogue epilogue(rewriter, tile);
    LoopOrder order(getLoops(tile.map));
    bool hasMaximum = normalizer.hasMaximum();
    if (hasMaximum) {
      Value empty = linalg.empty(getShape(state[0].value), type);
      tileMax = {linalg.fill("softmax", -std::numeric_limits<double>::infinity(), empty), rowMap};
    }
    if (epilogue.isIdentity()) {
      if (hasMaximum)
        tileMax.value = linalg.generic("softmax", order, scores, tileMax, [&](OpBuilder &nested, ValueRange args) {
          return SmallVector<Value>{selectMax(nested, loc, args[0], args[1])};
        })[0];
      return;
    }
    SmallVector<MappedTensor> outs{scores};
    if (hasMaximum)
      outs.push_back(tileMax);
    size_t numOperands = epilogue.getOperands().size();
    SmallVector<Value> results =
        linalg.generic("softmax", order, epilogue.getOperands(), outs, [&](OpBuilder &nested, ValueRange args) {
          Value s = epilogue.build(nested, order, args[numOperands], args.take_front(numOperands));
          SmallVector<Value> yielded{s};
          if (hasMaximum)
            yielded.push_back(selectMax(nested, loc, s, args.back()));
          return yielded;
        });
    scores.value = results[0];
    if (hasMaximum)
      tileMax.value = results[1];
  }

  /// The scores join the lists of top-k. Rank by rank the larger one stays and the other goes on; a NaN is larger than
  /// any number, so that it stays on top and can be seen in the end.
  void rank() {
    if (lists.empty())
      return;
    SmallVector<int64_t> rowShape(getShape(lists[0].value));
    unsigned rankDim = *accMap.getResultPosition(getAffineDimExpr(tile.loops.e, rewriter.getContext()));
    rowShape.erase(rowShape.begin() + rankDim);
    Type i32 = rewriter.getI32Type();
    SmallVector<MappedTensor> outs(lists);
    outs.push_back({linalg.empty(rowShape, type), rowMap});
    outs.push_back({linalg.empty(rowShape, i32), rowMap});
    SmallVector<unsigned> loops = getLoops(rowMap);
    loops.append({unsigned(tile.loops.key), unsigned(tile.loops.e)});
    LoopOrder order(loops);
    SmallVector<Value> results =
        linalg.generic(kRankRole, order, scores, outs, [&](OpBuilder &nested, ValueRange args) {
          Value zero = arith::ConstantIndexOp::create(nested, loc, 0);
          Value number = linalg::IndexOp::create(nested, loc, *order.getDim(tile.loops.e));
          Value isFirst = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::eq, number, zero);
          Value position = buildPosition(nested, tile.op, order, tile.loops.key);
          position = arith::IndexCastOp::create(nested, loc, i32, position);
          Value listed = args[1], listedAt = args[2];
          Value score = arith::SelectOp::create(nested, loc, isFirst, args[0], args[3]);
          Value scoreAt = arith::SelectOp::create(nested, loc, isFirst, position, args[4]);
          Value isLarger = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::UGT, score, listed);
          Value isNumber = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::ORD, listed, listed);
          Value goesHere = arith::AndIOp::create(nested, loc, isLarger, isNumber);
          // Of equal scores the earlier key comes first, so that one that had to go goes in front of its equals. The
          // difference is right where positions wrap around.
          Value isEqual = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, score, listed);
          Value distance = arith::SubIOp::create(nested, loc, scoreAt, listedAt);
          Value noKeys = arith::ConstantOp::create(nested, loc, nested.getI32IntegerAttr(0));
          Value isEarlier = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt, distance, noKeys);
          isEarlier = arith::AndIOp::create(nested, loc, isEqual, isEarlier);
          goesHere = arith::OrIOp::create(nested, loc, goesHere, isEarlier);
          auto select = [&](Value a, Value b) { return arith::SelectOp::create(nested, loc, goesHere, a, b); };
          return SmallVector<Value>{select(score, listed), select(scoreAt, listedAt), select(listed, score),
                                    select(listedAt, scoreAt)};
        });
    for (auto [list, result] : llvm::zip(lists, results))
      list.value = result;
  }

  /// The state with m' = max(m, tile maximum) and sums relative to it, and alpha, the factor for acc.
  void updateState() {
    if (!normalizer.hasMaximum())
      return;
    alpha = {linalg.empty(getShape(state[0].value), type), rowMap};
    SmallVector<MappedTensor> outs(state);
    outs.push_back(alpha);
    SmallVector<Value> results =
        linalg.generic("softmax", LoopOrder(getLoops(rowMap)), tileMax, outs, [&](OpBuilder &nested, ValueRange args) {
          return normalizer.join(nested, loc, type, base, args.drop_front().drop_back(), args[0]);
        });
    alpha.value = results.pop_back_val();
    for (auto [tensor, result] : llvm::zip_equal(state, results))
      tensor.value = result;
  }

  /// Weights in place of the scores, and the sums with their terms, before weights are rounded. Guarded, the weight of
  /// what is not kept is -inf, which no other weight is.
  void weigh() {
    bool guarded = op.getGuarded(), hasMaximum = normalizer.hasMaximum();
    bool mustSelect = guarded || !normalizer.isZeroAtMinusInfinity();
    Value minusInfinity, zero;
    if (mustSelect) {
      minusInfinity = linalg.negativeInfinity(type);
      zero = linalg.constant(type, 0.0);
    }
    // In the place of the scores, or beside them where the weights are of another type.
    // With few rows the product with V waits for memory, and V is in no shape for pairs: weights stay as they are.
    bool inBf16 = tile.plan && tile.plan.getPrecision() == Precision::BF16 &&
                  tile.plan.getOrientation() == Orientation::RowsMinor && !guarded;
    SmallVector<MappedTensor> ins,
        outs{inBf16 ? buildScratch(rewriter, tile, tile.map, rewriter.getBF16Type()) : scores};
    if (hasMaximum)
      ins.push_back(state[0]);
    if (inBf16)
      ins.push_back(scores);
    MutableArrayRef<MappedTensor> sums = MutableArrayRef<MappedTensor>(state).drop_front(hasMaximum);
    llvm::append_range(outs, sums);
    SmallVector<Value> results =
        linalg.generic("softmax", LoopOrder(getLoops(tile.map)), ins, outs, [&](OpBuilder &nested, ValueRange args) {
          Value max = hasMaximum ? args[0] : Value(), s = args[hasMaximum];
          SmallVector<Value> known;
          if (hasMaximum)
            known.push_back(max);
          Value w = normalizer.weight(nested, loc, base, known, buildOne(nested, loc, type), s), masked;
          if (mustSelect) {
            masked = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, s, minusInfinity);
            w = arith::SelectOp::create(nested, loc, masked, zero, w);
          }
          SmallVector<Value> yielded{w};
          for (auto [sum, term] :
               llvm::zip_equal(args.take_back(sums.size()), normalizer.terms(nested, loc, base, max, w, s)))
            yielded.push_back(arith::AddFOp::create(nested, loc, sum, term));
          if (guarded)
            yielded[0] = arith::SelectOp::create(nested, loc, masked, minusInfinity, w);
          if (inBf16)
            yielded[0] = arith::TruncFOp::create(nested, loc, rewriter.getBF16Type(), w);
          return yielded;
        });
    scores.value = results[0];
    for (auto [tensor, result] : llvm::zip_equal(sums, ArrayRef<Value>(results).drop_front()))
      tensor.value = result;
  }

  /// acc := alpha * acc.
  void rescale() {
    if (!alpha.value)
      return;
    acc.value =
        linalg.generic("rescale", LoopOrder(getLoops(accMap)), alpha, acc, [&](OpBuilder &nested, ValueRange args) {
          return SmallVector<Value>{arith::MulFOp::create(nested, loc, args[0], args[1])};
        })[0];
  }

  /// acc = alpha * acc + sum_j p(i,j) V[j,e]. Guarded, a key that is not kept is not multiplied.
  void accumulate() {
    Value minusInfinity = op.getGuarded() ? linalg.negativeInfinity(type) : Value();
    rescale();
    SmallVector<unsigned> loops = getLoops(accMap);
    loops.push_back(tile.loops.key);
    MappedTensor value = {op.getValue(), getMap(op.getIndexingMaps(), 2)};
    acc.value = linalg.generic("pv", LoopOrder(loops), {value, scores}, acc, [&](OpBuilder &nested, ValueRange args) {
      auto contract = arith::FastMathFlagsAttr::get(nested.getContext(), arith::FastMathFlags::contract);
      Value v = extend(nested, loc, args[0], type), p = extend(nested, loc, args[1], type);
      Value product = arith::MulFOp::create(nested, loc, v, p, contract);
      Value sum = arith::AddFOp::create(nested, loc, args[2], product, contract);
      if (op.getGuarded()) {
        Value skip = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, args[1], minusInfinity);
        sum = arith::SelectOp::create(nested, loc, skip, args[2], sum);
      }
      return SmallVector<Value>{sum};
    })[0];
  }

  RewriterBase &rewriter;
  GenericBuilder linalg;
  OnlineOp op;
  const ScoredTile &tile;
  NormalizerInterface normalizer;
  ExpBase base;
  Location loc;
  FloatType type;
  AffineMap accMap, rowMap;
  SmallVector<MappedTensor> state, lists;
  MappedTensor acc, scores, tileMax, alpha;
};

} // namespace

LogicalResult convertToLinalg(RewriterBase &rewriter, OnlineOp op) {
  ScoredTile tile;
  tile.op = cast<ScoredOpInterface>(op.getOperation());
  tile.loops = getLoopInfo(op);
  tile.type = getElementTypeOrSelf(op.getInits()[0]);
  tile.map = replaceLoop(getMap(op.getIndexingMaps(), op.getIndexingMaps().size() - 2), tile.loops.e, tile.loops.key);
  tile.exponentScale = op.getExponentScale().convertToDouble();
  tile.plan = findPlan(op, op.getPlan());
  tile.isGuarded = op.getGuarded();
  if (failed(checkTile(tile)))
    return failure();
  rewriter.setInsertionPoint(op);
  rewriter.replaceOp(op, OnlineTile(rewriter, op, tile).run());
  return success();
}

LogicalResult convertToLinalg(RewriterBase &rewriter, WeightsOp op) {
  Location loc = op.getLoc();
  ArrayAttr maps = op.getIndexingMaps();
  ScoredTile tile;
  tile.op = cast<ScoredOpInterface>(op.getOperation());
  tile.loops = getLoopInfo(op);
  tile.type = getElementTypeOrSelf(op.getInit());
  // There is no acc: the scores lie as Q does, so that lanes are the same as in attn.online.
  tile.map = replaceLoop(getMap(maps, 0), tile.loops.d, tile.loops.key);
  tile.exponentScale = op.getExponentScale().convertToDouble();
  tile.plan = findPlan(op, op.getPlan());
  tile.isGuarded = true; // nobody looks at weights again
  if (failed(checkTile(tile)))
    return failure();

  rewriter.setInsertionPoint(op);
  GenericBuilder linalg(rewriter, loc);
  AffineMap rowMap = getMap(maps, maps.size() - 2), weightMap = getMap(maps, maps.size() - 1);
  // Scores become weights where they stand if the destination lies as they do.
  bool inPlace = weightMap == tile.map;
  MappedTensor scores = buildSimilaritySum(rewriter, tile, inPlace ? op.getInit() : Value());
  ScoreEpilogue epilogue(rewriter, tile);
  Value minusInfinity = linalg.negativeInfinity(tile.type), zero = linalg.constant(tile.type, 0.0);
  SmallVector<MappedTensor> ins(epilogue.getOperands());
  size_t numOperands = ins.size();
  for (Value state : op.getState())
    ins.push_back({state, rowMap});
  if (!inPlace)
    ins.push_back(scores);
  MappedTensor weights = inPlace ? scores : MappedTensor{op.getInit(), weightMap};
  LoopOrder order(getLoops(weightMap));
  NormalizerInterface normalizer = op.getNormalizer();
  auto body = [&](OpBuilder &nested, ValueRange args) {
    ValueRange state = args.slice(numOperands, op.getState().size());
    Value s = epilogue.build(nested, order, args[numOperands + state.size()], args.take_front(numOperands));
    Value weight = normalizer.weight(nested, loc, normalizer.getTileBase(), state.drop_back(), state.back(), s);
    // The scores are computed anew, where the plan says bf16 by other instructions: they may exceed the maximum.
    nested.getInsertionBlock()->walk([](math::Exp2Op exp2) { exp2->removeDiscardableAttr(kNonPositiveName); });
    Value masked = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, s, minusInfinity);
    return SmallVector<Value>{arith::SelectOp::create(nested, loc, masked, zero, weight)};
  };
  rewriter.replaceOp(op, linalg.generic("softmax", order, ins, weights, body));
  return success();
}

} // namespace attn
