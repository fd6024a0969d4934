// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TileClassifier.h"

#include "Producers.h"
#include "attn/Analysis/RangeForms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attn {

/// A part of a table with more elements than this, in each of `ranged` dimensions, is not searched for its range: it
/// would cost more than the tile. One dimension: 1024 elements, 0.1 us of a tile's 9 us (Zen 4, 64 x 64, D = 64).
static int64_t getMostSearched(size_t ranged) { return ranged <= 1 ? 1024 : 64; }

TileClassifier::TileClassifier(RowTile &tile, KeyBounds &bounds)
    : tile(tile), bounds(bounds), rewriter(tile.rewriter), loc(tile.loc), arithmetic(rewriter, loc),
      mask(tile.op.getMask().front()) {
  prepare(mask.getTerminator()->getOperand(0));
}

bool TileClassifier::dependsOnKey(Value value) {
  auto it = keyDependence.find(value);
  if (it != keyDependence.end())
    return it->second;
  bool depends = false;
  unsigned key = tile.loops.key;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    unsigned number = argument.getArgNumber();
    depends = number < tile.op.getMaskOperands().size() && bounds.getMaskMap(number).isFunctionOfDim(key);
  } else if (auto index = value.getDefiningOp<IndexOp>()) {
    depends = index.getLoop() == key;
  } else {
    depends = llvm::any_of(value.getDefiningOp()->getOperands(), [&](Value operand) { return dependsOnKey(operand); });
  }
  return keyDependence[value] = depends;
}

void TileClassifier::prepare(Value value) {
  if (isa<TensorType>(value.getType()))
    return;
  if (!dependsOnKey(value)) {
    getRange(value, nullptr);
    return;
  }
  if (Operation *op = value.getDefiningOp())
    for (Value operand : op->getOperands())
      prepare(operand);
}

TileClassifier::Truth TileClassifier::classify(const KeyTile &keys) {
  ofTile.clear();
  RangeOfValues kept = getRange(mask.getTerminator()->getOperand(0), &keys);
  return {kept.lower, kept.upper};
}

RangeOfValues TileClassifier::getRange(Value value, const KeyTile *keys) {
  Ranges &known = dependsOnKey(value) ? ofTile : ofRows;
  auto it = known.find(value);
  if (it != known.end())
    return it->second;
  RangeOfValues range = computeRange(value, keys);
  return known[value] = range;
}

RangeOfValues TileClassifier::computeRange(Value value, const KeyTile *keys) {
  Type type = value.getType();
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return arithmetic.getConstant(constant, type);
  if (auto index = value.getDefiningOp<IndexOp>())
    return getPosition(index.getLoop(), keys);
  if (!hasRangeForm(value)) {
    // Its users may still know something: a false in a conjunction.
    if (auto logic = value.getDefiningOp();
        logic && type.isInteger(1) && isa<arith::AndIOp, arith::OrIOp, arith::XOrIOp, arith::SelectOp>(logic)) {
      SmallVector<RangeOfValues> operands =
          llvm::map_to_vector(logic->getOperands(), [&](Value operand) { return getRange(operand, keys); });
      return arithmetic.apply(logic, operands);
    }
    return arithmetic.getAll(type);
  }
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getArgNumber() < tile.op.getMaskOperands().size())
      return getOperandRange(argument.getArgNumber(), keys);
    Value capture = bounds.getRegionValue(value);
    if (type.isInteger(1) || type.isIndex())
      return arithmetic.getSingle(capture, type);
    return arithmetic.getSingle(arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), capture), type);
  }
  if (auto extract = value.getDefiningOp<tensor::ExtractOp>())
    return getTableRange(extract, keys);
  SmallVector<RangeOfValues> operands =
      llvm::map_to_vector(value.getDefiningOp()->getOperands(), [&](Value operand) { return getRange(operand, keys); });
  return arithmetic.apply(value.getDefiningOp(), operands);
}

RangeOfValues TileClassifier::getPosition(unsigned loop, const KeyTile *keys) {
  Type type = rewriter.getIndexType();
  // Positions within the op are dimensions of views, of which the target allows 2^30; twice that is said here.
  constexpr int64_t most = int64_t(1) << 31;
  RangeOfValues local;
  if (tile.isFixed(loop)) {
    Value fixed = tile.getFixed(loop);
    local = {fixed, fixed, 0, most};
  } else {
    bool isKey = loop == static_cast<unsigned>(tile.loops.key);
    Value start = tile.index(isKey ? keys->start : tile.rowStart);
    Value count = tile.index(isKey ? keys->count : tile.numRows);
    Value end = rewriter.createOrFold<arith::AddIOp>(loc, start, count);
    local = {start, rewriter.createOrFold<arith::SubIOp>(loc, end, arithmetic.index(1)), 0, most};
  }
  if (tile.op.getOffsets().empty())
    return local;
  Value offset = tile.op.getOffsets()[loop];
  APInt constant;
  if (matchPattern(offset, m_ConstantInt(&constant)))
    return arithmetic.add(local, arithmetic.getConstant(constant, type), type);
  return arithmetic.add(local, arithmetic.getSingle(offset, type), type);
}

