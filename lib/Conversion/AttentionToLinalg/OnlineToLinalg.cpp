// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.online and attn.weights with softmax. The state update is one op with two results: as two ops, bufferisation
// no longer sees that the new maximum lies where the old one did, and copies.
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
class OnlineSoftmax {
public:
  OnlineSoftmax(RewriterBase &rewriter, OnlineOp op, const ScoredTile &tile)
      : rewriter(rewriter), linalg(rewriter, op.getLoc()), op(op), tile(tile), loc(op.getLoc()), type(tile.type),
        accMap(getMap(op.getIndexingMaps(), op.getIndexingMaps().size() - 2)),
        rowMap(getMap(op.getIndexingMaps(), op.getIndexingMaps().size() - 1)) {
    acc = {op.getInits()[0], accMap};
    m = {op.getInits()[1], rowMap};
    l = {op.getInits()[2], rowMap};
  }

  SmallVector<Value> run() {
    lowestFinite = linalg.lowest(type);
    scores = buildSimilaritySum(rewriter, tile);
    finishScores();
    updateState();
    exponentials();
    accumulate();
    return {acc.value, m.value, l.value};
  }

private:
  /// Base-2 logits in place of the similarity sums, and their maximum over the tile.
  void finishScores() {
    ScoreEpilogue epilogue(rewriter, tile);
    LoopOrder order(getLoops(tile.map));
    Value empty = linalg.empty(getShape(m.value), type);
    tileMax = {linalg.fill("softmax", -std::numeric_limits<double>::infinity(), empty), rowMap};
    if (epilogue.isIdentity()) {
      tileMax.value = linalg.generic("softmax", order, scores, tileMax, [&](OpBuilder &nested, ValueRange args) {
        return SmallVector<Value>{selectMax(nested, loc, args[0], args[1])};
      })[0];
      return;
    }
    SmallVector<Value> results = linalg.generic(
        "softmax", order, epilogue.getOperands(), {scores, tileMax}, [&](OpBuilder &nested, ValueRange args) {
          Value s = epilogue.build(nested, order, args.drop_back().back(), args.drop_back(2));
          return SmallVector<Value>{s, selectMax(nested, loc, s, args.back())};
        });
    scores.value = results[0];
    tileMax.value = results[1];
  }

  /// 2^x for an x that is a score or a maximum less a maximum that is not smaller.
  Value exp2NonPositive(OpBuilder &nested, Value x) {
    auto exp2 = math::Exp2Op::create(nested, loc, x);
    exp2->setDiscardableAttr(kNonPositiveName, nested.getUnitAttr());
    return exp2;
  }

  /// m' = max(m, tile maximum) and alpha = 2^(m - m').
  void updateState() {
    alpha = {linalg.empty(getShape(m.value), type), rowMap};
    SmallVector<Value> results = linalg.generic(
        "softmax", LoopOrder(getLoops(rowMap)), tileMax, {m, alpha}, [&](OpBuilder &nested, ValueRange args) {
          Value newMax = selectMax(nested, loc, args[0], args[1]);
          Value difference = arith::SubFOp::create(nested, loc, args[1], selectMax(nested, loc, newMax, lowestFinite));
          return SmallVector<Value>{newMax, exp2NonPositive(nested, difference)};
        });
    m.value = results[0];
    alpha.value = results[1];
  }

  /// x := alpha * x.
  void rescale(MappedTensor &x) {
    x.value = linalg.generic("rescale", LoopOrder(getLoops(x.map)), alpha, x, [&](OpBuilder &nested, ValueRange args) {
      return SmallVector<Value>{arith::MulFOp::create(nested, loc, args[0], args[1])};
    })[0];
  }

