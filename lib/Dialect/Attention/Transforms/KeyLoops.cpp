// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a row tile does with its keys: one loop per segment of the key ranges, the check for what should not have been
// summed, and the second visit for weights.
#include "KeyLoops.h"

#include "TopK.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attn {

NormalizerInterface KeyLoops::getNormalizer(GenericOp op) {
  SmallVector<ResultKind> kinds;
  for (auto kind : op.getResultKinds().getAsRange<ResultKindAttr>())
    kinds.push_back(kind.getValue());
  return op.getNormalizer().getStreaming(kinds);
}

KeyLoops::KeyLoops(RowTile &tile)
    : tile(tile), rewriter(tile.rewriter), loc(tile.loc), op(tile.op),
      ranges(computeKeyRanges(getMaskProblem(op, tile.rowLoop, tile.chosenPlan))) {
  // exp(s) = 2^(s log2 e).
  scale = op.getScale().convertToDouble();
  normalizer = getNormalizer(op);
  exponentScale = normalizer.isExponential() ? llvm::numbers::log2e : 1.0;
  if (isNarrow()) {
    // Factors multiply the score, never a 16-bit Q.
    query = packQuery(getElementTypeOrSelf(op.getQuery().getType()), 1.0);
  } else if (tile.plan.getWarps()) {
    // Q is read where it lies.
    query = wideQuery = packQuery(tile.accumulator, 1.0);
  } else {
    // Every factor that can move into Q costs one product per element of Q, not one per score.
    double inQuery = 1.0;
    if (op.getSimilarity().empty()) {
      std::swap(inQuery, scale);
      if (op.getScore().empty()) {
        inQuery *= exponentScale;
        exponentScale = 1.0;
      }
    }
    query = wideQuery = packQuery(tile.accumulator, inQuery);
  }
  unsigned number = 3;
  addSources(op.getSimilarityOperands(), number, similarity);
  addSources(op.getScoreOperands(), number, score);
  addSources(op.getMaskOperands(), number, mask);
  bounds.emplace(tile, ranges);
  if (tile.split)
    computeCuts();
  if (ranges.areTilesClassified())
    classifier.emplace(tile, *bounds);
  if (tile.plan != tile.chosenPlan)
    return; // said for the whole tile
  for (const KeyRangeReason &reason : ranges.reasons)
    remark::missed(reason.op->getLoc(), remark::RemarkOpts::name("tile-and-fuse").category("tile-and-fuse"))
        << remark::reason("the mask is not affine in row and key: {0}", reason.text)
        << remark::suggest(reason.hasRange
                               ? "its range on each tile decides at run time; an affine form would skip tiles for free"
                               : "without it, fewer key tiles may be visited, or more of them without mask");
}

TileOperand KeyLoops::packQuery(Type elementType, double factor) {
  return tile.pack(0, tile.slice(op.getQuery(), tile.getOpMap(0)), nullptr, elementType,
                   [&](OpBuilder &builder, Location bodyLoc, Value value) -> Value {
                     if (value.getType() != elementType)
                       value = arith::ExtFOp::create(builder, bodyLoc, elementType, value);
                     if (factor == 1.0)
                       return value;
                     Value scalar =
                         arith::ConstantOp::create(builder, bodyLoc, builder.getFloatAttr(elementType, factor));
                     return arith::MulFOp::create(builder, bodyLoc, value, scalar);
                   });
}

void KeyLoops::packWideQuery() {
  if (isNarrow())
    wideQuery = packQuery(tile.accumulator, 1.0);
}

void KeyLoops::addSources(OperandRange tensors, unsigned &number, SmallVectorImpl<Source> &sources) {
  for (Value tensor : tensors) {
    std::optional<TileOperand> loaded;
    if (!tile.getOpMap(number).isFunctionOfDim(tile.loops.key))
      loaded = tile.load(number, tensor);
    sources.push_back({number++, tensor, loaded});
  }
}

