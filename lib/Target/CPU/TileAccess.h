// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loads, stores and transposes of the elements of a tile.
#ifndef ATTN_LIB_TARGET_CPU_TILEACCESS_H
#define ATTN_LIB_TARGET_CPU_TILEACCESS_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"

namespace attn {

/// The elements of `memref` at `map(positions)`: `width` neighbours along the memref's innermost dimension if
/// `lanesLoop` indexes it (gathered one by one where its stride is not 1), else one scalar. i1 is one byte a value in
/// memory and i1 in registers.
mlir::Value loadElements(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref, mlir::AffineMap map,
                         mlir::ValueRange positions, int lanesLoop, int64_t width);

/// The inverse of loadElements: stores a vector, or a scalar.
void storeElements(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Value memref, mlir::AffineMap map,
                   mlir::ValueRange positions, int lanesLoop);

/// `width` elements along `lanesLoop`, which is not the innermost dimension of `memref`: one scalar load each.
mlir::Value gatherElements(mlir::OpBuilder &b, mlir::Location loc, mlir::Value memref, mlir::AffineMap map,
                           mlir::ValueRange positions, int lanesLoop, int64_t width);

/// n vectors of n elements, transposed by log2(n) rounds of two-vector shuffles; n is a power of two.
llvm::SmallVector<mlir::Value> transposeVectors(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange rows);

/// The constant 0 of a scalar type.
mlir::Value getZero(mlir::OpBuilder &b, mlir::Location loc, mlir::Type type);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_TILEACCESS_H
