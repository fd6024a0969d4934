// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The budget of a custom normalizer, whose code says how far errors of scores reach; and what it shares with
// Budget.cpp.
#ifndef ATTN_LIB_REFERENCE_CUSTOMBUDGET_H
#define ATTN_LIB_REFERENCE_CUSTOMBUDGET_H

#include "Rows.h"

#include "attn/Reference/Budget.h"

#include <algorithm>

namespace attn::reference {

/// Units of round-off after a chain of n roundings.
inline double chain(const KernelModel &model, double n) {
  return model.confidence == Confidence::WorstCase ? n : std::min(n, model.lambda * std::sqrt(n));
}

/// Times that an accumulator may be rescaled: at each further tile, at each merge.
inline double rescales(const KernelModel &model, int64_t tiles) {
  return std::max<int64_t>(tiles, 1) - 1 + (model.splits - 1);
}

/// Scores may overflow, to an infinity: a key with -inf for a score is not kept.
inline bool mayOverflow(const RowFacts &facts, const KernelModel &model) {
  constexpr double kLog2E = 1.4426950408889634;
  return facts.reachedMagnitude * kLog2E > model.accumulator.largest() / 4;
}

/// The smallest result of exp2 that is relied on: without an instruction that scales, 2^n of the integer n next to the
/// argument is 0 from n = -126 down, and units may flush subnormals.
inline double getSmallestExp2(const KernelModel &model) { return 2 * model.accumulator.smallest(); }

/// The smallest weight that does not become 0.
inline double getSmallestWeight(const KernelModel &model) {
  double smallest = getSmallestExp2(model);
  return model.weight.precision < model.accumulator.precision
             ? std::max(smallest, model.weight.smallest() * model.weight.unit())
             : smallest;
}

/// Sets the tolerances of the row where `rows` stands, which has kept keys, at most `tiles` tiles of them.
void addCustomRow(const Problem &problem, const LoopClasses &classes, Rows &rows, const RowFacts &facts,
                  const Evaluation &evaluation, const KernelModel &model, int64_t tiles, Results &tolerance);

} // namespace attn::reference

#endif // ATTN_LIB_REFERENCE_CUSTOMBUDGET_H