SmallVector<TileOperand> KeyLoops::load(ArrayRef<Source> sources, const KeyTile &keys) {
  return llvm::map_to_vector(sources, [&](const Source &source) {
    return source.loaded ? *source.loaded : tile.load(source.number, source.tensor, &keys);
  });
}

KeyLoops::Operands KeyLoops::load(const KeyTile &keys, bool withMask, bool asTheyAre) {
  Operands operands;
  operands.query = asTheyAre ? query : wideQuery;
  operands.key = tile.slice(op.getKey(), tile.getOpMap(1), &keys);
  if (!asTheyAre)
    operands.key = tile.widen(operands.key, keys);
  operands.similarity = load(similarity, keys);
  operands.score = load(score, keys);
  if (withMask)
    operands.mask = load(mask, keys);
  // Captures are arguments of every region; without regions nobody reads them.
  if (withMask || !op.getSimilarity().empty() || !op.getScore().empty())
    llvm::append_range(operands.captures, op.getCaptures());
  operands.offsets = tile.getOffsets(keys);
  return operands;
}

ArrayAttr KeyLoops::getMaps(const Operands &operands, const TileOperand *value, ArrayRef<AffineMap> others) {
  SmallVector<AffineMap> maps{operands.query.map, operands.key.map};
  if (value)
    maps.push_back(value->map);
  for (const auto *group : {&operands.similarity, &operands.score, &operands.mask})
    for (const TileOperand &operand : *group)
      maps.push_back(operand.map);
  maps.append(others.begin(), others.end());
  return rewriter.getAffineMapArrayAttr(maps);
}

static SmallVector<Value> getValues(ArrayRef<TileOperand> operands) {
  return llvm::map_to_vector(operands, [](const TileOperand &operand) { return operand.value; });
}

void KeyLoops::cloneRegions(Region &toSimilarity, Region &toScore, Region &toMask, bool withMask) {
  IRMapping mapping;
  op.getSimilarity().cloneInto(&toSimilarity, mapping);
  op.getScore().cloneInto(&toScore, mapping);
  if (withMask)
    op.getMask().cloneInto(&toMask, mapping);
}

SmallVector<Value> KeyLoops::getStartValues(RowTile &tile) {
  SmallVector<Value> starts{tile.zero(tile.accumulator)};
  llvm::append_range(starts, getNormalizer(tile.op).init(tile.rewriter, tile.loc, tile.accumulator));
  llvm::append_range(starts, getListStarts(tile));
  return starts;
}

SmallVector<RankedTensorType> KeyLoops::getStateTypes(RowTile &tile) {
  SmallVector<RankedTensorType> types{
      RankedTensorType::get(tile.getShape(*getConstantIntValue(tile.sizes[tile.loops.e])), tile.accumulator)};
  types.resize(1 + getNormalizer(tile.op).getNumStates(),
               RankedTensorType::get({tile.plan.getRows()}, tile.accumulator));
  llvm::append_range(types, getListTypes(tile));
  return types;
}

