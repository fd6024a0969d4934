// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Named ops about where keys and values are kept.
#ifndef ATTN_DIALECT_ATTENTION_IR_STORAGE_H
#define ATTN_DIALECT_ATTENTION_IR_STORAGE_H

#include "attn/Dialect/Attention/IR/Attention.h"

#define GET_OP_CLASSES
#include "attn/Dialect/Attention/IR/StorageOps.h.inc"

namespace attn {

/// Whether `op` is a named op of storage that attn-normalize replaces: all but attn.append_kv.
inline bool isNamedStorageOp(mlir::Operation *op) { return llvm::isa<GatherPagesOp, PackedOp>(op); }

/// The function argument that `result` is in place of, in the same memory (attn.append_kv); null for other values.
mlir::BlockArgument getUpdatedArgument(mlir::Value result);

/// Sequences that one attn.packed may hold.
inline constexpr int64_t kMostSequences = 65535;

/// Discardable unit attribute of the scf.forall of a stage that writes into an argument.
inline constexpr llvm::StringLiteral kInPlaceName = "attn.in_place";

} // namespace attn

#endif // ATTN_DIALECT_ATTENTION_IR_STORAGE_H
