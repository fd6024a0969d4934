// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Reference/Partial.h"

#include "Rows.h"

#include <algorithm>

using namespace attn::reference;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

RowState stateOf(const Problem &problem, const LoopClasses &classes, const Rows &rows,
                 const std::vector<KeptKey> &kept) {
  int64_t width = problem.loops[classes.e].extent;
  RowState state;
  state.acc.assign(width, 0);
  bool softmax = isSoftmax(problem.normalizer);
  for (const KeptKey &entry : kept) {
    if (std::isnan(entry.score) || (softmax && entry.score == kInf))
      return {kNaN, kNaN, std::vector<double>(width, kNaN)};
    if (softmax)
      state.max = std::max(state.max, entry.score);
  }
  for (const KeptKey &entry : kept) {
    double weight = softmax                                     ? std::exp(entry.score - state.max)
                    : problem.normalizer == Normalizer::Sigmoid ? 1 / (1 + std::exp(-entry.score))
                                                                : entry.score;
    if (softmax)
      state.sum += weight;
    for (int64_t e = 0; e < width; ++e) {
      double value = rows.value(entry.key, e);
      state.acc[e] += problem.normalizer == Normalizer::Identity ? weight * value : timesPositive(weight, value);
    }
  }
  return state;
}

} // namespace

std::optional<std::vector<RowState>> attn::reference::partialStates(const Problem &problem, int64_t begin, int64_t end,
                                                                    std::string &error) {
  if (problem.normalizer == Normalizer::Custom) {
    error = "states of normalizer '" + problem.custom.name + "' are not known to the reference";
    return std::nullopt;
  }
  std::optional<LoopClasses> classes = classifyLoops(problem, error);
  if (!classes)
    return std::nullopt;
  int64_t numKeys = problem.loops[classes->key].extent;
  if (begin < 0 || end < begin || end > numKeys) {
    error = "expects a key range within [0, " + std::to_string(numKeys) + "), got [" + std::to_string(begin) + ", " +
            std::to_string(end) + ")";
    return std::nullopt;
  }
  Rows rows(problem, *classes);
  std::vector<RowState> states;
  std::vector<KeptKey> kept;
  for (bool more = rows.count() > 0; more; more = rows.next()) {
    rows.score(begin, end, kept);
    states.push_back(stateOf(problem, *classes, rows, kept));
  }
  return states;
}

RowState attn::reference::merge(const RowState &a, const RowState &b, Normalizer normalizer) {
  assert(a.acc.size() == b.acc.size() && "states of rows of different width");
  RowState state;
  state.acc.resize(a.acc.size());
  if (!isSoftmax(normalizer)) {
    std::transform(a.acc.begin(), a.acc.end(), b.acc.begin(), state.acc.begin(), std::plus<double>());
    return state;
  }
  // A side without keys is neutral; its -inf must not meet the other side's.
  if (a.max == -kInf)
    return b;
  if (b.max == -kInf)
    return a;
  bool undefined = std::isnan(a.max) || std::isnan(b.max);
  state.max = undefined ? kNaN : std::max(a.max, b.max);
  double rescaleA = std::exp(a.max - state.max), rescaleB = std::exp(b.max - state.max);
  state.sum = rescaleA * a.sum + rescaleB * b.sum;
  for (size_t e = 0; e < state.acc.size(); ++e)
    state.acc[e] = timesPositive(rescaleA, a.acc[e]) + timesPositive(rescaleB, b.acc[e]);
  return state;
}

std::optional<Results> attn::reference::finalize(const Problem &problem, const std::vector<RowState> &states,
                                                 std::string &error) {
  std::optional<LoopClasses> classes = classifyLoops(problem, error);
  if (!classes)
    return std::nullopt;
  Rows rows(problem, *classes);
  size_t width = problem.loops[classes->e].extent;
  bool fits = int64_t(states.size()) == rows.count() &&
              std::all_of(states.begin(), states.end(), [&](const RowState &s) { return s.acc.size() == width; });
  if (!fits) {
    error = "expects " + std::to_string(rows.count()) + " row states of width " + std::to_string(width);
    return std::nullopt;
  }
  Results results;
  results.out = Tensor(sizesOf(problem, problem.outLoops));
  if (problem.lse)
    results.lse = Tensor(sizesOf(problem, *problem.lse), -kInf);
  if (problem.max)
    results.max = Tensor(sizesOf(problem, *problem.max), -kInf);
  size_t number = 0;
  for (bool more = rows.count() > 0; more; more = rows.next()) {
    const RowState &state = states[number++];
    double factor = 1, lse = -kInf, max = state.max;
    if (isSoftmax(problem.normalizer) && state.max != -kInf) {
      double top = state.max, sum = state.sum, shrink = 1;
      if (problem.normalizer == Normalizer::SoftmaxSink) {
        double sink = rows.sink();
        bool undefined = std::isnan(top) || std::isnan(sink) || sink == kInf;
        top = undefined ? kNaN : std::max(top, sink);
        shrink = std::exp(state.max - top);
        sum = shrink * sum + std::exp(sink - top);
        max = undefined ? kNaN : max;
      }
      factor = shrink / sum;
      lse = top + std::log(sum);
    }
    for (size_t e = 0; e < width; ++e)
      results.out.values[rows.offsetIn(problem.outLoops, 0, e)] = timesPositive(factor, state.acc[e]);
    if (problem.lse)
      results.lse->values[rows.offsetIn(*problem.lse)] = lse;
    if (problem.max)
      results.max->values[rows.offsetIn(*problem.max)] = max;
  }
  return results;
}