void KeyLoops::computeCuts() {
  Value lower = tile.index((*bounds)[ranges.lower]), upper = tile.index((*bounds)[ranges.upper]);
  Value one = tile.index(rewriter.getIndexAttr(1));
  auto add = [&](Value a, Value b) -> Value { return rewriter.createOrFold<arith::AddIOp>(loc, a, b); };
  auto subtract = [&](Value a, Value b) -> Value { return rewriter.createOrFold<arith::SubIOp>(loc, a, b); };
  auto roundUp = [&](Value keys) {
    int64_t keyTile = tile.plan.getKeys();
    AffineExpr whole = rewriter.getAffineSymbolExpr(0).ceilDiv(keyTile) * keyTile;
    return tile.index(affine::makeComposedFoldedAffineApply(rewriter, loc, whole, {OpFoldResult(keys)}));
  };
  // Even parts of what is visited, of whole key tiles.
  Value most = add(subtract(upper, lower), subtract(tile.numSplits, one));
  Value part = roundUp(arith::DivUIOp::create(rewriter, loc, most, tile.numSplits));
  auto cut = [&](Value number) {
    Value reached = add(lower, arith::MulIOp::create(rewriter, loc, number, part));
    Value key = arith::MinSIOp::create(rewriter, loc, reached, upper);
    // A segment of whole tiles is cut between two of them.
    for (const KeySegment &segment : ranges.segments) {
      if (segment.kind != KeySegment::Kind::Full && segment.kind != KeySegment::Kind::Tested)
        continue;
      Value begin = tile.index((*bounds)[segment.lower]), end = tile.index((*bounds)[segment.upper]);
      Value isAfter = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::sgt, key, begin);
      Value isBefore = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::slt, key, end);
      Value isInside = arith::AndIOp::create(rewriter, loc, isAfter, isBefore);
      Value whole = add(begin, roundUp(subtract(key, begin)));
      whole = arith::MinSIOp::create(rewriter, loc, whole, end);
      key = arith::SelectOp::create(rewriter, loc, isInside, whole, key);
    }
    return key;
  };
  firstKey = cut(tile.split);
  endKey = cut(add(tile.split, one));
}

std::pair<OpFoldResult, OpFoldResult> KeyLoops::restrict(unsigned lower, unsigned upper) {
  OpFoldResult begin = (*bounds)[lower], end = (*bounds)[upper];
  std::optional<int64_t> from = getConstantIntValue(begin), to = getConstantIntValue(end);
  if (!firstKey || (from && to && *from >= *to))
    return {begin, end};
  return {rewriter.createOrFold<arith::MaxSIOp>(loc, tile.index(begin), firstKey),
          rewriter.createOrFold<arith::MinSIOp>(loc, tile.index(end), endKey)};
}

SmallVector<Value> KeyLoops::loop(OpFoldResult lower, OpFoldResult upper, ValueRange init, LoopBody body) {
  std::optional<int64_t> from = getConstantIntValue(lower), to = getConstantIntValue(upper);
  if (lower == upper || (from && to && *from >= *to))
    return init;
  Value step = tile.index(rewriter.getIndexAttr(tile.plan.getKeys()));
  auto loop = scf::ForOp::create(rewriter, loc, tile.index(lower), tile.index(upper), step, init);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(rewriter, loc, body(loop.getInductionVar(), loop.getRegionIterArgs()));
  return loop.getResults();
}

KeyTile KeyLoops::getTile(Value start, OpFoldResult upper, bool isWhole) {
  OpFoldResult keyTile = rewriter.getIndexAttr(tile.plan.getKeys());
  if (isWhole)
    return {start, keyTile};
  AffineExpr s0 = rewriter.getAffineSymbolExpr(0), s1 = rewriter.getAffineSymbolExpr(1);
  AffineExpr most = rewriter.getAffineConstantExpr(tile.plan.getKeys());
  AffineMap map = AffineMap::get(0, 2, {s0 - s1, most}, op.getContext());
  return {start, affine::makeComposedFoldedAffineMin(rewriter, loc, map, {upper, OpFoldResult(start)})};
}

SmallVector<Value> KeyLoops::choose(Value condition, ValueRange init, function_ref<SmallVector<Value>()> ifTrue,
                                    function_ref<SmallVector<Value>()> ifFalse) {
  auto branch = scf::IfOp::create(rewriter, loc, TypeRange(init), condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(rewriter, loc, ifTrue());
  rewriter.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(rewriter, loc, ifFalse());
  return branch.getResults();
}

SmallVector<Value> KeyLoops::visitMasked(const KeyTile &keys, ValueRange args, TileBody body) {
  if (!classifier)
    return body(keys, args, true);
  TileClassifier::Truth truth = classifier->classify(keys);
  auto withMask = [&] { return body(keys, args, true); };
  auto visit = [&]() -> SmallVector<Value> {
    // Code without mask has whole tiles only.
    OpFoldResult keyTile = rewriter.getIndexAttr(tile.plan.getKeys());
    Value isWhole =
        arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, tile.index(keys.count), tile.index(keyTile));
    Value isFull = rewriter.createOrFold<arith::AndIOp>(loc, isWhole, truth.always);
    return choose(isFull, args, [&] { return body({keys.start, keyTile}, args, false); }, withMask);
  };
  return choose(truth.possible, args, visit, [&] { return SmallVector<Value>(args); });
}

