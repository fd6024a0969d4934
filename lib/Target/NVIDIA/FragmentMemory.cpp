// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Between global memory, shared memory and registers. Callers choose addresses and strides, so what only aligned rows
// allow (16 bytes at a time, pairs of elements) is asked for at run time, once for all threads.
#include "FragmentPatterns.h"
#include "Lanes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace attn {
namespace {

using fragment::Layout;
using fragment::SharedType;
using fragment::TileType;

/// A view of rank 2 in numbers.
class View {
public:
  View(OpBuilder &b, Location loc, Value view) : b(b), loc(loc), type(cast<MemRefType>(view.getType())) {
    auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, view);
    // The address of the first element. The struct is what the view will be in the llvm dialect; memref's own op gives
    // an integer, of which LLVM no longer knows what it points to.
    auto pointer = LLVM::LLVMPointerType::get(b.getContext());
    auto descriptor = LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer, pointer, b.getI64Type()});
    Value base = UnrealizedConversionCastOp::create(b, loc, descriptor, metadata.getBaseBuffer()).getResult(0);
    base = LLVM::ExtractValueOp::create(b, loc, base, 1);
    base = LLVM::AddrSpaceCastOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext(), kGlobalSpace), base);
    address = offset(base, metadata.getOffset());
    stride = metadata.getStrides().front();
    rows = metadata.getSizes().front();
    if (type.getRank() == 2)
      columns = metadata.getSizes().back();
  }

  /// Whether neighbours of a row are known to be neighbours in memory.
  bool hasRows() const {
    SmallVector<int64_t> strides;
    int64_t offset;
    return succeeded(type.getStridesAndOffset(strides, offset)) && strides.back() == 1;
  }
  /// Whether each row begins at a multiple of `bytes`, as an i1.
  Value isAligned(int64_t bytes) {
    int64_t elementBytes = type.getElementTypeBitWidth() / 8;
    Value at = LLVM::PtrToIntOp::create(b, loc, b.getI64Type(), address);
    Value distance = arith::IndexCastOp::create(b, loc, b.getI64Type(), stride);
    distance = arith::MulIOp::create(b, loc, distance, i64(elementBytes));
    Value rest = arith::AndIOp::create(b, loc, arith::OrIOp::create(b, loc, at, distance), i64(bytes - 1));
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, rest, i64(0));
  }
  /// The address of an element, of a view with rows.
  Value getAddress(Value row, Value column) {
    Value elements = arith::AddIOp::create(b, loc, arith::MulIOp::create(b, loc, row, stride), column);
    return offset(address, elements);
  }

  Value address, stride, rows, columns;

private:
  Value i64(int64_t value) { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); }
  Value offset(Value pointer, Value elements) {
    Value number = arith::IndexCastOp::create(b, loc, b.getI64Type(), elements);
    return LLVM::GEPOp::create(b, loc, pointer.getType(), type.getElementType(), pointer, LLVM::GEPArg(number));
  }

  OpBuilder &b;
  Location loc;
  MemRefType type;
};

int64_t getThreads(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  auto launch = function ? function->getAttrOfType<DictionaryAttr>(kLaunchName) : DictionaryAttr();
  auto threads = launch ? launch.getAs<IntegerAttr>("threads") : IntegerAttr();
  return threads ? threads.getInt() : 0;
}

Value isLess(OpBuilder &b, Location loc, Value x, Value y) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, x, y);
}

struct LowerAlloc : OpConversionPattern<fragment::AllocOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::AllocOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    int64_t offset = op->getAttrOfType<IntegerAttr>(kOffsetName).getInt();
    Value base =
        LLVM::AddressOfOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext(), kSharedSpace), kSharedGlobal);
    b.replaceOp(op, Lanes(b, loc).offset(base, static_cast<int32_t>(offset)));
    return success();
  }
};

struct LowerFetch : OpConversionPattern<fragment::FetchOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::FetchOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    int64_t threads = getThreads(op);
    if (threads == 0)
      return op.emitOpError("expects a function with threads in '") << kLaunchName << "': run attn-outline-kernels";
    SharedType type = op.getShared().getType();
    Lanes lanes(b, loc);
    Value stage = lanes.getStage(type, adaptor.getShared(), adaptor.getStage());
    View view(b, loc, op.getView());
    int64_t columns = cast<MemRefType>(op.getView().getType()).getDimSize(1);
    if (!view.hasRows() || ShapedType::isDynamic(columns) || columns % 8 != 0) {
      copyElements(op, b, view, stage, threads);
    } else {
      auto branch = scf::IfOp::create(b, loc, TypeRange(), view.isAligned(16), /*addThenBlock=*/true,
                                      /*addElseBlock=*/true);
      b.setInsertionPointToStart(branch.thenBlock());
      copyChunks(op, b, view, stage, columns, threads);
      scf::YieldOp::create(b, loc);
      b.setInsertionPointToStart(branch.elseBlock());
      copyElements(op, b, view, stage, threads);
      scf::YieldOp::create(b, loc);
    }
    b.eraseOp(op);
    return success();
  }

