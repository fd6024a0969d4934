// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RowTile.h"

#include "Producers.h"
#include "attn/Analysis/LoopSizes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace attn {

static unsigned getLoop(AffineExpr expr) { return cast<AffineDimExpr>(expr).getPosition(); }

RowTile::RowTile(RewriterBase &rewriter, GenericOp op, unsigned rowLoop, PlanAttr plan, ArrayRef<OpFoldResult> sizes,
                 const DenseMap<unsigned, Value> &fixed, Value tileNumber)
    : rewriter(rewriter), loc(op.getLoc()), op(op), loops(getLoopInfo(op)), rowLoop(rowLoop), plan(plan),
      chosenPlan(plan), accumulator(getAccumulatorType(op)), sizes(sizes), fixed(fixed) {
  int64_t rows = plan.getRows();
  std::optional<int64_t> count = getConstantIntValue(sizes[rowLoop]);
  AffineExpr s0 = rewriter.getAffineSymbolExpr(0), s1 = rewriter.getAffineSymbolExpr(1);
  if (count && *count <= rows) {
    // One tile: its shapes are static although the number of the tile is a loop variable.
    number = rowStart = rewriter.getIndexAttr(0);
    numRows = rewriter.getIndexAttr(*count);
    return;
  }
  number = tileNumber;
  rowStart = affine::makeComposedFoldedAffineApply(rewriter, loc, s0 * rows, {tileNumber});
  numRows = rewriter.getIndexAttr(rows);
  if (!count || *count % rows != 0) {
    AffineMap map = AffineMap::get(0, 2, {s0 - s1, rewriter.getAffineConstantExpr(rows)}, op.getContext());
    numRows = affine::makeComposedFoldedAffineMin(rewriter, loc, map, {sizes[rowLoop], rowStart});
  }
}

RowTile RowTile::makeShort(int64_t rows) const {
  RowTile tile(*this);
  tile.plan = PlanAttr::get(plan.getContext(), plan.getAlgorithm(), plan.getOrientation(), rows, /*shortRows=*/0,
                            plan.getKeys(), plan.getLanes(), plan.getRegisterTile(), plan.getPrecision(),
                            plan.getSplitKeys(), plan.getWarps(), plan.getStages());
  // Scratch of the whole rows is another size, and elsewhere.
  tile.produced.clear();
  return tile;
}

OpFoldResult RowTile::getPosition(unsigned loop, OpFoldResult local) {
  if (op.getOffsets().empty())
    return local;
  AffineExpr sum = rewriter.getAffineSymbolExpr(0) + rewriter.getAffineSymbolExpr(1);
  OpFoldResult offset = getAsOpFoldResult(Value(op.getOffsets()[loop]));
  return affine::makeComposedFoldedAffineApply(rewriter, loc, sum, {local, offset});
}

SmallVector<Value> RowTile::getOffsets(const KeyTile &keys) {
  SmallVector<Value> offsets;
  for (unsigned loop = 0; loop < loops.getNumLoops(); ++loop) {
    OpFoldResult local = rewriter.getIndexAttr(0);
    if (isFixed(loop))
      local = fixed.lookup(loop);
    else if (loop == rowLoop)
      local = rowStart;
    else if (loop == static_cast<unsigned>(loops.key))
      local = keys.start;
    offsets.push_back(index(getPosition(loop, local)));
  }
  return offsets;
}

/// Sizes of the dimensions of `tensor` that `map` does not speak of: the ranks of top-k.
static ArrayRef<int64_t> getTrailingSizes(Value tensor, AffineMap map) {
  return cast<RankedTensorType>(tensor.getType()).getShape().drop_front(map.getNumResults());
}

void RowTile::getSlice(Value tensor, AffineMap map, const KeyTile *keys, SmallVectorImpl<OpFoldResult> &offsets,
                       SmallVectorImpl<OpFoldResult> &sliceSizes, SmallVectorImpl<OpFoldResult> &strides) {
  OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
  for (AffineExpr expr : map.getResults()) {
    unsigned loop = getLoop(expr);
    bool isKey = loop == static_cast<unsigned>(loops.key);
    assert((!isKey || keys) && "an operand over keys is sliced inside the key loop");
    if (isFixed(loop)) {
      offsets.push_back(fixed.lookup(loop));
      sliceSizes.push_back(one);
    } else if (loop == rowLoop || isKey) {
      offsets.push_back(isKey ? keys->start : rowStart);
      sliceSizes.push_back(isKey ? keys->count : numRows);
    } else {
      offsets.push_back(zero);
      sliceSizes.push_back(sizes[loop]);
    }
    strides.push_back(one);
  }
  for (int64_t size : getTrailingSizes(tensor, map)) {
    offsets.push_back(zero);
    sliceSizes.push_back(rewriter.getIndexAttr(size));
    strides.push_back(one);
  }
}

