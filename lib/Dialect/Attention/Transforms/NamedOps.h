// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What rewrites of named ops share.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_NAMEDOPS_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_NAMEDOPS_H

#include "attn/Dialect/Attention/IR/Attention.h"

namespace mlir {
class RewriterBase;
} // namespace mlir

namespace attn {

/// Set on attn.generic whose sizes have been checked, so that a second run adds nothing.
constexpr llvm::StringLiteral kCheckedName = "attn.checked";

/// The discardable attributes of a named op, for an attn.generic whose sizes have been checked.
llvm::SmallVector<mlir::NamedAttribute> getCheckedAttrs(mlir::Operation *op);

/// The map from `loops`, one letter each, to those that `dims` lists.
mlir::AffineMap getLetterMap(mlir::MLIRContext *context, llvm::StringRef loops, llvm::StringRef dims);

/// Aligns `tensor` from the right with dimensions called `dims`, one letter each. A dimension of static size 1 is a
/// repetition: returns the tensor without those, and the letters of the others.
std::pair<mlir::Value, std::string> dropRepeated(mlir::RewriterBase &rewriter, mlir::Value tensor,
                                                 llvm::StringRef dims);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_NAMEDOPS_H
