// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One row tile whose keys are divided among threads.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_SPLITKEYS_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_SPLITKEYS_H

#include "RowTile.h"

namespace attn {

/// A loop over `tile.numSplits` parts of the keys: what KeyLoops::accumulate gives for each, acc and the states, in
/// tensors over all parts.
llvm::SmallVector<mlir::Value> accumulateSplits(RowTile &tile);
/// Their states merged, in the order of the keys.
llvm::SmallVector<mlir::Value> mergeSplits(RowTile &tile, mlir::ValueRange partials);
/// The state of the only part, where there is but one: nothing is copied.
llvm::SmallVector<mlir::Value> getOnlySplit(RowTile &tile, mlir::ValueRange partials);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_SPLITKEYS_H
