// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// tanh(q + k), of additive attention, out of exponentials of q and of k: tanh(q + k) = 1 - 2 / (1 + e^2q e^2k). They
// are taken once for each row of a tile; an element of a pair of rows then takes a product, a sum and a reciprocal.
#ifndef ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_FACTOREDTANH_H
#define ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_FACTOREDTANH_H

#include "Scores.h"

namespace attn {

/// The tanh of a similarity w * tanh(q + k) whose w is over d alone and depends on neither q nor k; null for any other
/// similarity.
mlir::Operation *findWeightedTanh(ScoredOpInterface op, const LoopInfo &loops);

/// For a similarity with such a `tanh`, role `qk`: S = sum_d w - 2 sum_d w / (1 + e^2q e^2k), in a new scratch tensor.
/// The error of a term is relative to w. A score is NaN where an element of Q or K is 21.4 or more; redone by a guarded
/// op, which takes tanh itself, it is not.
MappedTensor buildFactoredSum(mlir::OpBuilder &builder, const ScoredTile &tile, mlir::Operation *tanh);

} // namespace attn

#endif // ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_FACTOREDTANH_H
