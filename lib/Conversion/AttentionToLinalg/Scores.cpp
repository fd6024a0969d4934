// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "FactoredTanh.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace attn {

SmallVector<MappedTensor> mapOperands(OpBuilder &builder, const ScoredTile &tile, OperandRange operands,
                                      unsigned firstMap) {
  Location loc = tile.op.getLoc();
  SmallVector<MappedTensor> mapped;
  for (auto [index, operand] : llvm::enumerate(operands)) {
    AffineMap map = getMap(tile.op.getIndexingMaps(), firstMap + index);
    auto type = cast<RankedTensorType>(operand.getType());
    SmallVector<AffineExpr> kept;
    SmallVector<int64_t> keptShape;
    SmallVector<OpFoldResult> sizes;
    for (auto [dim, loop] : llvm::enumerate(getLoops(map))) {
      if (tile.loops.kinds[loop] == LoopKind::Fixed) {
        sizes.push_back(builder.getIndexAttr(1));
        continue;
      }
      kept.push_back(map.getResult(dim));
      keptShape.push_back(type.getDimSize(dim));
      sizes.push_back(tensor::getMixedSize(builder, loc, operand, dim));
    }
    if (kept.size() == map.getNumResults()) {
      mapped.push_back({operand, map});
      continue;
    }
    SmallVector<OpFoldResult> zeros(sizes.size(), builder.getIndexAttr(0)), ones(sizes.size(), builder.getIndexAttr(1));
    auto keptType = RankedTensorType::get(keptShape, type.getElementType());
    Value slice = tensor::ExtractSliceOp::create(builder, loc, keptType, operand, zeros, sizes, ones);
    mapped.push_back({slice, AffineMap::get(map.getNumDims(), 0, kept, builder.getContext())});
  }
  return mapped;
}

unsigned getFirstElementMap(ScoredOpInterface op) { return isa<WeightsOp>(op) ? 2 : 3; }

Value inlineRegion(OpBuilder &builder, ScoredOpInterface op, Region &region, const LoopOrder &order,
                   ArrayRef<Value> scalars, Operation *known, Value value) {
  Block &block = region.front();
  IRMapping mapping;
  for (auto [argument, scalar] : llvm::zip(block.getArguments(), scalars))
    mapping.map(argument, extend(builder, op.getLoc(), scalar, argument.getType()));
  mapping.map(block.getArguments().drop_front(scalars.size()), op.getCaptures());
  for (Operation &nested : block.without_terminator()) {
    if (&nested == known)
      mapping.map(nested.getResult(0), value);
    else if (auto index = dyn_cast<IndexOp>(nested))
      mapping.map(index.getResult(), buildPosition(builder, op, order, index.getLoop()));
    else
      builder.clone(nested, mapping);
  }
  return mapping.lookupOrDefault(cast<YieldOp>(block.getTerminator()).getValue());
}

LogicalResult checkTile(const ScoredTile &tile) {
  AffineMap queryMap = getMap(tile.op.getIndexingMaps(), 0);
  auto queryType = cast<RankedTensorType>(tile.op.getQuery().getType());
  for (auto [dim, loop] : llvm::enumerate(getLoops(queryMap)))
    if (int(loop) != tile.loops.d && queryType.isDynamicDim(dim))
      return tile.op->emitError("cannot convert a row tile of unknown size: dimension ")
             << dim << " of 'query' is dynamic; attn-tile-and-fuse makes row tiles of the plan's size";
  AffineMap keyMap = getMap(tile.op.getIndexingMaps(), 1);
  auto keyType = cast<RankedTensorType>(tile.op.getKey().getType());
  for (auto [dim, loop] : llvm::enumerate(getLoops(keyMap)))
    if (int(loop) == tile.loops.key && keyType.isDynamicDim(dim) && !tile.plan)
      return tile.op->emitError("cannot size the scores of a key tile of unknown size: give the op a plan, or the "
                                "enclosing scf.forall an attribute 'attn.plan'");
  return success();
}

Value buildPosition(OpBuilder &builder, ScoredOpInterface op, const LoopOrder &order, unsigned loop) {
  Location loc = op.getLoc();
  Value offset = op.getOffsets().empty() ? Value() : op.getOffsets()[loop];
  std::optional<unsigned> dim = order.getDim(loop);
  if (!dim)
    return offset ? offset : arith::ConstantIndexOp::create(builder, loc, 0).getResult();
  Value position = linalg::IndexOp::create(builder, loc, *dim);
  if (!offset || isZeroInteger(offset))
    return position;
  return arith::AddIOp::create(builder, loc, position, offset);
}

