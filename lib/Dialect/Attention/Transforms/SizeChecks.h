// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Checks at run time for sizes that types leave open.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_SIZECHECKS_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_SIZECHECKS_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace attn {

/// A dimension of a tensor, which messages call `name`.
struct NamedSize {
  std::string name;
  mlir::Value tensor;
  unsigned dim;
};

/// The size of a dimension that `sizes` share: a constant where one of them is static.
mlir::OpFoldResult getSharedSize(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<NamedSize> sizes);

/// Asserts that all of `sizes` are equal, with the message "'key' and 'value' agree on `what`": each against one of
/// them, a static one if there is one. Pairs of static sizes have been verified and are left out.
void assertSameSize(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<NamedSize> sizes,
                    const llvm::Twine &what);

/// The same for every loop of `op`, before it.
void assertLoopSizes(mlir::OpBuilder &builder, GenericOp op);
/// Upstream leaves sizes that types do not tell to the caller; a kernel would read beyond a smaller operand.
void assertLoopSizes(mlir::OpBuilder &builder, mlir::linalg::LinalgOp op);

/// Asserts that a dimension of `tensor` is at least `bound`, unless both are known.
void assertAtLeast(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value tensor, unsigned dim,
                   mlir::OpFoldResult bound, llvm::StringRef message);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_SIZECHECKS_H
