// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "KeyBounds.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attn {

KeyBounds::KeyBounds(RowTile &tile, const KeyRanges &ranges)
    : tile(tile), rewriter(tile.rewriter), loc(tile.loc), largestSymbol(ranges.largestSymbol),
      firstStep(ranges.symbols.size()) {
  for (const KeyRangeSymbol &symbol : ranges.symbols)
    values.push_back(getSymbol(symbol));
  for (const KeyRangeStep &step : ranges.steps) {
    SmallVector<OpFoldResult> operands(values);
    auto apply = [&](AffineMap map) { return affine::makeComposedFoldedAffineApply(rewriter, loc, map, operands); };
    if (step.kind == KeyRangeStep::Kind::Select) {
      Value condition = tile.index(apply(step.map.getSubMap({0})));
      Value holds = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::sge, condition,
                                          tile.index(rewriter.getIndexAttr(0)));
      Value first = tile.index(apply(step.map.getSubMap({1}))), second = tile.index(apply(step.map.getSubMap({2})));
      values.push_back(rewriter.createOrFold<arith::SelectOp>(loc, holds, first, second));
    } else if (step.map.getNumResults() == 1) {
      values.push_back(apply(step.map));
    } else if (step.kind == KeyRangeStep::Kind::Max) {
      values.push_back(affine::makeComposedFoldedAffineMax(rewriter, loc, step.map, operands));
    } else {
      values.push_back(affine::makeComposedFoldedAffineMin(rewriter, loc, step.map, operands));
    }
  }
}

OpFoldResult KeyBounds::getSymbol(const KeyRangeSymbol &symbol) {
  OpFoldResult zero = rewriter.getIndexAttr(0);
  switch (symbol.kind) {
  case KeyRangeSymbol::Kind::RowTile:
    return tile.number;
  case KeyRangeSymbol::Kind::RowCount:
    return tile.sizes[tile.rowLoop];
  case KeyRangeSymbol::Kind::KeyCount:
    return tile.sizes[tile.loops.key];
  case KeyRangeSymbol::Kind::RowOffset:
    return clamp(tile.getPosition(tile.rowLoop, zero));
  case KeyRangeSymbol::Kind::KeyOffset:
    return clamp(tile.getPosition(tile.loops.key, zero));
  case KeyRangeSymbol::Kind::RegionValue:
    return toIndex(hoist(symbol.value));
  }
  llvm_unreachable("unknown kind of symbol");
}

AffineMap KeyBounds::getMaskMap(unsigned number) {
  return tile.getOpMap(3 + tile.op.getSimilarityOperands().size() + tile.op.getScoreOperands().size() + number);
}

Value KeyBounds::hoist(Value value) {
  auto it = hoisted.find(value);
  if (it != hoisted.end())
    return it->second;
  GenericOp op = tile.op;
  Block &mask = op.getMask().front();
  Value result = value;
  if (auto argument = dyn_cast<BlockArgument>(value); argument && argument.getOwner() == &mask) {
    unsigned number = argument.getArgNumber(), numElements = op.getMaskOperands().size();
    if (number >= numElements) {
      result = op.getCaptures()[number - numElements];
    } else {
      SmallVector<Value> indices = llvm::map_to_vector(getMaskMap(number).getResults(), [&](AffineExpr expr) {
        return tile.getFixed(cast<AffineDimExpr>(expr).getPosition());
      });
      result = tensor::ExtractOp::create(rewriter, loc, op.getMaskOperands()[number], indices);
    }
  } else if (auto index = value.getDefiningOp<IndexOp>()) {
    result = tile.index(tile.getPosition(index.getLoop(), tile.getFixed(index.getLoop())));
  } else if (Operation *operation = value.getDefiningOp(); operation && operation->getBlock() == &mask) {
    IRMapping mapping;
    for (Value operand : operation->getOperands())
      mapping.map(operand, hoist(operand));
    Operation *clone = rewriter.clone(*operation, mapping);
    result = clone->getResult(cast<OpResult>(value).getResultNumber());
  }
  return hoisted[value] = result;
}

OpFoldResult KeyBounds::clamp(OpFoldResult value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return rewriter.getIndexAttr(std::clamp(*constant, -largestSymbol, largestSymbol));
  Value atLeast =
      arith::MaxSIOp::create(rewriter, loc, tile.index(value), tile.index(rewriter.getIndexAttr(-largestSymbol)));
  return arith::MinSIOp::create(rewriter, loc, atLeast, tile.index(rewriter.getIndexAttr(largestSymbol))).getResult();
}

OpFoldResult KeyBounds::toIndex(Value value) {
  Type type = value.getType();
  if (type.isInteger(1))
    return arith::IndexCastUIOp::create(rewriter, loc, rewriter.getIndexType(), value).getResult();
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return clamp(rewriter.getIndexAttr(constant.getSExtValue()));
  if (!type.isIndex())
    value = arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), value);
  if (!type.isIndex() && type.getIntOrFloatBitWidth() <= 32)
    return value;
  return clamp(value);
}

Value KeyBounds::areNonNegative(AffineMap map, Value number) {
  SmallVector<OpFoldResult> operands{OpFoldResult(number)};
  operands.append(values);
  OpFoldResult smallest = affine::makeComposedFoldedAffineMin(rewriter, loc, map, operands);
  return arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::sge, tile.index(smallest),
                               tile.index(rewriter.getIndexAttr(0)));
}

Value KeyBounds::anyHolds(ArrayRef<KeyTileTest> tests, Value number) {
  Value any;
  for (const KeyTileTest &test : tests) {
    auto compare = [&](arith::CmpIPredicate predicate, unsigned step) -> Value {
      return arith::CmpIOp::create(rewriter, loc, predicate, number, tile.index((*this)[step]));
    };
    Value holds = arith::AndIOp::create(rewriter, loc, compare(arith::CmpIPredicate::sge, test.lower),
                                        compare(arith::CmpIPredicate::slt, test.upper));
    if (test.guard)
      holds = arith::AndIOp::create(rewriter, loc, holds, areNonNegative(test.guard, number));
    any = any ? arith::OrIOp::create(rewriter, loc, any, holds).getResult() : holds;
  }
  return any;
}

} // namespace attn
