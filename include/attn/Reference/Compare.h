// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Holds a kernel's results against the reference and its tolerances.
#ifndef ATTN_REFERENCE_COMPARE_H
#define ATTN_REFERENCE_COMPARE_H

#include "attn/Reference/Evaluate.h"

namespace attn::reference {

/// What a comparison found. `worst...` describe the element with the largest ratio of error to tolerance, a mismatch of
/// NaN or infinities counting as an infinite one.
struct Comparison {
  int64_t compared = 0;
  /// Elements with an infinite tolerance, which were not looked at.
  int64_t exempt = 0;
  /// Elements beyond their tolerance, and those of them that are NaN, infinite or neither where the reference is not
  /// so.
  int64_t exceeded = 0;
  int64_t nonFiniteMismatches = 0;
  double worstRatio = 0;
  std::vector<int64_t> worstIndex;
  double worstReference = 0, worstComputed = 0, worstTolerance = 0;

  bool passed() const { return exceeded == 0; }
  /// One line for people: the verdict, the counts, the worst element.
  std::string describe() const;
};

/// Compares element by element; the three tensors have one shape. A NaN asks for a NaN, an infinity for the same
/// infinity, a finite value for one within its tolerance (a tolerance of 0 asks for equality).
Comparison compare(const Tensor &reference, const Tensor &tolerance, const Tensor &computed);

/// Compares top-k. Values are compared as by `compare`. An index passes if its weight in the reference is within the
/// tolerance of the weight expected at that rank, it is not -1 where a key is expected (and is where none is), and no
/// index comes twice: kernels may rank near-equal weights differently. The problem must request weights and top-k.
Comparison compareTopK(const Problem &problem, const Evaluation &evaluation, const Results &tolerance,
                       const Tensor &values, const IndexTensor &indices);

} // namespace attn::reference

#endif // ATTN_REFERENCE_COMPARE_H
