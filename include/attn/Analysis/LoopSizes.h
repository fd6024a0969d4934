// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sizes of the loops of attn.generic, and which of its row loops is cut into tiles.
#ifndef ATTN_ANALYSIS_LOOPSIZES_H
#define ATTN_ANALYSIS_LOOPSIZES_H

#include "attn/Dialect/Attention/IR/Attention.h"

namespace attn {

/// One dimension of one operand that a loop runs over.
struct LoopSource {
  mlir::Value tensor;
  int64_t dim = -1;
};

/// For each loop an operand dimension that gives its size; a static one where there is one.
llvm::SmallVector<LoopSource> getLoopSources(GenericOp op);

/// Size of each loop, kDynamic where no operand says.
llvm::SmallVector<int64_t> getStaticLoopSizes(GenericOp op);

/// The row loop whose rows share a tile: the longest, where an unknown size counts as longer than any known one, and
/// the last of several. So rows of decoding (N = 1) are the heads of a group, which read the same keys.
unsigned getTiledRowLoop(const LoopInfo &loops, llvm::ArrayRef<int64_t> sizes);

/// The type of scores and sums: f64 where Q, K or V is f64, else f32.
mlir::FloatType getAccumulatorType(GenericOp op);

} // namespace attn

#endif // ATTN_ANALYSIS_LOOPSIZES_H
