// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Checks of sizes that named ops share. A size is kDynamic where it is unknown.
#ifndef ATTN_LIB_DIALECT_ATTENTION_IR_NAMEDOPS_H
#define ATTN_LIB_DIALECT_ATTENTION_IR_NAMEDOPS_H

#include "attn/Dialect/Attention/IR/Attention.h"

namespace attn {

int64_t getDim(mlir::Value tensor, unsigned dim);

/// Reports two named sizes that differ: "expects 'key' and 'value' to share `what`".
llvm::LogicalResult verifyAgree(mlir::Operation *op, llvm::StringRef what,
                                llvm::ArrayRef<std::pair<llvm::StringRef, int64_t>> sizes);

/// Sizes, in the order of `shape`, do not contradict `type`; with `broadcast`, aligned right and 1 may stand for any.
bool fits(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> shape, bool broadcast);

/// "[2, ?, 8]".
std::string describe(llvm::ArrayRef<int64_t> shape);

/// Results: out first, of `element` and shape `out`; lse and weights, of accumulator type, of shape `scores` without
/// and with its last dimension; top-k values, of accumulator type, and indices, of i32 or i64, with k in its place.
llvm::LogicalResult verifyResults(mlir::Operation *op, mlir::ArrayAttr kinds, mlir::Type element,
                                  llvm::ArrayRef<int64_t> out, llvm::ArrayRef<int64_t> scores);

/// The sizes B, N and D of rows that are turned.
struct RotatedSizes {
  int64_t batch, rows, size;
};

/// C1 to C3 of attn.rope, for rows of `sizes`; `positions` may be null.
llvm::LogicalResult verifyRotation(mlir::Operation *op, RotatedSizes sizes, mlir::Value cos, mlir::Value positions);

/// Makes constants of the sizes in `shape` that are static in `type` or known.
void foldStaticSizes(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type,
                     llvm::SmallVectorImpl<mlir::OpFoldResult> &shape);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_IR_NAMEDOPS_H