TileOperand RowTile::slice(Value tensor, AffineMap map, const KeyTile *keys) {
  if (linalg::GenericOp producer = getElementwiseProducer(tensor)) {
    if (keys)
      return produce(producer, map, keys);
    if (const TileOperand *known = findProduced(producer, map))
      return *known;
    TileOperand made = produce(producer, map, keys);
    produced[{producer, map}] = made;
    return made;
  }
  SmallVector<OpFoldResult> offsets, sliceSizes, strides;
  getSlice(tensor, map, keys, offsets, sliceSizes, strides);
  SmallVector<unsigned> remaining;
  SmallVector<int64_t> shape;
  for (auto [expr, size] : llvm::zip(map.getResults(), sliceSizes)) {
    if (isFixed(getLoop(expr)))
      continue;
    remaining.push_back(getLoop(expr));
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  }
  llvm::append_range(shape, getTrailingSizes(tensor, map));
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(tensor.getType()));
  Value result = tensor::ExtractSliceOp::create(rewriter, loc, type, tensor, offsets, sliceSizes, strides);
  return {result, getMap(remaining)};
}

const TileOperand *RowTile::findProduced(linalg::GenericOp producer, AffineMap map) {
  auto it = produced.find({producer, map});
  if (it == produced.end())
    return nullptr;
  Operation *made = it->second.value.getDefiningOp();
  Block *here = rewriter.getInsertionBlock();
  if (made->getBlock() == here) {
    auto point = rewriter.getInsertionPoint();
    return point == here->end() || made->isBeforeInBlock(&*point) ? &it->second : nullptr;
  }
  Operation *around = made->getBlock()->findAncestorOpInBlock(*here->getParentOp());
  return around && made->isBeforeInBlock(around) ? &it->second : nullptr;
}

TileOperand RowTile::produce(linalg::GenericOp producer, AffineMap map, const KeyTile *keys) {
  SmallVector<Value> inputs;
  SmallVector<AffineMap> inputMaps;
  for (OpOperand *input : producer.getDpsInputOperands()) {
    TileOperand part = slice(input->get(), getInputMap(producer, producer.getMatchingIndexingMap(input), map), keys);
    inputs.push_back(part.value);
    inputMaps.push_back(part.map);
  }
  // Loops are the dimensions that are left, in static scratch of whole tiles, of which a tail uses the first elements.
  SmallVector<unsigned> order;
  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> zeros, ones, used;
  for (AffineExpr expr : map.getResults()) {
    unsigned loop = getLoop(expr);
    if (isFixed(loop))
      continue;
    bool isKey = loop == static_cast<unsigned>(loops.key);
    order.push_back(loop);
    used.push_back(isKey ? keys->count : loop == rowLoop ? numRows : sizes[loop]);
    shape.push_back(isKey ? plan.getKeys() : loop == rowLoop ? plan.getRows() : *getConstantIntValue(sizes[loop]));
    zeros.push_back(rewriter.getIndexAttr(0));
    ones.push_back(rewriter.getIndexAttr(1));
  }
  Value destination =
      tensor::EmptyOp::create(rewriter, loc, shape, getElementTypeOrSelf(producer.getResult(0).getType()));
  if (getConstantIntValues(used) != std::optional(SmallVector<int64_t>(shape)))
    destination = tensor::ExtractSliceOp::create(rewriter, loc, destination, zeros, used, ones);
  AffineMap outMap = producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
  SmallVector<AffineMap> maps;
  for (AffineMap inputMap : inputMaps)
    maps.push_back(AffineMap::get(order.size(), 0,
                                  llvm::map_to_vector(inputMap.getResults(),
                                                      [&](AffineExpr expr) {
                                                        unsigned dim = llvm::find(order, getLoop(expr)) - order.begin();
                                                        return rewriter.getAffineDimExpr(dim);
                                                      }),
                                  op.getContext()));
  maps.push_back(rewriter.getMultiDimIdentityMap(order.size()));
  SmallVector<utils::IteratorType> iterators(order.size(), utils::IteratorType::parallel);
  NamedAttribute role = rewriter.getNamedAttr(kRoleName, rewriter.getStringAttr("produce"));
  auto build = [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
    IRMapping mapping;
    mapping.map(producer.getBody()->getArguments().take_front(inputs.size()), args.take_front(inputs.size()));
    for (Operation &nested : producer.getBody()->without_terminator()) {
      auto position = dyn_cast<linalg::IndexOp>(nested);
      if (!position) {
        builder.clone(nested, mapping);
        continue;
      }
      // Where the element is in the whole tensor.
      unsigned dim = *outMap.getResultPosition(rewriter.getAffineDimExpr(position.getDim()));
      unsigned loop = getLoop(map.getResult(dim));
      Value value;
      if (isFixed(loop)) {
        value = fixed.lookup(loop);
      } else {
        value = linalg::IndexOp::create(builder, bodyLoc, llvm::find(order, loop) - order.begin());
        OpFoldResult start = loop == static_cast<unsigned>(loops.key) ? keys->start : rowStart;
        if (loop == rowLoop || loop == static_cast<unsigned>(loops.key))
          value =
              arith::AddIOp::create(builder, bodyLoc, value, getValueOrCreateConstantIndexOp(builder, bodyLoc, start));
      }
      mapping.map(position.getResult(), value);
    }
    Operation *terminator = producer.getBody()->getTerminator();
    linalg::YieldOp::create(builder, bodyLoc, mapping.lookupOrDefault(terminator->getOperand(0)));
  };
  auto part = linalg::GenericOp::create(rewriter, loc, destination.getType(), inputs, ValueRange{destination}, maps,
                                        iterators, build, {role});
  return {part.getResult(0), getMap(order)};
}

