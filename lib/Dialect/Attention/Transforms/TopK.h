// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Top-k of a row tile: what attn.online's lists start from, and the results that they become.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_TOPK_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_TOPK_H

#include "RowTile.h"

namespace attn {

/// Ranks of a list, at most: a key may have to pass all of them, and the lists of a row tile shall stay in L1.
constexpr int64_t kMostRanks = 64;

/// Refuses, with a message for the user, results of top-k that cannot be compiled with `plan`.
llvm::LogicalResult checkTopK(GenericOp op, PlanAttr plan);

/// k as attn.online wants it, or null where top-k is not asked for.
mlir::IntegerAttr getTopKAttr(GenericOp op);

/// Types of the lists, scores and positions, which lie as acc does, and what they hold before any key; nothing where
/// top-k is not asked for.
llvm::SmallVector<mlir::RankedTensorType> getListTypes(RowTile &tile);
llvm::SmallVector<mlir::Value> getListStarts(RowTile &tile);

/// `destination`, a slice of the op's top-k values or indices, with those of the row tile. `lists` are the finished
/// ones, `state` the state tensors of `normalizer` and last the factor of attn.finalize, of the rows that the tile has.
mlir::Value writeTopK(RowTile &tile, ResultKind kind, NormalizerInterface normalizer, llvm::ArrayRef<mlir::Value> lists,
                      llvm::ArrayRef<mlir::Value> state, const TileOperand &destination);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_TOPK_H