SmallVector<Value> KeyLoops::visitTested(const KeySegment &segment, Value start, OpFoldResult upper, ValueRange args,
                                         TileBody body) {
  AffineExpr s0 = rewriter.getAffineSymbolExpr(0), s1 = rewriter.getAffineSymbolExpr(1);
  int64_t keyTile = tile.plan.getKeys();
  Value number =
      tile.index(affine::makeComposedFoldedAffineApply(rewriter, loc, s0.floorDiv(keyTile), {OpFoldResult(start)}));
  auto withMask = [&] { return visitMasked(getTile(start, upper, /*isWhole=*/false), args, body); };
  auto withoutMask = [&] { return body(getTile(start, upper, /*isWhole=*/true), args, false); };
  auto visit = [&]() -> SmallVector<Value> {
    if (segment.alwaysMasked)
      return withMask();
    Value left =
        tile.index(affine::makeComposedFoldedAffineApply(rewriter, loc, s0 - s1, {upper, OpFoldResult(start)}));
    Value isMasked = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::slt, left,
                                           tile.index(rewriter.getIndexAttr(keyTile)));
    if (Value test = bounds->anyHolds(segment.masked, number))
      isMasked = arith::OrIOp::create(rewriter, loc, isMasked, test);
    return choose(isMasked, args, withMask, withoutMask);
  };
  if (segment.visited.empty())
    return visit();
  return choose(bounds->anyHolds(segment.visited, number), args, visit, [&] { return SmallVector<Value>(args); });
}

SmallVector<Value> KeyLoops::visitAll(ValueRange init, TileBody body) {
  SmallVector<Value> state(init);
  for (const KeySegment &segment : ranges.segments) {
    auto [lower, upper] = restrict(segment.lower, segment.upper);
    state = loop(lower, upper, state, [&, upper = upper](Value start, ValueRange args) {
      if (segment.kind == KeySegment::Kind::Tested)
        return visitTested(segment, start, upper, args, body);
      KeyTile keys = getTile(start, upper, segment.kind == KeySegment::Kind::Full);
      return segment.kind == KeySegment::Kind::Partial ? visitMasked(keys, args, body) : body(keys, args, false);
    });
  }
  return state;
}

SmallVector<Value> KeyLoops::step(const KeyTile &keys, ValueRange state, bool withMask, bool guarded) {
  bool asTheyAre = isNarrow() && !guarded;
  Operands operands = load(keys, withMask, asTheyAre);
  TileOperand value = tile.slice(op.getValue(), tile.getOpMap(2), &keys);
  if (!asTheyAre)
    value = tile.widen(value, keys);
  ArrayAttr maps = getMaps(operands, &value, {tile.getTileMap(tile.loops.e), tile.getMap({tile.rowLoop})});
  auto online = OnlineOp::create(rewriter, loc, TypeRange(state), operands.query.value, operands.key.value, value.value,
                                 getValues(operands.similarity), getValues(operands.score), getValues(operands.mask),
                                 operands.captures, operands.offsets, state, maps, APFloat(scale),
                                 APFloat(exponentScale), normalizer, guarded, getTopKAttr(op), tile.plan);
  cloneRegions(online.getSimilarity(), online.getScore(), online.getMask(), withMask);
  return online.getResults();
}

SmallVector<Value> KeyLoops::accumulate() {
  SmallVector<Value> buffers = llvm::map_to_vector(getStateTypes(tile), [&](RankedTensorType type) -> Value {
    return tensor::EmptyOp::create(rewriter, loc, type.getShape(), type.getElementType());
  });
  return accumulate(buffers);
}

