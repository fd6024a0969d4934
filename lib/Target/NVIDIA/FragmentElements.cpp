// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What happens in registers: each lane computes its elements one after the other, and exchanges what belongs to a row.
#include "FragmentPatterns.h"
#include "Lanes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace attn {
namespace {

using fragment::Layout;
using fragment::TileType;

Value combine(OpBuilder &b, Location loc, fragment::Reduction kind, Value x, Value y) {
  if (kind == fragment::Reduction::Add)
    return arith::AddFOp::create(b, loc, x, y);
  return arith::MaxNumFOp::create(b, loc, x, y);
}

/// The value that the lane `distance` away (by exclusive or) has.
Value exchange(OpBuilder &b, Location loc, Value x, int64_t distance) {
  Lanes lanes(b, loc);
  return NVVM::ShflOp::create(b, loc, x.getType(), lanes.i32(-1), x, lanes.i32(distance), lanes.i32(31),
                              NVVM::ShflKind::bfly, /*return_value_and_is_valid=*/UnitAttr());
}

struct LowerSplat : OpConversionPattern<fragment::SplatOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::SplatOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<vector::BroadcastOp>(op, getTypeConverter()->convertType(op.getType()), adaptor.getValue());
    return success();
  }
};

struct LowerMap : OpConversionPattern<fragment::MapOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::MapOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Lanes lanes(b, loc);
    auto first = cast<TileType>(op.getResult(0).getType());
    bool isOfRows = first.getLayout() == Layout::Rows;
    Block &body = op.getBody().front();
    Value firstRow = lanes.toIndex(lanes.firstRow());
    Value firstColumn = isOfRows ? Value() : lanes.toIndex(lanes.firstColumn());
    auto shift = [&](Value position, int64_t by) -> Value {
      return by ? arith::AddIOp::create(b, loc, position, arith::ConstantIndexOp::create(b, loc, by)).getResult()
                : position;
    };
    SmallVector<SmallVector<Value>> results(op.getNumResults());
    for (int64_t element = 0; element < first.getLaneElements(); ++element) {
      IRMapping mapping;
      unsigned number = 0;
      for (auto [operand, vector] : llvm::zip_equal(op.getOperands(), adaptor.getOperands())) {
        bool isRow = !isOfRows && cast<TileType>(operand.getType()).getLayout() == Layout::Rows;
        mapping.map(body.getArgument(number++),
                    vector::ExtractOp::create(b, loc, vector, isRow ? Lanes::getHalf(element) : element).getResult());
      }
      mapping.map(body.getArgument(number++), shift(firstRow, isOfRows ? 8 * element : Lanes::getRow(element)));
      if (!isOfRows)
        mapping.map(body.getArgument(number), shift(firstColumn, Lanes::getColumn(element)));
      for (Operation &nested : body.without_terminator())
        b.clone(nested, mapping);
      for (auto [list, value] : llvm::zip_equal(results, body.getTerminator()->getOperands()))
        list.push_back(mapping.lookupOrDefault(value));
    }
    SmallVector<Value> vectors;
    for (auto [type, list] : llvm::zip_equal(op.getResultTypes(), results))
      vectors.push_back(
          vector::FromElementsOp::create(b, loc, cast<VectorType>(getTypeConverter()->convertType(type)), list));
    b.replaceOp(op, vectors);
    return success();
  }
};

struct LowerReduce : OpConversionPattern<fragment::ReduceOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::ReduceOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    SmallVector<Value> results;
    for (int64_t half : {0, 1}) {
      SmallVector<Value> values;
      for (int64_t element = 0; element < op.getTile().getType().getLaneElements(); ++element)
        if (Lanes::getHalf(element) == half)
          values.push_back(vector::ExtractOp::create(b, loc, adaptor.getTile(), element));
      // By pairs: a chain would wait for each of its additions.
      while (values.size() > 1) {
        SmallVector<Value> fewer;
        for (size_t i = 0; i + 1 < values.size(); i += 2)
          fewer.push_back(combine(b, loc, op.getKind(), values[i], values[i + 1]));
        if (values.size() % 2)
          fewer.push_back(values.back());
        values = std::move(fewer);
      }
      Value total = values.front();
      for (int64_t distance : {1, 2})
        total = combine(b, loc, op.getKind(), total, exchange(b, loc, total, distance));
      Value init = vector::ExtractOp::create(b, loc, adaptor.getInit(), half);
      results.push_back(combine(b, loc, op.getKind(), init, total));
    }
    b.replaceOpWithNewOp<vector::FromElementsOp>(op, cast<VectorType>(adaptor.getInit().getType()), results);
    return success();
  }
};

struct LowerSumRows : OpConversionPattern<fragment::SumRowsOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::SumRowsOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value total = arith::AddFOp::create(b, loc, vector::ExtractOp::create(b, loc, adaptor.getTile(), 0),
                                        vector::ExtractOp::create(b, loc, adaptor.getTile(), 1));
    // The four lanes of a row have the same.
    for (int64_t distance : {4, 8, 16})
      total = arith::AddFOp::create(b, loc, total, exchange(b, loc, total, distance));
    b.replaceOp(op, total);
    return success();
  }
};

} // namespace

void addFragmentElementPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerSplat, LowerMap, LowerReduce, LowerSumRows>(types, patterns.getContext());
}

} // namespace attn