private:
  /// 16 bytes each, asynchronously; what the view does not have arrives as zeros.
  static void copyChunks(fragment::FetchOp op, OpBuilder &b, View &view, Value stage, int64_t columns,
                         int64_t threads) {
    Location loc = op.getLoc();
    SharedType type = op.getShared().getType();
    Lanes lanes(b, loc);
    int64_t chunks = type.getColumns() / 8, count = type.getRows() * chunks;
    for (int64_t begin = 0; begin < count; begin += threads) {
      OpBuilder::InsertionGuard guard(b);
      Value number = lanes.add(lanes.thread(), begin);
      if (begin + threads > count) {
        Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, number, lanes.i32(count));
        auto branch = scf::IfOp::create(b, loc, exists, /*withElseRegion=*/false);
        b.setInsertionPointToStart(branch.thenBlock());
      }
      Value row = arith::DivUIOp::create(b, loc, number, lanes.i32(chunks));
      Value chunk = arith::RemUIOp::create(b, loc, number, lanes.i32(chunks));
      Value rowNumber = lanes.toIndex(row);
      Value exists = isLess(b, loc, rowNumber, view.rows);
      if (columns != type.getColumns())
        exists = arith::AndIOp::create(
            b, loc, exists, arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, chunk, lanes.i32(columns / 8)));
      // An address that exists, even where nothing is read from it.
      Value zero = arith::ConstantIndexOp::create(b, loc, 0);
      Value column = lanes.toIndex(lanes.multiply(chunk, 8));
      Value from = view.getAddress(arith::SelectOp::create(b, loc, exists, rowNumber, zero),
                                   arith::SelectOp::create(b, loc, exists, column, zero));
      Value to = lanes.offset(stage, lanes.getChunk(type, row, lanes.both(row, 7), chunk));
      Value bytes = arith::SelectOp::create(b, loc, exists, lanes.i32(16), lanes.i32(0));
      NVVM::CpAsyncOp::create(b, loc, to, from, /*size=*/16, NVVM::LoadCacheModifierKind::CG, bytes);
    }
  }

  /// One element at a time: rows that are not aligned, or that the view has as columns.
  static void copyElements(fragment::FetchOp op, OpBuilder &b, View &view, Value stage, int64_t threads) {
    Location loc = op.getLoc();
    SharedType type = op.getShared().getType();
    Value count = arith::ConstantIndexOp::create(b, loc, type.getRows() * type.getColumns());
    Value step = arith::ConstantIndexOp::create(b, loc, threads);
    Value first = Lanes(b, loc).toIndex(Lanes(b, loc).thread());
    scf::ForOp::create(
        b, loc, first, count, step, ValueRange(), [&](OpBuilder &b, Location loc, Value number, ValueRange) {
          Lanes lanes(b, loc);
          Value width = arith::ConstantIndexOp::create(b, loc, type.getColumns());
          Value row = arith::DivUIOp::create(b, loc, number, width);
          Value column = arith::RemUIOp::create(b, loc, number, width);
          Value exists =
              arith::AndIOp::create(b, loc, isLess(b, loc, row, view.rows), isLess(b, loc, column, view.columns));
          Value element = scf::IfOp::create(
                              b, loc, exists,
                              [&](OpBuilder &b, Location loc) {
                                Value read = memref::LoadOp::create(b, loc, op.getView(), ValueRange{row, column});
                                scf::YieldOp::create(b, loc, read);
                              },
                              [&](OpBuilder &b, Location loc) {
                                Value zero =
                                    arith::ConstantOp::create(b, loc, b.getFloatAttr(type.getElementType(), 0));
                                scf::YieldOp::create(b, loc, zero);
                              })
                              .getResult(0);
          Value row32 = lanes.toI32(row), column32 = lanes.toI32(column);
          Value bytes = lanes.getChunk(type, row32, lanes.both(row32, 7), lanes.shiftRight(column32, 3));
          bytes = lanes.add(bytes, lanes.multiply(lanes.both(column32, 7), 2));
          LLVM::StoreOp::create(b, loc, element, lanes.offset(stage, bytes));
          scf::YieldOp::create(b, loc);
        });
  }
};

struct LowerCommit : OpConversionPattern<fragment::CommitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::CommitOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<NVVM::CpAsyncCommitGroupOp>(op);
    return success();
  }
};

struct LowerWait : OpConversionPattern<fragment::WaitOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::WaitOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<NVVM::CpAsyncWaitGroupOp>(op, static_cast<uint32_t>(op.getPending()));
    return success();
  }
};

struct LowerBarrier : OpConversionPattern<fragment::BarrierOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::BarrierOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    b.replaceOpWithNewOp<NVVM::Barrier0Op>(op);
    return success();
  }
};