SmallVector<Value> KeyLoops::accumulate(ValueRange buffers) {
  SmallVector<Value> fresh;
  for (auto [buffer, start] : llvm::zip_equal(buffers, getStartValues(tile)))
    fresh.push_back(tile.fill(buffer, start, "init").getResult(0));
  auto [lower, upper] = restrict(ranges.lower, ranges.upper);
  // A GPU without tensor cores for the type goes key by key anyway: selections cost it nothing, and no second body.
  bool isGuarded = tile.plan.getWarps() && !isNarrow();
  SmallVector<Value> state = visitAll(fresh, [&](const KeyTile &keys, ValueRange args, bool withMask) {
    return step(keys, args, withMask, isGuarded);
  });
  if (isGuarded || getConstantIntValue(upper) == 0)
    return state;

  // A key that is not kept has weight 0, but 0 * NaN and 0 * infinity are NaN. They can come from a masked key or from
  // a score of -inf, in any segment, and are rare: look once at the end, and redo the rows with selections.
  Value bad = hasNonFinite(state.front());
  auto redo = scf::IfOp::create(rewriter, loc, TypeRange(ValueRange(state)), bad, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(redo.thenBlock());
  packWideQuery();
  // Refill the state that is there: fresh tensors would be buffers that leave this branch.
  SmallVector<Value> refilled;
  for (auto [value, start] : llvm::zip_equal(state, getStartValues(tile)))
    refilled.push_back(tile.fill(value, start, "redo").getResult(0));
  SmallVector<Value> again = loop(lower, upper, refilled, [&, upper = upper](Value start, ValueRange args) {
    return step(getTile(start, upper, /*isWhole=*/false), args, !ranges.isKept, /*guarded=*/true);
  });
  scf::YieldOp::create(rewriter, loc, again);
  rewriter.setInsertionPointToStart(redo.elseBlock());
  scf::YieldOp::create(rewriter, loc, state);
  return redo.getResults();
}

Value KeyLoops::hasNonFinite(Value acc) {
  NamedAttribute role = rewriter.getNamedAttr(kRoleName, rewriter.getStringAttr("check"));
  Value zero = tile.zero(tile.accumulator);
  AffineExpr d0 = rewriter.getAffineDimExpr(0), d1 = rewriter.getAffineDimExpr(1);
  auto parallel = utils::IteratorType::parallel, reduction = utils::IteratorType::reduction;
  // x * 0 is 0 for a finite x and NaN otherwise, and a sum is NaN if one of its terms is. Row by row first.
  AffineExpr row = tile.hasRowsLast() ? d1 : d0;
  Value perRow = tile.filled({tile.plan.getRows()}, zero, "check");
  perRow = linalg::GenericOp::create(
               rewriter, loc, perRow.getType(), ValueRange{acc}, ValueRange{perRow},
               ArrayRef<AffineMap>{AffineMap::get(2, 0, {d0, d1}, op.getContext()), AffineMap::get(2, 0, row)},
               row == d1 ? ArrayRef<utils::IteratorType>{reduction, parallel}
                         : ArrayRef<utils::IteratorType>{parallel, reduction},
               [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
                 Value test = arith::MulFOp::create(builder, bodyLoc, args[0], zero);
                 Value sum = arith::AddFOp::create(builder, bodyLoc, args[1], test);
                 linalg::YieldOp::create(builder, bodyLoc, sum);
               },
               {role})
               .getResult(0);
  Value total = tile.filled({}, zero, "check");
  total =
      linalg::GenericOp::create(rewriter, loc, total.getType(), ValueRange{perRow}, ValueRange{total},
                                ArrayRef<AffineMap>{AffineMap::get(1, 0, d0), AffineMap::get(1, 0, op.getContext())},
                                ArrayRef<utils::IteratorType>{reduction},
                                [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
                                  Value sum = arith::AddFOp::create(builder, bodyLoc, args[1], args[0]);
                                  linalg::YieldOp::create(builder, bodyLoc, sum);
                                },
                                {role})
          .getResult(0);
  Value sum = tensor::ExtractOp::create(rewriter, loc, total, ValueRange{});
  return arith::CmpFOp::create(rewriter, loc, arith::CmpFPredicate::UNO, sum, sum);
}

Value KeyLoops::weigh(const KeyTile &keys, ArrayRef<Value> state, bool withMask) {
  Operands operands = load(keys, withMask, /*asTheyAre=*/false);
  SmallVector<OpFoldResult> zeros(2, rewriter.getIndexAttr(0)), ones(2, rewriter.getIndexAttr(1));
  SmallVector<OpFoldResult> used{keys.count, rewriter.getIndexAttr(tile.plan.getRows())};
  if (!tile.hasRowsLast())
    std::swap(used[0], used[1]);
  Value scratch = tensor::EmptyOp::create(rewriter, loc, tile.getShape(tile.plan.getKeys()), tile.accumulator);
  if (!getConstantIntValue(keys.count))
    scratch = tensor::ExtractSliceOp::create(rewriter, loc, scratch, zeros, used, ones);
  ArrayAttr maps = getMaps(operands, nullptr, {tile.getMap({tile.rowLoop}), tile.getTileMap(tile.loops.key)});
  auto weights = WeightsOp::create(rewriter, loc, scratch.getType(), operands.query.value, operands.key.value,
                                   getValues(operands.similarity), getValues(operands.score), getValues(operands.mask),
                                   operands.captures, operands.offsets, state, scratch, maps, APFloat(scale),
                                   APFloat(exponentScale), normalizer, tile.plan);
  cloneRegions(weights.getSimilarity(), weights.getScore(), weights.getMask(), withMask);
  return tile.getValidRows(weights.getResult());
}

Value KeyLoops::writeWeights(ArrayRef<Value> state, const TileOperand &destination) {
  packWideQuery();
  Value result = tile.fill(destination.value, tile.zero(tile.accumulator), "unpack").getResult(0);
  NamedAttribute role = rewriter.getNamedAttr(kRoleName, rewriter.getStringAttr("unpack"));
  // Where the tile goes in the destination.
  bool keysFirst =
      cast<AffineDimExpr>(destination.map.getResult(0)).getPosition() == static_cast<unsigned>(tile.loops.key);
  AffineExpr d0 = rewriter.getAffineDimExpr(0), d1 = rewriter.getAffineDimExpr(1);
  AffineMap from = keysFirst == tile.hasRowsLast() ? AffineMap::get(2, 0, {d0, d1}, op.getContext())
                                                   : AffineMap::get(2, 0, {d1, d0}, op.getContext());
  SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
  auto unpack = [&](const KeyTile &keys, Value tileWeights, Value whole) -> Value {
    SmallVector<OpFoldResult> offsets{rewriter.getIndexAttr(0), keys.start}, extents{tile.numRows, keys.count};
    SmallVector<OpFoldResult> strides(2, rewriter.getIndexAttr(1));
    if (keysFirst) {
      std::swap(offsets[0], offsets[1]);
      std::swap(extents[0], extents[1]);
    }
    Value part = tensor::ExtractSliceOp::create(rewriter, loc, whole, offsets, extents, strides);
    auto copy = linalg::GenericOp::create(rewriter, loc, part.getType(), ValueRange{tileWeights}, ValueRange{part},
                                          ArrayRef<AffineMap>{from, rewriter.getMultiDimIdentityMap(2)}, iterators,
                                          [](OpBuilder &builder, Location bodyLoc, ValueRange args) {
                                            linalg::YieldOp::create(builder, bodyLoc, args[0]);
                                          },
                                          {role});
    return tensor::InsertSliceOp::create(rewriter, loc, copy.getResult(0), whole, offsets, extents, strides);
  };
  auto writeTile = [&](const KeyTile &keys, ValueRange args, bool withMask) {
    return SmallVector<Value>{unpack(keys, weigh(keys, state, withMask), args[0])};
  };
  return visitAll(result, writeTile).front();
}

} // namespace attn