TileOperand RowTile::pack(unsigned number, const TileOperand &slice, const KeyTile *keys, Type elementType,
                          function_ref<Value(OpBuilder &, Location, Value)> convert) {
  // Rows go last or first; the other dimensions keep their order.
  SmallVector<unsigned> order;
  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> extents;
  for (AffineExpr expr : slice.map.getResults()) {
    unsigned loop = getLoop(expr);
    if (loop == rowLoop)
      continue;
    bool isKey = loop == static_cast<unsigned>(loops.key);
    order.push_back(loop);
    extents.push_back(isKey ? keys->count : sizes[loop]);
    shape.push_back(isKey ? plan.getKeys() : *getConstantIntValue(sizes[loop]));
  }
  size_t rowDim = hasRowsLast() ? order.size() : 0;
  order.insert(order.begin() + rowDim, rowLoop);
  shape.insert(shape.begin() + rowDim, plan.getRows());
  extents.insert(extents.begin() + rowDim, rewriter.getIndexAttr(plan.getRows()));

  // The scratch has a static size; of its keys a tail uses the first ones. It is filled whole: canonicalisation turns a
  // slice of tensor.empty that is filled into a tensor.empty of the slice's size, which nobody can allocate statically.
  SmallVector<OpFoldResult> zeros(order.size(), rewriter.getIndexAttr(0)), ones(order.size(), rewriter.getIndexAttr(1));
  Value scratch = tensor::EmptyOp::create(rewriter, loc, shape, elementType);
  NamedAttribute operand = rewriter.getNamedAttr(kOperandName, rewriter.getI64IntegerAttr(number));
  if (!isAlwaysWhole()) {
    linalg::FillOp filled = fill(scratch, zero(elementType), "pack");
    filled->setAttr(operand.getName(), operand.getValue());
    scratch = filled.getResult(0);
  }
  SmallVector<OpFoldResult> used = extents;
  used[rowDim] = numRows;
  bool hasTail = keys && !getConstantIntValue(keys->count);
  Value destination = scratch;
  if (hasTail || !isAlwaysWhole())
    destination = tensor::ExtractSliceOp::create(rewriter, loc, scratch, zeros, used, ones);

  // Loops of the copy are the dimensions of what it writes.
  auto position = [&](AffineExpr expr) {
    return rewriter.getAffineDimExpr(llvm::find(order, getLoop(expr)) - order.begin());
  };
  SmallVector<AffineExpr> source = llvm::map_to_vector(slice.map.getResults(), position);
  SmallVector<AffineMap> maps{AffineMap::get(order.size(), 0, source, op.getContext()),
                              rewriter.getMultiDimIdentityMap(order.size())};
  SmallVector<utils::IteratorType> iterators(order.size(), utils::IteratorType::parallel);
  NamedAttribute role = rewriter.getNamedAttr(kRoleName, rewriter.getStringAttr("pack"));
  auto copy = linalg::GenericOp::create(rewriter, loc, destination.getType(), ValueRange{slice.value},
                                        ValueRange{destination}, maps, iterators,
                                        [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
                                          linalg::YieldOp::create(builder, bodyLoc, convert(builder, bodyLoc, args[0]));
                                        },
                                        {role, operand});
  Value packed = copy.getResult(0);
  if (!isAlwaysWhole()) {
    packed = tensor::InsertSliceOp::create(rewriter, loc, packed, scratch, zeros, used, ones);
    if (hasTail)
      packed = tensor::ExtractSliceOp::create(rewriter, loc, packed, zeros, extents, ones);
  }
  return {packed, getMap(order)};
}

