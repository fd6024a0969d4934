// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Products of tiles: ldmatrix and mma.sync.m16n8k16. The right side is loaded where it is multiplied, 16 x 16 elements
// at a time, so that few registers hold it.
#include "FragmentPatterns.h"
#include "Lanes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace attn {
namespace {

using fragment::SharedType;
using fragment::TileType;

/// Four 8 x 8 matrices; each lane names a row of one by its address.
SmallVector<Value> loadMatrices(OpBuilder &b, Location loc, Value address, bool transposed) {
  Type i32 = b.getI32Type();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {i32, i32, i32, i32});
  auto shape = NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8);
  Value loaded = NVVM::LdMatrixOp::create(b, loc, type, address, /*num=*/4,
                                          transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row, shape,
                                          NVVM::LdStMatrixEltType::B16);
  SmallVector<Value> registers;
  for (int64_t i = 0; i < 4; ++i)
    registers.push_back(LLVM::ExtractValueOp::create(b, loc, loaded, i));
  return registers;
}

struct LowerLoad : OpConversionPattern<fragment::LoadOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::LoadOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Lanes lanes(b, loc);
    SharedType type = op.getShared().getType();
    Value stage = lanes.getStage(type, adaptor.getShared(), adaptor.getStage());
    // Lanes 0 to 15 name the warp's rows in the left 8 of each 16 columns, the others in the right.
    Value lane = lanes.lane(), high = lanes.shiftRight(lane, 4), low = lanes.both(lane, 7);
    Value row = lanes.add(lanes.multiply(lanes.warp(), fragment::kWarpRows), lanes.both(lane, 15));
    SmallVector<Value> registers;
    for (int64_t depth = 0; depth < type.getColumns() / fragment::kDepth; ++depth) {
      Value bytes = lanes.getChunk(type, row, low, lanes.add(high, 2 * depth));
      llvm::append_range(registers, loadMatrices(b, loc, lanes.offset(stage, bytes), /*transposed=*/false));
    }
    b.replaceOpWithNewOp<vector::FromElementsOp>(op, cast<VectorType>(getTypeConverter()->convertType(op.getType())),
                                                 registers);
    return success();
  }
};

struct LowerDot : OpConversionPattern<fragment::DotOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::DotOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Lanes lanes(b, loc);
    SharedType type = op.getShared().getType();
    TileType left = op.getLeft().getType(), result = op.getResult().getType();
    int64_t depths = left.getColumns() / fragment::kDepth, pairs = result.getColumns() / 16;
    Value stage = lanes.getStage(type, adaptor.getShared(), adaptor.getStage());
    SmallVector<Value> a = extract(b, loc, adaptor.getLeft()), sums = extract(b, loc, adaptor.getInit());

    Value lane = lanes.lane(), high = lanes.shiftRight(lane, 4), low = lanes.both(lane, 7);
    // Transposed, a lane names row 8 high + low of 16 rows of B, and the left or right half of 16 columns by its middle
    // bit. Else, one of 16 rows, and the half by `high`. What does not change with the other loop is computed once.
    bool isTransposed = op.getTransposed();
    Value row = isTransposed ? lanes.add(lanes.multiply(high, 8), low) : lanes.both(lane, 15);
    Value half = isTransposed ? lanes.both(lanes.shiftRight(lane, 3), 1) : high;
    SmallVector<Value> bases;
    for (int64_t block = 0; block < (isTransposed ? depths : pairs); ++block)
      bases.push_back(lanes.offset(stage, lanes.getChunk(type, row, low, lanes.add(half, 2 * block))));
    for (int64_t depth = 0; depth < depths; ++depth)
      for (int64_t pair = 0; pair < pairs; ++pair) {
        int64_t rows = 16 * (isTransposed ? pair : depth);
        Value address =
            lanes.offset(bases[isTransposed ? depth : pair], static_cast<int32_t>(rows * type.getPitch() * 2));
        SmallVector<Value> right = loadMatrices(b, loc, address, !isTransposed);
        for (int64_t which : {0, 1})
          multiply(b, loc, left.getElementType(), MutableArrayRef(sums).slice(8 * pair + 4 * which, 4),
                   ArrayRef(a).slice(4 * depth, 4), ArrayRef(right).slice(2 * which, 2));
      }
    b.replaceOpWithNewOp<vector::FromElementsOp>(op, cast<VectorType>(adaptor.getInit().getType()), sums);
    return success();
  }

private:
  static SmallVector<Value> extract(OpBuilder &b, Location loc, Value vector) {
    SmallVector<Value> elements;
    for (int64_t i = 0; i < cast<VectorType>(vector.getType()).getNumElements(); ++i)
      elements.push_back(vector::ExtractOp::create(b, loc, vector, i));
    return elements;
  }

  /// sum += a * b for 16 x 8 sums.
  static void multiply(OpBuilder &b, Location loc, Type elementType, MutableArrayRef<Value> sum, ArrayRef<Value> a,
                       ArrayRef<Value> right) {
    // The op takes f16 by pairs, bf16 by registers.
    auto toPairs = [&](ArrayRef<Value> registers) -> SmallVector<Value> {
      if (elementType.isBF16())
        return SmallVector<Value>(registers);
      auto pair = VectorType::get(2, elementType);
      return llvm::map_to_vector(registers,
                                 [&](Value reg) { return LLVM::BitcastOp::create(b, loc, pair, reg).getResult(); });
    };
    Type f32 = b.getF32Type();
    auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), {f32, f32, f32, f32});
    NVVM::MMATypes ptxType = elementType.isBF16() ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
    Value d = NVVM::MmaOp::create(b, loc, type, toPairs(a), toPairs(right), SmallVector<Value>(sum),
                                  /*shape=*/ArrayRef<int64_t>{16, 8, 16}, /*b1Op=*/std::nullopt,
                                  /*intOverflow=*/std::nullopt, std::array<NVVM::MMATypes, 2>{ptxType, ptxType},
                                  std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row, NVVM::MMALayout::col});
    for (int64_t i = 0; i < 4; ++i)
      sum[i] = LLVM::ExtractValueOp::create(b, loc, d, i);
  }
};

/// Registers 4k.. of two neighbouring accumulators are those of one left operand.
struct LowerConvert : OpConversionPattern<fragment::ConvertOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::ConvertOp op, OpAdaptor adaptor,
                                ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto type = cast<VectorType>(getTypeConverter()->convertType(op.getType()));
    Type narrow = op.getType().getElementType();
    SmallVector<Value> registers;
    for (int64_t i = 0; i < type.getNumElements(); ++i) {
      Value low = vector::ExtractOp::create(b, loc, adaptor.getTile(), 2 * i);
      Value high = vector::ExtractOp::create(b, loc, adaptor.getTile(), 2 * i + 1);
      Value pair = vector::FromElementsOp::create(b, loc, VectorType::get(2, low.getType()), ValueRange{low, high});
      Value rounded = arith::TruncFOp::create(b, loc, VectorType::get(2, narrow), pair);
      registers.push_back(LLVM::BitcastOp::create(b, loc, b.getI32Type(), rounded));
    }
    b.replaceOpWithNewOp<vector::FromElementsOp>(op, type, registers);
    return success();
  }
};

} // namespace

void addFragmentProductPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerLoad, LowerDot, LowerConvert>(types, patterns.getContext());
}

} // namespace attn