MappedTensor buildScratch(OpBuilder &builder, const ScoredTile &tile, AffineMap map, Type elementType) {
  Location loc = tile.op.getLoc();
  AffineMap queryMap = getMap(tile.op.getIndexingMaps(), 0);
  AffineMap keyMap = getMap(tile.op.getIndexingMaps(), 1);
  auto queryType = cast<RankedTensorType>(tile.op.getQuery().getType());
  MLIRContext *context = builder.getContext();
  unsigned keyDim = *keyMap.getResultPosition(getAffineDimExpr(tile.loops.key, context));
  int64_t keys = cast<RankedTensorType>(tile.op.getKey().getType()).getDimSize(keyDim);
  bool partial = false;

  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> sizes;
  for (unsigned loop : getLoops(map)) {
    if (loop == unsigned(tile.loops.key)) {
      partial = ShapedType::isDynamic(keys);
      shape.push_back(partial ? tile.plan.getKeys() : keys);
      sizes.push_back(tensor::getMixedSize(builder, loc, tile.op.getKey(), keyDim));
      continue;
    }
    shape.push_back(queryType.getDimSize(*queryMap.getResultPosition(getAffineDimExpr(loop, context))));
    sizes.push_back(builder.getIndexAttr(shape.back()));
  }
  Value scratch = tensor::EmptyOp::create(builder, loc, shape, elementType);
  if (partial) {
    SmallVector<OpFoldResult> zeros(sizes.size(), builder.getIndexAttr(0)), ones(sizes.size(), builder.getIndexAttr(1));
    scratch = tensor::ExtractSliceOp::create(builder, loc, scratch, zeros, sizes, ones);
  }
  return {scratch, map};
}

MappedTensor buildSimilaritySum(OpBuilder &builder, const ScoredTile &tile, Value destination) {
  ScoredOpInterface op = tile.op;
  // With few rows a row of K would be raised once for each of them.
  bool hasFewRows = tile.plan && tile.plan.getOrientation() == Orientation::RowsMajor;
  if (!tile.isGuarded && !hasFewRows)
    if (Operation *tanh = findWeightedTanh(op, tile.loops))
      return buildFactoredSum(builder, tile, tanh);
  Location loc = op.getLoc();
  GenericBuilder linalg(builder, loc);
  SmallVector<MappedTensor> ins = {{op.getQuery(), getMap(op.getIndexingMaps(), 0)},
                                   {op.getKey(), getMap(op.getIndexingMaps(), 1)}};
  // K first: it is the operand that is broadcast, as V is in the other contraction.
  std::swap(ins[0], ins[1]);
  llvm::append_range(ins, mapOperands(builder, tile, op.getSimilarityOperands(), getFirstElementMap(op)));

  MappedTensor scores =
      destination ? MappedTensor{destination, tile.map} : buildScratch(builder, tile, tile.map, tile.type);
  scores.value = linalg.fill("qk", 0.0, scores.value);
  SmallVector<unsigned> loops = getLoops(tile.map);
  loops.push_back(tile.loops.d);
  LoopOrder order(loops);
  scores.value = linalg.generic("qk", order, ins, scores, [&](OpBuilder &nested, ValueRange args) {
    auto contract = arith::FastMathFlagsAttr::get(nested.getContext(), arith::FastMathFlags::contract);
    Value k = extend(nested, loc, args[0], tile.type), q = extend(nested, loc, args[1], tile.type);
    Value term;
    if (op.getSimilarity().empty()) {
      term = arith::MulFOp::create(nested, loc, k, q, contract);
    } else {
      SmallVector<Value> scalars = {q, k};
      llvm::append_range(scalars, args.drop_front(2).drop_back());
      term = inlineRegion(nested, op, op.getSimilarity(), order, scalars);
      // A product joins the sum in one rounding, as q * k does.
      if (auto product = term.getDefiningOp<arith::MulFOp>())
        product.setFastmath(arith::FastMathFlags::contract);
    }
    return SmallVector<Value>{arith::AddFOp::create(nested, loc, args.back(), term, contract)};
  })[0];
  return scores;
}

ScoreEpilogue::ScoreEpilogue(OpBuilder &builder, const ScoredTile &tile) : tile(tile) {
  ScoredOpInterface op = tile.op;
  GenericBuilder linalg(builder, op.getLoc());
  unsigned firstScore = getFirstElementMap(op) + op.getSimilarityOperands().size();
  operands = mapOperands(builder, tile, op.getScoreOperands(), firstScore);
  llvm::append_range(operands,
                     mapOperands(builder, tile, op.getMaskOperands(), firstScore + op.getScoreOperands().size()));
  // Without a score region between them, the two factors are one.
  double before = op.getScaleFactor(), after = tile.exponentScale;
  if (op.getScore().empty()) {
    after *= before;
    before = 1.0;
  }
  if (before != 1.0)
    scale = linalg.constant(tile.type, before);
  if (after != 1.0)
    exponentScale = linalg.constant(tile.type, after);
  if (!op.getMask().empty())
    negativeInfinity = linalg.negativeInfinity(tile.type);
}

bool ScoreEpilogue::isIdentity() const {
  return !scale && !exponentScale && !negativeInfinity && tile.op.getScore().empty();
}

Value ScoreEpilogue::build(OpBuilder &builder, const LoopOrder &order, Value s, ValueRange scalars) const {
  ScoredOpInterface op = tile.op;
  Location loc = op.getLoc();
  unsigned numScore = op.getScoreOperands().size();
  if (scale)
    s = arith::MulFOp::create(builder, loc, s, scale);
  if (!op.getScore().empty()) {
    SmallVector<Value> arguments = {s};
    llvm::append_range(arguments, scalars.take_front(numScore));
    s = inlineRegion(builder, op, op.getScore(), order, arguments);
  }
  if (exponentScale)
    s = arith::MulFOp::create(builder, loc, s, exponentScale);
  if (!op.getMask().empty()) {
    SmallVector<Value> arguments(scalars.drop_front(numScore));
    Value keep = inlineRegion(builder, op, op.getMask(), order, arguments);
    s = arith::SelectOp::create(builder, loc, keep, s, negativeInfinity);
  }
  return s;
}

} // namespace attn
