// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a plan for a CPU is predicted to cost, from the instructions of its loops, and the plans beside it.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_COSTMODEL_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_COSTMODEL_H

#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include <algorithm>

namespace attn {

/// Of all rows and keys of one head (of one group of heads, where those are rows), without a mask. The unit is the time
/// in which a core starts one multiply-add of whole vectors.
struct PlanCost {
  double products = 0;     ///< of Q and K, and of weights and V, in register tiles
  double scores = 0;       ///< score and normalizer regions, maxima, exponentials
  double accumulators = 0; ///< acc rescaled once per key tile
  double operands = 0;     ///< Q packed, the result written, K and V converted
  double overhead = 0;     ///< loops and blocks begun
  double memory = 0;       ///< K and V read from memory, meanwhile: the larger of this and the rest counts

  double getTotal() const { return std::max(products + scores + accumulators + operands + overhead, memory); }
};

/// Rows and keys of unknown number count as this many.
constexpr int64_t kAssumedSize = 1024;
/// Plans whose costs differ by less are not told apart: what was measured on two machines departs from the prediction
/// by as much (docs/Architecture.md).
constexpr double kCostError = 0.05;

/// Rows of the tile of a known or unknown number of rows that is not whole: 0 if it is computed as a whole one.
int64_t getShortRows(int64_t queryRows, int64_t rows, int64_t lanes);

PlanCost predictCost(GenericOp op, PlanAttr plan, const TargetDescription &target);

/// Multiply-adds of the products alone, in the same unit: what no plan can be faster than.
double getLeastCost(GenericOp op, PlanAttr plan);

/// Plans that differ from `plan` in one number, or in rows and keys, and how: "keys 128".
llvm::SmallVector<std::pair<std::string, PlanAttr>> getNeighbours(GenericOp op, PlanAttr plan,
                                                                  const TargetDescription &target);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_COSTMODEL_H