TileOperand RowTile::widen(const TileOperand &slice, const KeyTile &keys) {
  auto type = cast<RankedTensorType>(slice.value.getType());
  if (type.getElementType() == accumulator || !hasRowsLast())
    return slice;
  // Static scratch of whole tiles; a tail uses the first keys.
  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> zeros, ones, used;
  for (auto [expr, size] : llvm::zip_equal(slice.map.getResults(), type.getShape())) {
    bool isKey = getLoop(expr) == static_cast<unsigned>(loops.key);
    shape.push_back(isKey ? plan.getKeys() : size);
    used.push_back(isKey ? keys.count : rewriter.getIndexAttr(size));
    zeros.push_back(rewriter.getIndexAttr(0));
    ones.push_back(rewriter.getIndexAttr(1));
  }
  Value destination = tensor::EmptyOp::create(rewriter, loc, shape, accumulator);
  if (!getConstantIntValue(keys.count))
    destination = tensor::ExtractSliceOp::create(rewriter, loc, destination, zeros, used, ones);
  SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(shape.size()));
  SmallVector<utils::IteratorType> iterators(shape.size(), utils::IteratorType::parallel);
  NamedAttribute role = rewriter.getNamedAttr(kRoleName, rewriter.getStringAttr("widen"));
  auto copy = linalg::GenericOp::create(rewriter, loc, destination.getType(), ValueRange{slice.value},
                                        ValueRange{destination}, maps, iterators,
                                        [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
                                          Value wide = arith::ExtFOp::create(builder, bodyLoc, accumulator, args[0]);
                                          linalg::YieldOp::create(builder, bodyLoc, wide);
                                        },
                                        {role});
  return {copy.getResult(0), slice.map};
}

TileOperand RowTile::load(unsigned number, Value tensor, const KeyTile *keys) {
  AffineMap map = getOpMap(number);
  TileOperand operand = slice(tensor, map, keys);
  unsigned rank = operand.map.getNumResults();
  bool endsWithRows = rank > 0 && getLoop(operand.map.getResults().back()) == rowLoop;
  bool isPacked = isAlwaysWhole() && (rank == 1 || endsWithRows == hasRowsLast());
  if (!map.isFunctionOfDim(rowLoop) || isPacked)
    return operand;
  return pack(number, operand, keys, getElementTypeOrSelf(tensor.getType()),
              [](OpBuilder &, Location, Value value) { return value; });
}

linalg::FillOp RowTile::fill(Value tensor, Value value, StringRef role) {
  auto fill = linalg::FillOp::create(rewriter, loc, value, tensor);
  fill->setAttr(kRoleName, rewriter.getStringAttr(role));
  return fill;
}

Value RowTile::filled(ArrayRef<int64_t> shape, Value value, StringRef role) {
  return fill(tensor::EmptyOp::create(rewriter, loc, shape, value.getType()), value, role).getResult(0);
}

Value RowTile::zero(Type type) { return arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(type)); }

Value RowTile::index(OpFoldResult value) { return getValueOrCreateConstantIndexOp(rewriter, loc, value); }

Value RowTile::getValidRows(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (isAlwaysWhole())
    return tensor;
  SmallVector<OpFoldResult> offsets(type.getRank(), rewriter.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), rewriter.getIndexAttr(1));
  SmallVector<OpFoldResult> extents = tensor::getMixedSizes(rewriter, loc, tensor);
  (hasRowsLast() ? extents.back() : extents.front()) = numRows;
  return tensor::ExtractSliceOp::create(rewriter, loc, tensor, offsets, extents, strides);
}

AffineMap RowTile::getMap(ArrayRef<unsigned> results) {
  SmallVector<AffineExpr> exprs =
      llvm::map_to_vector(results, [&](unsigned loop) { return rewriter.getAffineDimExpr(loop); });
  return AffineMap::get(loops.getNumLoops(), 0, exprs, op.getContext());
}

} // namespace attn
