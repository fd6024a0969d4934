// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What there is to say about the plan of one op, and how it is printed.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_PLANEXPLANATION_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_PLANEXPLANATION_H

#include "CostModel.h"
#include "attn/Analysis/TileCounts.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"

namespace attn {

struct PlanExplanation {
  PlanExplanation(GenericOp op, PlanAttr plan, PlanChoice choice);

  /// Predicts costs. `sizes` are those of all loops.
  void setCosts(const TileCounts &counts, llvm::ArrayRef<int64_t> sizes);

  /// Predicts what the plan and its neighbours cost on a CPU, without the mask.
  void addAlternatives(const TargetDescription &target);

  void print(llvm::raw_ostream &os);
  /// One line.
  void printJson(llvm::raw_ostream &os);

  GenericOp op;
  PlanAttr plan;
  /// What would be chosen, which differs from `plan` where that was given.
  PlanChoice choice;
  LoopInfo loops;
  unsigned tiledRows;
  /// Of each loop; nothing where it is not known.
  llvm::SmallVector<std::optional<int64_t>> sizes;

  struct Costs {
    int64_t tasks = 0;
    int64_t visited = 0, masked = 0, all = 0;
    /// Whether fewer may be visited.
    bool isAtMost = false;
    /// Multiplications and additions of the products on all lanes of the visited tiles, and for all pairs of rows and
    /// keys that there are.
    int64_t flops = 0, denseFlops = 0;
    int64_t exponentials = 0;
    /// What tasks read and write, whatever the caches make of it, and all tensors once.
    int64_t streamedBytes = 0, tensorBytes = 0;
  };
  std::optional<Costs> costs;
  /// Why there are no costs.
  std::string unknown;

  std::optional<PlanCost> predicted;
  double leastCost = 0;
  /// A plan beside this one, and the time it is predicted to take as a multiple of this one's.
  struct Alternative {
    std::string difference;
    double ratio;
  };
  llvm::SmallVector<Alternative> alternatives; // the fastest first

private:
  void printAlternatives(llvm::raw_ostream &os);
};

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_PLANEXPLANATION_H
