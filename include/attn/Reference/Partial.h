// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The tile floor: what is known of a row after some of its keys, how two such states combine, and what a state says in
// the end. Tests of split keys and of attn.merge compare against it.
#ifndef ATTN_REFERENCE_PARTIAL_H
#define ATTN_REFERENCE_PARTIAL_H

#include "attn/Reference/Evaluate.h"

namespace attn::reference {

/// The state of one row over a set of keys, in natural units. For softmax `max` is the largest kept score, `sum` is
/// sum_j exp(s_j - max) and `acc` is sum_j exp(s_j - max) * V[j,:], Dv long; a sink is not in it. Without keys: -inf, 0
/// and zeros, which is the neutral element of `merge`. For Sigmoid and Identity only `acc` = sum_j w_j V[j,:] is used.
/// All three are NaN where the row is undefined.
struct RowState {
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0;
  std::vector<double> acc;
};

/// The states of all rows, in the order of Evaluation::rows, over the keys begin <= j < end.
std::optional<std::vector<RowState>> partialStates(const Problem &problem, int64_t begin, int64_t end,
                                                   std::string &error);

/// Combines the states of one row over two disjoint sets of keys. Associative and commutative up to rounding.
RowState merge(const RowState &a, const RowState &b, Normalizer normalizer);

/// Results out, and lse and max where requested, from the states of all rows; the sink enters here, once.
std::optional<Results> finalize(const Problem &problem, const std::vector<RowState> &states, std::string &error);

} // namespace attn::reference

#endif // ATTN_REFERENCE_PARTIAL_H
