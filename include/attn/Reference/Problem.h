// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One attention computation as `attn.generic` defines it, in plain C++: loops, operands with their maps, regions as
// callbacks. This is the statement of the problem; Evaluate.h answers it.
#ifndef ATTN_REFERENCE_PROBLEM_H
#define ATTN_REFERENCE_PROBLEM_H

#include "attn/Reference/Tensor.h"

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace attn::reference {

/// A loop of the iteration space. `offset` is added to the position that regions see, never to an address.
struct Loop {
  int64_t extent = 0;
  int64_t offset = 0;
};

/// A tensor and the loop that indexes each of its dimensions, no loop twice (a projected permutation).
struct Operand {
  View view;
  std::vector<unsigned> loops;
};

/// The position that a region sees for a loop that it does not run over (d in score and mask, e everywhere).
constexpr int64_t kNoPosition = std::numeric_limits<int64_t>::min();

/// Values of the element operands of the region's role at this point, in operand order.
using Values = Span<double>;
/// Position along every loop, by loop number, offsets included.
using Position = Span<int64_t>;

using SimilarityFn = std::function<double(double q, double k, Values values, Position position)>;
using ScoreFn = std::function<double(double s, Values values, Position position)>;
using MaskFn = std::function<bool(Values values, Position position)>;

/// How the scores s_j of the kept keys become weights w_j.
enum class Normalizer {
  Softmax,     ///< exp(s_j) / sum_k exp(s_k)
  SoftmaxSink, ///< exp(s_j) / (exp(sink) + sum_k exp(s_k)); the sink counts in lse, not in max, and has no value
  Sigmoid,     ///< 1 / (1 + exp(-s_j))
  Identity,    ///< s_j
  Custom,      ///< what Problem::custom says
};

/// A number, and how far a kernel's may lie from it.
struct Approximate {
  double value = 0, error = 0;
};

/// How a kernel rounds, as far as a custom normalizer asks; all 0 for exact values.
struct Roundings {
  /// Relative error of one operation.
  double unit = 0;
  /// Relative error of a sum over the keys of a row, beyond that of its terms.
  double sum = 0;
};

/// What a custom normalizer makes of one row: weights in the order of the scores, then what it defines of the rest.
struct CustomRow {
  std::vector<Approximate> weights;
  Approximate lse, max, entropy;
};

/// A normalizer that the reference does not know by name.
struct CustomNormalizer {
  std::string name;
  size_t numOperands = 0;
  /// Whether weights are relative to the largest score, so that a kernel rescales its sums when that grows.
  bool hasMaximum = false;
  bool definesLse = false, definesMax = false, definesEntropy = false;
  /// Given the scores of at least one kept key, none of them -inf. Errors are 0 where those of scores and roundings
  /// are.
  std::function<CustomRow(const std::vector<Approximate> &scores, Span<double> operands, Roundings roundings)> weigh;
};

/// A request for the `count` largest weights of every row. `loops` are those of all dimensions but the last.
struct TopKRequest {
  int64_t count = 0;
  std::vector<unsigned> loops;
};

/// What to compute. With b the batch loops, i the row loops, j, d and e the single ones:
///
///     s(b,i,j)   = score(scale * sum_d similarity(Q[b,i,d], K[b,j,d]))
///     Kept(b,i)  = { j : mask and s(b,i,j) != -inf }
///     w          = normalizer over the s(b,i,j) of Kept(b,i)
///     out[b,i,e] = sum_{j in Kept(b,i)} w(b,i,j) * V[b,j,e]
///
/// To evaluate a part of a large problem, view a slice of the operands and set the offsets: nothing else changes.
struct Problem {
  std::vector<Loop> loops;
  Operand query, key, value;
  /// One loop per dimension of `out`.
  std::vector<unsigned> outLoops;
  /// Element operands: similarity ones may run over b, i, j, d; score and mask ones over b, i, j; normalizer ones over
  /// b, i. SoftmaxSink takes exactly one normalizer operand, Custom what it says, the others none.
  std::vector<Operand> similarityOperands, scoreOperands, maskOperands, normalizerOperands;
  double scale = 1.0;
  /// Unset callbacks are q * k, s and true.
  SimilarityFn similarity;
  ScoreFn score;
  MaskFn mask;
  /// For budgets only: the size of what a rounding in `similarity` is relative to, where that is more than the
  /// absolute value of its result. v * tanh(q + k) from exponentials errs relative to |v|, for example.
  SimilarityFn similarityMagnitude;
  /// For budgets only: by how many units of round-off what `score` rounds on its way may move its result beyond
  /// KernelModel::scoreRoundings (|s before| + |s after|). exp of a sum of -70, say, errs by 70 units of a tiny result.
  ScoreFn scoreExcess;
  Normalizer normalizer = Normalizer::Softmax;
  /// For Normalizer::Custom only.
  CustomNormalizer custom;
  /// Results beside out: set to the loops of their dimensions to request them. lse, max and entropy are over (b,i) and
  /// refused where the normalizer does not define them, as Sigmoid and Identity; weights are over (b,i,j).
  std::optional<std::vector<unsigned>> lse, max, entropy, weights;
  std::optional<TopKRequest> topK;
};

/// Loops by kind, which follows from who uses them: batch in Q, K, V and out; row in Q and out; key in K and V; d in Q
/// and K; e in V and out. Numbers ascend.
struct LoopClasses {
  std::vector<unsigned> batch, row;
  unsigned key = 0, d = 0, e = 0;
};

/// Checks the whole problem and classifies its loops. On a malformed one returns nothing and says in `error` what was
/// expected and what was found.
std::optional<LoopClasses> classifyLoops(const Problem &problem, std::string &error);

} // namespace attn::reference

#endif // ATTN_REFERENCE_PROBLEM_H
