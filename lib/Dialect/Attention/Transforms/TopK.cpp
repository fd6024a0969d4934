// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Keys are ranked by their scores while they are visited, for weights are known only when all have been: a list holds k
// scores of a row, and their weights are made of them in the end. Nothing is of the size of all keys.
#include "TopK.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace attn {

LogicalResult checkTopK(GenericOp op, PlanAttr plan) {
  Value values = op.getInitOfKind(ResultKind::TopkValues);
  if (!values)
    return success();
  if (plan.getWarps())
    return op.emitError("cannot be compiled for a GPU yet: result 'topk_values' (out, lse and max can)");
  if (int64_t count = cast<RankedTensorType>(values.getType()).getShape().back(); count > kMostRanks)
    return op.emitError("cannot tile result 'topk_values' with k = ")
           << count << ": expects at most " << kMostRanks << "; ask for 'weights' and rank them";
  Type index = getElementTypeOrSelf(op.getInitOfKind(ResultKind::TopkIndices).getType());
  if (!index.isInteger(32) && !index.isInteger(64))
    return op.emitError("cannot tile result 'topk_indices' of ") << index << ": expects i32 or i64";
  if (plan.getSplitKeys())
    return op.emitError("cannot tile result 'topk_values' with 'split' = ")
           << plan.getSplitKeys() << ": nobody merges lists of parts, expects a plan without 'split'";
  return success();
}

IntegerAttr getTopKAttr(GenericOp op) {
  Value values = op.getInitOfKind(ResultKind::TopkValues);
  if (!values)
    return {};
  return Builder(op.getContext()).getI64IntegerAttr(cast<RankedTensorType>(values.getType()).getShape().back());
}

SmallVector<RankedTensorType> getListTypes(RowTile &tile) {
  IntegerAttr count = getTopKAttr(tile.op);
  if (!count)
    return {};
  SmallVector<int64_t> shape = tile.getShape(count.getInt());
  return {RankedTensorType::get(shape, tile.accumulator), RankedTensorType::get(shape, tile.rewriter.getI32Type())};
}

/// Position of the op's first key, in 32 bits as attn.online counts; null for 0.
static Value getFirstPosition(RowTile &tile) {
  if (tile.op.getOffsets().empty())
    return {};
  Value offset = tile.op.getOffsets()[tile.loops.key];
  if (isConstantIntValue(offset, 0))
    return {};
  return arith::IndexCastOp::create(tile.rewriter, tile.loc, tile.rewriter.getI32Type(), offset);
}

SmallVector<Value> getListStarts(RowTile &tile) {
  if (!getTopKAttr(tile.op))
    return {};
  RewriterBase &rewriter = tile.rewriter;
  APFloat infinity = APFloat::getInf(tile.accumulator.getFloatSemantics(), /*Negative=*/true);
  Value score = arith::ConstantOp::create(rewriter, tile.loc, rewriter.getFloatAttr(tile.accumulator, infinity));
  // The key before the first one is -1 when positions become indices.
  Value position = arith::ConstantOp::create(rewriter, tile.loc, rewriter.getI32IntegerAttr(-1));
  if (Value first = getFirstPosition(tile))
    position = arith::AddIOp::create(rewriter, tile.loc, first, position);
  return {score, position};
}

/// The first rank of a list over [ranks, rows] or [rows, ranks].
static Value getFirstRank(RowTile &tile, Value list) {
  RewriterBase &rewriter = tile.rewriter;
  unsigned rowDim = tile.hasRowsLast() ? 1 : 0;
  int64_t numRows = getConstantIntValue(tile.numRows).value_or(ShapedType::kDynamic);
  SmallVector<OpFoldResult> zeros(2, rewriter.getIndexAttr(0)), ones(2, rewriter.getIndexAttr(1)), sizes(ones);
  sizes[rowDim] = tile.numRows;
  auto rows = RankedTensorType::get({numRows}, getElementTypeOrSelf(list.getType()));
  return tensor::ExtractSliceOp::create(rewriter, tile.loc, rows, list, zeros, sizes, ones);
}

Value writeTopK(RowTile &tile, ResultKind kind, NormalizerInterface normalizer, ArrayRef<Value> lists,
                ArrayRef<Value> state, const TileOperand &destination) {
  RewriterBase &rewriter = tile.rewriter;
  Location loc = tile.loc;
  MLIRContext *context = rewriter.getContext();
  bool isValues = kind == ResultKind::TopkValues;
  Type element = getElementTypeOrSelf(destination.value.getType());
  AffineExpr row = rewriter.getAffineDimExpr(0), rank = rewriter.getAffineDimExpr(1);
  AffineMap rowMap = AffineMap::get(2, 0, row), listMap = rewriter.getMultiDimIdentityMap(2);
  if (tile.hasRowsLast())
    listMap = AffineMap::get(2, 0, {rank, row}, context);
  // A NaN score is on top of its list; a factor that is NaN spoils a row too.
  SmallVector<Value> ins{tile.getValidRows(lists[isValues ? 0 : 1]), getFirstRank(tile, lists[0]), state.back()};
  SmallVector<AffineMap> maps{listMap, rowMap, rowMap};
  if (isValues)
    llvm::append_range(ins, state.drop_back());
  maps.resize(ins.size(), rowMap);
  maps.push_back(rewriter.getMultiDimIdentityMap(2));
  Value first = isValues ? Value() : getFirstPosition(tile);
  auto body = [&](OpBuilder &builder, Location bodyLoc, ValueRange args) {
    Value isSpoilt = arith::CmpFOp::create(builder, bodyLoc, arith::CmpFPredicate::UNO, args[1], args[2]);
    auto select = [&](Value condition, Value a, Value b) -> Value {
      return arith::SelectOp::create(builder, bodyLoc, condition, a, b);
    };
    Value result = args[0];
    if (isValues) {
      Value score = args[0], factor = args[2];
      auto constant = [&](const APFloat &value) -> Value {
        return arith::ConstantOp::create(builder, bodyLoc, builder.getFloatAttr(element, value));
      };
      const llvm::fltSemantics &semantics = tile.accumulator.getFloatSemantics();
      Value weight =
          normalizer.weight(builder, bodyLoc, normalizer.getTileBase(), args.drop_front(3).drop_back(), factor, score);
      Value isNone = arith::CmpFOp::create(builder, bodyLoc, arith::CmpFPredicate::OEQ, score,
                                           constant(APFloat::getInf(semantics, /*Negative=*/true)));
      result = select(isNone, constant(APFloat::getZero(semantics)), weight);
      result = select(isSpoilt, constant(APFloat::getNaN(semantics)), result);
    } else {
      if (first)
        result = arith::SubIOp::create(builder, bodyLoc, result, first);
      Value none = arith::ConstantOp::create(builder, bodyLoc, builder.getI32IntegerAttr(-1));
      result = select(isSpoilt, none, result);
      if (result.getType() != element)
        result = arith::ExtSIOp::create(builder, bodyLoc, element, result);
    }
    linalg::YieldOp::create(builder, bodyLoc, result);
  };
  SmallVector<utils::IteratorType> iterators(2, utils::IteratorType::parallel);
  return linalg::GenericOp::create(rewriter, loc, destination.value.getType(), ins, ValueRange{destination.value}, maps,
                                   iterators, body,
                                   {rewriter.getNamedAttr(kRoleName, rewriter.getStringAttr("unpack"))})
      .getResult(0);
}

} // namespace attn
