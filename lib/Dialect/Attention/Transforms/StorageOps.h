// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What attn-normalize and attn-tile-stages do with named ops of storage.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_STORAGEOPS_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_STORAGEOPS_H

#include "attn/Dialect/Attention/IR/Storage.h"

namespace mlir {
class RewriterBase;
} // namespace mlir

namespace attn {

/// Replaces `op` by an elementwise linalg.generic and assertions for what types leave open.
void normalize(mlir::RewriterBase &rewriter, GatherPagesOp op);

/// Replaces `op` by the attn.generic of all rows and keys, whose mask keeps what is of one sequence.
GenericOp normalize(mlir::RewriterBase &rewriter, PackedOp op);

/// Asserts what types leave open of `op`, which stays.
void assertAppendSizes(mlir::RewriterBase &rewriter, AppendKvOp op);

/// Asserts that the rows of each sequence fit into the cache where `op` puts them: a loop that looks at all positions.
void assertPositionsFit(mlir::OpBuilder &builder, AppendKvOp op);

/// The position of the first new row of sequence `batch`.
mlir::Value getPosition(mlir::OpBuilder &builder, AppendKvOp op, mlir::Value batch);

/// `op`, one sequence after the other: rows inserted into the cache, behind the assertion that they fit.
mlir::Value insertRows(mlir::RewriterBase &rewriter, AppendKvOp op);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_STORAGEOPS_H