RangeOfValues TileClassifier::getOperandRange(unsigned number, const KeyTile *keys) {
  SmallVector<Value> lower, upper;
  Value one = arithmetic.index(1), operand = tile.op.getMaskOperands()[number];
  // Of what an elementwise op makes the part that the tile needs is made, and searched as a whole.
  if (getElementwiseProducer(operand)) {
    TileOperand part = tile.slice(operand, bounds.getMaskMap(number), keys);
    for (AffineExpr expr : part.map.getResults()) {
      bool isKey = cast<AffineDimExpr>(expr).getPosition() == static_cast<unsigned>(tile.loops.key);
      lower.push_back(arithmetic.index(0));
      upper.push_back(tile.index(isKey ? keys->count : tile.numRows));
    }
    return search(part.value, lower, upper, /*mayBeEmpty=*/false);
  }
  for (AffineExpr expr : bounds.getMaskMap(number).getResults()) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    bool isKey = loop == static_cast<unsigned>(tile.loops.key);
    Value start = tile.isFixed(loop) ? tile.getFixed(loop) : tile.index(isKey ? keys->start : tile.rowStart);
    Value count = tile.isFixed(loop) ? one : tile.index(isKey ? keys->count : tile.numRows);
    lower.push_back(start);
    upper.push_back(tile.isFixed(loop) ? Value() : rewriter.createOrFold<arith::AddIOp>(loc, start, count));
  }
  return search(operand, lower, upper, /*mayBeEmpty=*/false);
}

RangeOfValues TileClassifier::getTableRange(tensor::ExtractOp extract, const KeyTile *keys) {
  SmallVector<RangeOfValues> positions =
      llvm::map_to_vector(extract.getIndices(), [&](Value index) { return getRange(index, keys); });
  size_t ranged = llvm::count_if(positions, [](const RangeOfValues &range) { return !range.isSingle(); });
  Value table = bounds.getRegionValue(extract.getTensor()), zero = arithmetic.index(0), one = arithmetic.index(1);
  SmallVector<Value> lower, upper;
  for (auto [dim, range] : llvm::enumerate(positions)) {
    // Positions that are read lie in the table. Those of a range that is too large need not.
    Value size = tile.index(tensor::getMixedSize(rewriter, loc, table, dim));
    Value first = arithmetic.larger(range.lower, zero);
    Value last = arithmetic.smaller(range.upper, rewriter.createOrFold<arith::SubIOp>(loc, size, one));
    Value count = rewriter.createOrFold<arith::SubIOp>(loc, last, first);
    Value isShort = arithmetic.compare(arith::CmpIPredicate::slt, count, arithmetic.index(getMostSearched(ranged)));
    Value end = rewriter.createOrFold<arith::AddIOp>(loc, last, one);
    lower.push_back(first);
    upper.push_back(rewriter.createOrFold<arith::SelectOp>(loc, isShort, end, first));
  }
  return search(table, lower, upper, /*mayBeEmpty=*/true);
}

RangeOfValues TileClassifier::search(Value tensor, ArrayRef<Value> lower, ArrayRef<Value> upper, bool mayBeEmpty) {
  Type type = getElementTypeOrSelf(tensor.getType());
  bool isFlag = type.isInteger(1);
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  auto constant = [&](APInt value) -> Value {
    return arith::ConstantOp::create(rewriter, loc, rewriter.getIntegerAttr(type, value));
  };
  Value start[] = {constant(isFlag ? APInt(1, 1) : APInt::getSignedMaxValue(width)),
                   constant(isFlag ? APInt(1, 0) : APInt::getSignedMinValue(width))};
  SmallVector<Value> indices(lower);
  Value one = arithmetic.index(1);
  // One loop for each dimension that is a range, in the order of memory.
  std::function<SmallVector<Value>(size_t, ValueRange)> nest = [&](size_t dim, ValueRange found) -> SmallVector<Value> {
    if (dim == lower.size()) {
      Value element = tensor::ExtractOp::create(rewriter, loc, tensor, indices);
      if (isFlag)
        return {arith::AndIOp::create(rewriter, loc, found[0], element),
                arith::OrIOp::create(rewriter, loc, found[1], element)};
      return {arith::MinSIOp::create(rewriter, loc, found[0], element),
              arith::MaxSIOp::create(rewriter, loc, found[1], element)};
    }
    if (!upper[dim])
      return nest(dim + 1, found);
    auto loop = scf::ForOp::create(rewriter, loc, lower[dim], upper[dim], one, found);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(loop.getBody());
    indices[dim] = loop.getInductionVar();
    scf::YieldOp::create(rewriter, loc, nest(dim + 1, loop.getRegionIterArgs()));
    return loop.getResults();
  };
  SmallVector<Value> found = nest(0, ValueRange(start));
  if (isFlag) {
    if (!mayBeEmpty)
      return {found[0], found[1], 0, 1};
    // Without elements "all are true" and "one is true" contradict each other: then nothing is known.
    Value isEmpty = arithmetic.both(found[0], arithmetic.isNot(found[1]));
    return {arithmetic.both(found[0], arithmetic.isNot(isEmpty)), arithmetic.either(found[1], isEmpty), 0, 1};
  }
  for (Value &end : found)
    if (!type.isIndex())
      end = arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), end);
  Value isFound = mayBeEmpty ? arithmetic.compare(arith::CmpIPredicate::sle, found[0], found[1]) : Value();
  return arithmetic.choose(isFound, found[0], found[1], type);
}

} // namespace attn
