// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where a thread stands in its block, and where an element of a tile lies: the layouts of the fragment dialect in
// numbers (PTX ISA, "Matrix Fragments for mma.m16n8k16").
#ifndef ATTN_LIB_TARGET_NVIDIA_LANES_H
#define ATTN_LIB_TARGET_NVIDIA_LANES_H

#include "attn/Dialect/Fragment/IR/Fragment.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace attn {

/// The address space of shared memory, and of global memory.
constexpr unsigned kSharedSpace = 3, kGlobalSpace = 1;

/// Arithmetic in 32 bits on the numbers of a thread. Each use writes its few ops anew; CSE joins them.
class Lanes {
public:
  Lanes(mlir::OpBuilder &b, mlir::Location loc) : b(b), loc(loc) {}

  mlir::Value i32(int64_t value) {
    return mlir::arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(static_cast<int32_t>(value)));
  }
  mlir::Value add(mlir::Value x, mlir::Value y) { return mlir::arith::AddIOp::create(b, loc, x, y); }
  mlir::Value add(mlir::Value x, int64_t y) { return y ? add(x, i32(y)) : x; }
  mlir::Value multiply(mlir::Value x, int64_t y) {
    return y == 1 ? x : mlir::arith::MulIOp::create(b, loc, x, i32(y)).getResult();
  }
  mlir::Value both(mlir::Value x, int64_t y) { return mlir::arith::AndIOp::create(b, loc, x, i32(y)); }
  mlir::Value shiftRight(mlir::Value x, int64_t y) { return mlir::arith::ShRUIOp::create(b, loc, x, i32(y)); }
  mlir::Value exclusiveOr(mlir::Value x, mlir::Value y) { return mlir::arith::XOrIOp::create(b, loc, x, y); }
  mlir::Value toIndex(mlir::Value x) { return mlir::arith::IndexCastUIOp::create(b, loc, b.getIndexType(), x); }
  mlir::Value toI32(mlir::Value x) { return mlir::arith::IndexCastOp::create(b, loc, b.getI32Type(), x); }

  mlir::Value thread() { return mlir::NVVM::ThreadIdXOp::create(b, loc, b.getI32Type()); }
  mlir::Value lane() { return both(thread(), 31); }
  mlir::Value warp() { return shiftRight(thread(), 5); }
  /// g and t of the layouts' table: the first row of this lane in its warp's rows, and its place among the four of it.
  mlir::Value group() { return shiftRight(lane(), 2); }
  mlir::Value place() { return both(lane(), 3); }
  /// The first of a lane's rows in the tile; the other is 8 below.
  mlir::Value firstRow() { return add(multiply(warp(), fragment::kWarpRows), group()); }
  /// The first of a lane's columns among each 8.
  mlir::Value firstColumn() { return multiply(place(), 2); }

  /// The element that is `element`th in a lane's part of an accumulator: its row is firstRow() plus this..
  static int64_t getRow(int64_t element) { return element / 2 % 2 * 8; }
  /// ..and its column firstColumn() plus this.
  static int64_t getColumn(int64_t element) { return element / 4 * 8 + element % 2; }
  /// The number that layout `rows` has for it.
  static int64_t getHalf(int64_t element) { return element / 2 % 2; }

  /// Bytes from the begin of a stage to the 16 bytes `chunk` of `row`, of which `low` are the lower three bits.
  mlir::Value getChunk(fragment::SharedType type, mlir::Value row, mlir::Value low, mlir::Value chunk) {
    if (type.isSwizzled())
      chunk = exclusiveOr(chunk, low);
    return add(multiply(row, type.getPitch() * 2), multiply(chunk, 16));
  }
  /// `pointer` + `bytes`.
  mlir::Value offset(mlir::Value pointer, mlir::LLVM::GEPArg bytes) {
    return mlir::LLVM::GEPOp::create(b, loc, pointer.getType(), b.getI8Type(), pointer, bytes);
  }
  /// The begin of a stage.
  mlir::Value getStage(fragment::SharedType type, mlir::Value shared, mlir::Value stage) {
    if (type.getStages() == 1)
      return shared;
    return offset(shared, multiply(toI32(stage), type.getStageBytes()));
  }

private:
  mlir::OpBuilder &b;
  mlir::Location loc;
};

} // namespace attn

#endif // ATTN_LIB_TARGET_NVIDIA_LANES_H
