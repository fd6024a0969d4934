// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Reference/Compare.h"

#include "Rows.h"

#include <algorithm>
#include <cstdio>

using namespace attn::reference;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

std::vector<int64_t> unflatten(int64_t flat, const std::vector<int64_t> &sizes) {
  std::vector<int64_t> index(sizes.size());
  for (size_t i = sizes.size(); i-- > 0; flat /= sizes[i])
    index[i] = flat % sizes[i];
  return index;
}

/// Error in units of the tolerance; infinite where NaN or infinities differ.
double ratioOf(double reference, double tolerance, double computed, bool &nonFiniteMismatch) {
  nonFiniteMismatch = false;
  if (std::isfinite(reference) && std::isfinite(computed)) {
    double error = std::fabs(computed - reference);
    return error == 0 ? 0 : error / tolerance;
  }
  bool agree = (std::isnan(reference) && std::isnan(computed)) || reference == computed;
  nonFiniteMismatch = !agree;
  return agree ? 0 : kInf;
}

void note(Comparison &result, const std::vector<int64_t> &sizes, int64_t flat, double ratio, double reference,
          double tolerance, double computed) {
  result.exceeded += ratio > 1;
  if (ratio <= result.worstRatio)
    return;
  result.worstRatio = ratio;
  result.worstIndex = unflatten(flat, sizes);
  result.worstReference = reference;
  result.worstComputed = computed;
  result.worstTolerance = tolerance;
}

} // namespace

std::string Comparison::describe() const {
  char text[256];
  std::snprintf(text, sizeof(text),
                "%s: %lld compared, %lld exempt, %lld beyond tolerance (%lld NaN or Inf); worst ratio %.3g",
                passed() ? "ok" : "FAILED", static_cast<long long>(compared), static_cast<long long>(exempt),
                static_cast<long long>(exceeded), static_cast<long long>(nonFiniteMismatches), worstRatio);
  std::string result = text;
  if (worstIndex.empty())
    return result;
  result += " at [";
  for (size_t i = 0; i < worstIndex.size(); ++i)
    result += (i ? ", " : "") + std::to_string(worstIndex[i]);
  std::snprintf(text, sizeof(text), "]: expected %.9g, got %.9g, tolerance %.3g", worstReference, worstComputed,
                worstTolerance);
  return result + text;
}

Comparison attn::reference::compare(const Tensor &reference, const Tensor &tolerance, const Tensor &computed) {
  assert(reference.sizes == tolerance.sizes && reference.sizes == computed.sizes && "tensors of one shape");
  Comparison result;
  for (size_t i = 0; i < reference.values.size(); ++i) {
    if (tolerance.values[i] == kInf) {
      ++result.exempt;
      continue;
    }
    ++result.compared;
    bool mismatch;
    double ratio = ratioOf(reference.values[i], tolerance.values[i], computed.values[i], mismatch);
    result.nonFiniteMismatches += mismatch;
    note(result, reference.sizes, i, ratio, reference.values[i], tolerance.values[i], computed.values[i]);
  }
  return result;
}

Comparison attn::reference::compareTopK(const Problem &problem, const Evaluation &evaluation, const Results &tolerance,
                                        const Tensor &values, const IndexTensor &indices) {
  const Results &expected = evaluation.results;
  assert(expected.weights && expected.topKValues && indices.sizes == values.sizes && "request weights and top-k");
  Comparison result = compare(*expected.topKValues, *tolerance.topKValues, values);
  std::string error;
  std::optional<LoopClasses> classes = classifyLoops(problem, error);
  assert(classes && "an evaluation of a malformed problem");
  int64_t count = problem.topK->count, numKeys = problem.loops[classes->key].extent;
  Rows rows(problem, *classes);
  for (bool more = rows.count() > 0; more; more = rows.next()) {
    int64_t first = rows.offsetIn(problem.topK->loops, 0, 0, count);
    auto begin = indices.values.begin() + first;
    for (int64_t i = 0; i < count; ++i) {
      int64_t index = begin[i], expectedIndex = expected.topKIndices->values[first + i];
      double limit = tolerance.topKValues->values[first + i], weight = expected.topKValues->values[first + i];
      if (limit == kInf)
        continue;
      bool wrong = false;
      if (expectedIndex < 0 || index < 0 || index >= numKeys)
        wrong = index != expectedIndex;
      else if (std::find(begin, begin + i, index) != begin + i)
        wrong = true;
      else // both this weight and the expected one may be off, in opposite directions
        wrong = std::fabs(expected.weights->values[rows.offsetIn(*problem.weights, index)] - weight) > 2 * limit;
      note(result, indices.sizes, first + i, wrong ? kInf : 0, expectedIndex, 0, index);
    }
  }
  return result;
}