struct LowerStore : OpConversionPattern<fragment::StoreOp> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(fragment::StoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Lanes lanes(b, loc);
    TileType type = op.getTile().getType();
    Value rows = memref::DimOp::create(b, loc, op.getView(), 0), firstRow = lanes.toIndex(lanes.firstRow());
    auto shift = [&](OpBuilder &b, Value position, int64_t by) -> Value {
      return by ? arith::AddIOp::create(b, loc, position, arith::ConstantIndexOp::create(b, loc, by)).getResult()
                : position;
    };
    if (type.getLayout() == Layout::Rows) {
      // The first of the four lanes of a row.
      Value isFirst = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, lanes.place(), lanes.i32(0));
      for (int64_t half : {0, 1}) {
        Value row = shift(b, firstRow, 8 * half);
        Value exists = arith::AndIOp::create(b, loc, isFirst, isLess(b, loc, row, rows));
        OpBuilder::InsertionGuard guard(b);
        auto branch = scf::IfOp::create(b, loc, exists, /*withElseRegion=*/false);
        b.setInsertionPointToStart(branch.thenBlock());
        Value element = vector::ExtractOp::create(b, loc, adaptor.getTile(), half);
        memref::StoreOp::create(b, loc, element, op.getView(), row);
      }
      b.eraseOp(op);
      return success();
    }
    View view(b, loc, op.getView());
    auto storeAll = [&](OpBuilder &b, bool inPairs) {
      for (int64_t half : {0, 1}) {
        Value row = shift(b, firstRow, 8 * half);
        OpBuilder::InsertionGuard guard(b);
        auto branch = scf::IfOp::create(b, loc, isLess(b, loc, row, view.rows), /*withElseRegion=*/false);
        b.setInsertionPointToStart(branch.thenBlock());
        storeRow(op, adaptor.getTile(), b, view, row, half, inPairs);
      }
    };
    int64_t columns = cast<MemRefType>(op.getView().getType()).getDimSize(1);
    if (!view.hasRows() || ShapedType::isDynamic(columns) || columns % 2 != 0) {
      storeAll(b, /*inPairs=*/false);
    } else {
      Value isAligned = view.isAligned(2 * type.getElementType().getIntOrFloatBitWidth() / 8);
      auto branch = scf::IfOp::create(b, loc, TypeRange(), isAligned, /*addThenBlock=*/true, /*addElseBlock=*/true);
      b.setInsertionPointToStart(branch.thenBlock());
      storeAll(b, /*inPairs=*/true);
      scf::YieldOp::create(b, loc);
      b.setInsertionPointToStart(branch.elseBlock());
      storeAll(b, /*inPairs=*/false);
      scf::YieldOp::create(b, loc);
    }
    b.eraseOp(op);
    return success();
  }

private:
  /// This lane's part of one row.
  static void storeRow(fragment::StoreOp op, Value tile, OpBuilder &b, View &view, Value row, int64_t half,
                       bool inPairs) {
    Location loc = op.getLoc();
    Lanes lanes(b, loc);
    TileType type = op.getTile().getType();
    int64_t columns = cast<MemRefType>(op.getView().getType()).getDimSize(1);
    Value firstColumn = lanes.toIndex(lanes.firstColumn());
    for (int64_t element = 0; element < type.getLaneElements(); element += inPairs ? 2 : 1) {
      if (Lanes::getHalf(element) != half)
        continue;
      OpBuilder::InsertionGuard guard(b);
      int64_t by = Lanes::getColumn(element);
      Value column = arith::AddIOp::create(b, loc, firstColumn, arith::ConstantIndexOp::create(b, loc, by));
      // Columns are even and come by pairs: the last of a lane's in these 8 decides.
      if (ShapedType::isDynamic(columns) || by / 8 * 8 + 8 > columns) {
        auto branch = scf::IfOp::create(b, loc, isLess(b, loc, column, view.columns), /*withElseRegion=*/false);
        b.setInsertionPointToStart(branch.thenBlock());
      }
      Value low = vector::ExtractOp::create(b, loc, tile, element);
      if (!inPairs) {
        memref::StoreOp::create(b, loc, low, op.getView(), ValueRange{row, column});
        continue;
      }
      Value high = vector::ExtractOp::create(b, loc, tile, element + 1);
      Value pair = vector::FromElementsOp::create(b, loc, VectorType::get(2, low.getType()), ValueRange{low, high});
      LLVM::StoreOp::create(b, loc, pair, view.getAddress(row, column),
                            2 * type.getElementType().getIntOrFloatBitWidth() / 8);
    }
  }
};

} // namespace

void addFragmentMemoryPatterns(RewritePatternSet &patterns, const TypeConverter &types) {
  patterns.add<LowerAlloc, LowerFetch, LowerCommit, LowerWait, LowerBarrier, LowerStore>(types, patterns.getContext());
}

} // namespace attn