  /// p = 2^(s - m') in place of the scores, l = alpha * l + sum p before p is rounded. Guarded, p is -1 for what is not
  /// kept.
  void exponentials() {
    rescale(l);
    Value minusInfinity, zero, notKept;
    if (op.getGuarded()) {
      minusInfinity = linalg.negativeInfinity(type);
      zero = linalg.constant(type, 0.0);
      notKept = linalg.constant(type, -1.0);
    }
    // In the place of the scores, or beside them where the weights are of another type.
    // With few rows the product with V waits for memory, and V is in no shape for pairs: weights stay as they are.
    bool inBf16 = tile.plan && tile.plan.getPrecision() == Precision::BF16 &&
                  tile.plan.getOrientation() == Orientation::RowsMinor && !op.getGuarded();
    MappedTensor weights = inBf16 ? buildScratch(rewriter, tile, rewriter.getBF16Type()) : scores;
    SmallVector<MappedTensor> ins = {m};
    if (inBf16)
      ins.push_back(scores);
    SmallVector<Value> results = linalg.generic(
        "softmax", LoopOrder(getLoops(tile.map)), ins, {weights, l}, [&](OpBuilder &nested, ValueRange args) {
          Value s = args[1];
          Value difference = arith::SubFOp::create(nested, loc, s, selectMax(nested, loc, args[0], lowestFinite));
          Value p = exp2NonPositive(nested, difference), term = p;
          if (op.getGuarded()) {
            Value masked = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, s, minusInfinity);
            term = arith::SelectOp::create(nested, loc, masked, zero, p);
            p = arith::SelectOp::create(nested, loc, masked, notKept, p);
          }
          Value sum = arith::AddFOp::create(nested, loc, args.back(), term);
          if (inBf16)
            p = arith::TruncFOp::create(nested, loc, rewriter.getBF16Type(), p);
          return SmallVector<Value>{p, sum};
        });
    scores.value = results[0];
    l.value = results[1];
  }

  /// acc = alpha * acc + sum_j p(i,j) V[j,e]. Guarded, a key that is not kept is not multiplied.
  void accumulate() {
    Value zero = op.getGuarded() ? linalg.constant(type, 0.0) : Value();
    rescale(acc);
    SmallVector<unsigned> loops = getLoops(accMap);
    loops.push_back(tile.loops.key);
    MappedTensor value = {op.getValue(), getMap(op.getIndexingMaps(), 2)};
    acc.value = linalg.generic("pv", LoopOrder(loops), {value, scores}, acc, [&](OpBuilder &nested, ValueRange args) {
      auto contract = arith::FastMathFlagsAttr::get(nested.getContext(), arith::FastMathFlags::contract);
      Value v = extend(nested, loc, args[0], type), p = extend(nested, loc, args[1], type);
      Value product = arith::MulFOp::create(nested, loc, v, p, contract);
      Value sum = arith::AddFOp::create(nested, loc, args[2], product, contract);
      if (op.getGuarded()) {
        Value skip = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OLT, args[1], zero);
        sum = arith::SelectOp::create(nested, loc, skip, args[2], sum);
      }
      return SmallVector<Value>{sum};
    })[0];
  }

  RewriterBase &rewriter;
  GenericBuilder linalg;
  OnlineOp op;
  const ScoredTile &tile;
  Location loc;
  Type type;
  AffineMap accMap, rowMap;
  MappedTensor acc, m, l, scores, tileMax, alpha;
  Value lowestFinite;
};

} // namespace

LogicalResult convertToLinalg(RewriterBase &rewriter, OnlineOp op) {
  if (failed(checkNormalizer(op, op.getNormalizer())))
    return failure();
  ScoredTile tile;
  tile.op = cast<ScoredOpInterface>(op.getOperation());
  tile.loops = getLoopInfo(op);
  tile.type = getElementTypeOrSelf(op.getInits()[0]);
  tile.map = replaceLoop(getMap(op.getIndexingMaps(), op.getIndexingMaps().size() - 2), tile.loops.e, tile.loops.key);
  tile.exponentScale = op.getExponentScale().convertToDouble();
  tile.plan = findPlan(op, op.getPlan());
  if (failed(checkTile(tile)))
    return failure();
  rewriter.setInsertionPoint(op);
  rewriter.replaceOp(op, OnlineSoftmax(rewriter, op, tile).run());
  return success();
}

LogicalResult convertToLinalg(RewriterBase &rewriter, WeightsOp op) {
  if (failed(checkNormalizer(op, op.getNormalizer())))
    return failure();
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
  if (failed(checkTile(tile)))
    return failure();

  rewriter.setInsertionPoint(op);
  GenericBuilder linalg(rewriter, loc);
  AffineMap rowMap = getMap(maps, maps.size() - 2), weightMap = getMap(maps, maps.size() - 1);
  // Scores become weights where they stand if the destination lies as they do.
  bool inPlace = weightMap == tile.map;
  MappedTensor scores = buildSimilaritySum(rewriter, tile, inPlace ? op.getInit() : Value());
  ScoreEpilogue epilogue(rewriter, tile);
  Value lowest = linalg.lowest(tile.type), minusInfinity = linalg.negativeInfinity(tile.type);
  Value zero = linalg.constant(tile.type, 0.0);
  SmallVector<MappedTensor> ins(epilogue.getOperands());
  size_t numOperands = ins.size();
  ins.push_back({op.getState()[0], rowMap});
  ins.push_back({op.getState()[2], rowMap});
  if (!inPlace)
    ins.push_back(scores);
  MappedTensor weights = inPlace ? scores : MappedTensor{op.getInit(), weightMap};
  LoopOrder order(getLoops(weightMap));
  auto body = [&](OpBuilder &nested, ValueRange args) {
    Value m = args[numOperands], factor = args[numOperands + 1];
    Value s = epilogue.build(nested, order, args[numOperands + 2], args.take_front(numOperands));
    Value difference = arith::SubFOp::create(nested, loc, s, selectMax(nested, loc, m, lowest));
    Value p = math::Exp2Op::create(nested, loc, difference);
    Value weight = arith::MulFOp::create(nested, loc, p, factor);
    Value masked = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, s, minusInfinity);
    return SmallVector<Value>{arith::SelectOp::create(nested, loc, masked, zero, weight)};
  };
  rewriter.replaceOp(op, linalg.generic("softmax", order, ins, weights, body));
  return success();
}

} // namespace attn
