// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The scalar body of a linalg op, evaluated on lanes.
#ifndef ATTN_LIB_TARGET_CPU_BODYVECTORIZER_H
#define ATTN_LIB_TARGET_CPU_BODYVECTORIZER_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace attn {

/// Clones a body of scalar ops for `width` neighbouring elements at once. What does not depend on the lane stays
/// scalar; index arithmetic on lanes is done in 32 bits where intervals prove that exact, else in 64.
class BodyVectorizer {
public:
  BodyVectorizer(mlir::OpBuilder &builder, mlir::Location loc, int64_t width) : b(builder), loc(loc), width(width) {}

  /// Evaluates `body` with its arguments set to `arguments` (scalars, or vectors of `width` elements) and
  /// `linalg.index` of loop k set to `positions[k]`, a scalar; for `laneLoop` it is the position of lane 0. Appends the
  /// values of the terminator to `results`. Fails, with a diagnostic at the op, on an op that has no lane form.
  mlir::LogicalResult run(mlir::Block &body, mlir::ValueRange arguments, mlir::ValueRange positions, int laneLoop,
                          llvm::SmallVectorImpl<mlir::Value> &results);

  /// `value` in all lanes; vectors pass through.
  mlir::Value broadcast(mlir::Value value);

private:
  mlir::LogicalResult visit(mlir::Operation &op);
  mlir::LogicalResult visitIndexOp(mlir::Operation &op);
  llvm::SmallVector<mlir::Value> clampToTable(mlir::memref::LoadOp load, mlir::Value table);
  mlir::Value gather(mlir::Operation &load);
  mlir::Value laneInteger(mlir::Value original, unsigned bits);

  bool isVector(mlir::Value original) const;

  mlir::OpBuilder &b;
  mlir::Location loc;
  int64_t width;
  mlir::IRMapping map;
};

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_BODYVECTORIZER_H
