// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The meaning of attn.generic, in double precision and in the plainest order: all scores of a row, then its weights,
// then its sums. No tiling, no online rescaling, no base 2: a kernel and this code share no idea but the definition.
#ifndef ATTN_REFERENCE_EVALUATE_H
#define ATTN_REFERENCE_EVALUATE_H

#include "attn/Reference/Problem.h"

namespace attn::reference {

/// Results by kind. `out` is always there, the others where they were requested; dimensions follow the maps in the
/// problem (top-k: plus a last one of size k).
struct Results {
  Tensor out;
  std::optional<Tensor> lse, max, entropy, weights, topKValues;
  std::optional<IndexTensor> topKIndices;
};

/// What a budget must know of one row (b,i). Everything is in natural units and finite unless `undefined`.
struct RowFacts {
  /// A kept score (or a sink) makes every result of the row NaN.
  bool undefined = false;
  /// No kept score does, only the sink.
  bool undefinedBySink = false;
  int64_t keptKeys = 0;
  /// max_{j in Kept} |scale| * sum_d |similarity|: what roundings of the score are relative to.
  double magnitude = 0;
  /// The same over all keys that the mask keeps, those whose score is -inf too, as far as it is finite: where a score
  /// overflows on its way, it does so whatever would have become of it.
  double reachedMagnitude = 0;
  /// sum_j |w_j| * magnitude_j; for Identity sum_j magnitude_j.
  double weightedMagnitude = 0;
  /// sum_j |w_j|; for softmax without sink 1.
  double weightSum = 0;
  /// With a score callback sum_j |w_j| * (|score before| + |score after|), with w_j = 1 for Identity; else 0.
  double scoreMagnitude = 0;
  /// Problem::scoreExcess: sum_j |w_j| * excess_j, with w_j = 1 for Identity, and the largest; 0 without.
  double scoreExcess = 0, largestScoreExcess = 0;
  /// Weight of the sink times the size of its logit; 0 without a sink.
  double sinkMagnitude = 0;
  /// lse and max of softmax (0 for rows without keys and other normalizers), entropy in nats.
  double lse = 0, max = 0, entropy = 0;
};

struct Evaluation {
  Results results;
  /// One entry per row: batch and row loops together, in ascending loop number, the last varying fastest.
  std::vector<RowFacts> rows;
  /// Of the shape of out: the largest finite |V[b,j,e]| over j in Kept(b,i).
  Tensor valueMagnitude;
  /// Of the shape of out: the smallest |w_j| of a kept key whose V[b,j,e] is infinite; +inf if there is none.
  Tensor infinityWeight;
};

/// Evaluates the problem in O(rows * M * (D + Dv)) operations, or says in `error` why it is malformed.
///
/// Edges, beyond those of ordinary arithmetic:
/// - Kept empty: out 0, lse = max = -inf (with a sink too), weights 0, entropy 0, top-k value 0 with index -1.
/// - A NaN score in Kept: all results of the row are NaN, top-k indices -1; weights of keys not kept stay 0. For
/// softmax
///   the same holds for a score of +inf (inf - inf) and for a sink that is NaN or +inf. A sink of -inf counts nothing.
/// - A weight of softmax or sigmoid is positive however small it is, so an infinity of V in a kept row reaches out with
///   its sign; infinities of both signs, or a NaN, give NaN.
/// - Top-k ranks scores, equal ones by lower key, and reports weights. Fewer than k kept keys leave value 0, index -1.
/// - Entropy is -sum_j w_j ln w_j over the keys, the sink not counted.
std::optional<Evaluation> evaluate(const Problem &problem, std::string &error);

} // namespace attn::reference

#endif // ATTN_REFERENCE_EVALUATE_H
