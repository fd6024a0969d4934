// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How far a kernel's results may lie from the reference. Every number here is derived in docs/Numerics.md.
#ifndef ATTN_REFERENCE_BUDGET_H
#define ATTN_REFERENCE_BUDGET_H

#include "attn/Reference/Evaluate.h"
#include "attn/Reference/Format.h"

namespace attn::reference {

/// How a chain of n roundings is counted.
enum class Confidence {
  /// n: holds whatever the inputs are. For hand-made, constant or repeated inputs.
  WorstCase,
  /// min(n, lambda * sqrt(n)): holds, up to a tiny chance, where roundings do not conspire. For random inputs, where it
  /// sees faults that the worst case hides.
  Statistical,
};

/// What the budget assumes of a kernel.
struct KernelModel {
  /// Sums, scores, weights and results beside out.
  FloatFormat accumulator = kF32;
  /// How out is stored; as accurate as the accumulator, or narrower.
  FloatFormat out = kF32;
  /// Format to which weights are rounded before they meet V (the row sum takes them unrounded); the accumulator's if
  /// they are not.
  FloatFormat weight = kF32;
  /// Largest relative error of exp2 as evaluated, its own roundings included. The degree-5 polynomial errs by at most
  /// 1.716e-7 over all f32 arguments in [-1/2, 1/2].
  double exp2Error = 1.75e-7;
  /// Keys that share one rescaling of the accumulator.
  int64_t keyTile = 64;
  /// Partial states that are merged in the end.
  int64_t splits = 1;
  /// Roundings in one call of a similarity callback beyond that of its product with nothing (0 for q * k).
  double similarityRoundings = 0;
  /// With a score callback: its largest |d score / d s|, and the number of its roundings, each relative to
  /// |s| + |score|. Three go to the change of base; tanh costs about four more.
  double scoreGain = 1, scoreRoundings = 4;
  Confidence confidence = Confidence::Statistical;
  /// A chain of independent roundings, uniform in +-u, exceeds lambda * sqrt(n) * u with probability at most
  /// 2 exp(-1.5 lambda^2): 8e-11 per element for 4.
  double lambda = 4;

  /// A kernel with operands and out in a narrow format (kBF16, kF16), f32 inside, weights rounded for the product with
  /// V.
  static KernelModel narrow(const FloatFormat &format);
};

/// |out - ref| <= (c1 + c2 * magnitude) * u * max|V| to first order, for a row with `keptKeys` kept keys that lie in
/// `tiles` tiles. Dimensionless, in units of the accumulator's u.
double c1(const KernelModel &model, int64_t keptKeys, int64_t tiles);
/// As above; `depth` is D.
double c2(const KernelModel &model, int64_t depth);

/// The largest absolute error allowed for each element of each result, in the shapes of `evaluation.results`. +inf
/// marks an exempt element, for which any value passes:
/// - a kept infinity of V whose weight may underflow to 0 in the accumulator (0 * inf);
/// - sums that may leave the accumulator's range before they are divided (kept keys * max|V|), scores that may
///   (magnitude), and results at the upper end of the range of `out`.
/// `topKIndices` is not set: see compareTopK.
Results tolerances(const Problem &problem, const Evaluation &evaluation, const KernelModel &model = {});

} // namespace attn::reference

#endif // ATTN_REFERENCE_BUDGET_H
