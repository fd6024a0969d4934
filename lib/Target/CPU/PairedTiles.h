// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Scratch tiles of bf16 that hold their rows in pairs, for instructions that multiply pairs and add in f32.
//
// Element (r, c) of a [R, C] tile lies at (r / 2) * 2 C + 2 c + r % 2: rows r and r + 1 of 16 neighbouring columns are
// one register of 32 elements, each pair one 32-bit lane. Only this room knows: outside, a tile is a memref [R, C], and
// all that reads or writes it is vectorised here.
#ifndef ATTN_LIB_TARGET_CPU_PAIREDTILES_H
#define ATTN_LIB_TARGET_CPU_PAIREDTILES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace attn {

/// A contraction acc(..) += extf(a) * extf(b) over one loop, whose products can be taken in pairs along it.
struct PairProduct {
  mlir::OpOperand *lanes;     ///< [loop, lanes] in paired scratch
  mlir::OpOperand *broadcast; ///< read one pair at a time: [.., loop] anywhere, or [loop, ..] in paired scratch
  unsigned loop;
};

/// The loop along which `op`, acc + extf(input 0) * extf(input 1) of bf16, may multiply pairs: its only reduction.
std::optional<unsigned> getPairLoop(mlir::linalg::GenericOp op);

/// The paired tiles of one function, found before anything is vectorised.
class PairedTiles {
public:
  /// Finds none where the machine has no such instruction.
  PairedTiles(mlir::func::FuncOp function, bool hasBf16Dot);

  /// Whether `memref` is a paired tile or its first rows or columns.
  bool contains(mlir::Value memref) const { return bases.contains(getBase(memref)); }
  /// `op` as a product of pairs, if that is how it reads its operands.
  std::optional<PairProduct> getProduct(mlir::linalg::GenericOp op) const;

  /// Rows `row` and `row + 1` (row is even) of `width` columns from `column` on, pair by pair.
  static mlir::Value load(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref, mlir::Value row,
                          mlir::Value column, int64_t width);
  /// Rows `row` and `row + 1` of one column, in all of `lanes` lanes.
  static mlir::Value broadcast(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref, mlir::Value row,
                               mlir::Value column, int64_t lanes);
  /// acc, a scalar or a vector, with the products of the pairs added.
  static mlir::Value multiply(mlir::OpBuilder &b, mlir::Location loc, mlir::Value lanes, mlir::Value broadcast,
                              mlir::Value acc);
  /// Stores row `row` (even) and the next: vectors of bf16 or scalars.
  static void store(mlir::OpBuilder &b, mlir::Location loc, mlir::Value even, mlir::Value odd, mlir::Value memref,
                    mlir::Value row, mlir::Value column);
  /// As `store`, of a vector that holds pairs already.
  static void storePairs(mlir::OpBuilder &b, mlir::Location loc, mlir::Value pairs, mlir::Value memref, mlir::Value row,
                         mlir::Value column);
  /// The whole tile that `memref` is a leading part of, or null.
  static mlir::Value getBase(mlir::Value memref);

private:
  mlir::DenseSet<mlir::Value> bases;
};

/// The two neighbours of `memref` at `indices`, in all of `lanes` lanes.
mlir::Value broadcastPair(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref, mlir::ValueRange indices,
                          int64_t lanes);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_PAIREDTILES_H
