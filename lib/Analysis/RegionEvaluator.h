// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The mask of one pair, by constant folding: slow, but with the meaning that every op gives itself.
#ifndef ATTN_LIB_ANALYSIS_REGIONEVALUATOR_H
#define ATTN_LIB_ANALYSIS_REGIONEVALUATOR_H

#include "attn/Analysis/ExplainMask.h"

#include <set>

namespace attn::masks {

class RegionEvaluator {
public:
  RegionEvaluator(const MaskProblem &problem, const MaskValues &values) : problem(problem), values(values) {}

  /// The value of an integer of the region (i1: 0 or 1) for one pair; nothing where it depends on what has no value, or
  /// on an op that does not fold.
  std::optional<int64_t> evaluate(mlir::Value value, int64_t row, int64_t key);
  /// A value by its name, `otherwise` if it has none.
  std::optional<int64_t> lookUp(llvm::StringRef name, std::optional<int64_t> otherwise = std::nullopt);

  /// Names that had no value, and ops that did not fold.
  std::set<std::string> missing;

private:
  mlir::Attribute fold(mlir::Value value);

  MaskProblem problem;
  const MaskValues &values;
  int64_t row = 0, key = 0;
  llvm::DenseMap<mlir::Value, mlir::Attribute> folded;
};

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_REGIONEVALUATOR_H
