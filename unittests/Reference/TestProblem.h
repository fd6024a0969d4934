// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Problems for tests: grouped heads over random tensors, with the tensors kept alongside.
#ifndef ATTN_UNITTESTS_REFERENCE_TESTPROBLEM_H
#define ATTN_UNITTESTS_REFERENCE_TESTPROBLEM_H

#include "attn/Reference/Evaluate.h"
#include "attn/Reference/Random.h"

#include <gtest/gtest.h>

#include <cmath>

namespace attn::reference {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

inline Tensor randomTensor(std::vector<int64_t> sizes, uint64_t seed, double factor = 1) {
  Tensor tensor(std::move(sizes));
  for (size_t i = 0; i < tensor.values.size(); ++i)
    tensor.values[i] = factor * randomUniform(seed, i);
  return tensor;
}

inline Operand operandOf(const Tensor &tensor, std::vector<unsigned> loops) {
  return {tensor.view(), std::move(loops)};
}

/// Sizes: batch b, row loops g (query heads of one key head) and i, keys j, depth d, width e.
struct Sizes {
  int64_t b = 2, g = 3, n = 5, m = 7, d = 4, e = 6;
};

/// Loops are (b, g, i, j, d, e) = 0..5; Q [b,g,i,d], K [b,j,d], V [b,j,e], out [b,g,i,e], all results requested.
/// Not copyable: the problem views the tensors.
struct TestProblem {
  Tensor q, k, v, sink;
  Problem problem;

  explicit TestProblem(Sizes s = {}, uint64_t seed = 1, Normalizer normalizer = Normalizer::Softmax)
      : q(randomTensor({s.b, s.g, s.n, s.d}, operandSeed(seed, 0))),
        k(randomTensor({s.b, s.m, s.d}, operandSeed(seed, 1))), v(randomTensor({s.b, s.m, s.e}, operandSeed(seed, 2))),
        sink(randomTensor({s.b, s.g}, operandSeed(seed, 3))) {
    for (int64_t extent : {s.b, s.g, s.n, s.m, s.d, s.e})
      problem.loops.push_back({extent, 0});
    problem.query = operandOf(q, {0, 1, 2, 4});
    problem.key = operandOf(k, {0, 3, 4});
    problem.value = operandOf(v, {0, 3, 5});
    problem.outLoops = {0, 1, 2, 5};
    problem.scale = 1 / std::sqrt(double(s.d));
    problem.normalizer = normalizer;
    if (normalizer == Normalizer::SoftmaxSink)
      problem.normalizerOperands = {operandOf(sink, {0, 1})};
    if (normalizer == Normalizer::Softmax || normalizer == Normalizer::SoftmaxSink)
      problem.lse = problem.max = problem.entropy = std::vector<unsigned>{0, 1, 2};
    problem.weights = std::vector<unsigned>{0, 1, 2, 3};
    problem.topK = TopKRequest{3, {0, 1, 2}};
  }
  TestProblem(const TestProblem &) = delete;
  TestProblem &operator=(const TestProblem &) = delete;

  Evaluation evaluateOrFail() const {
    std::string error;
    std::optional<Evaluation> evaluation = evaluate(problem, error);
    EXPECT_TRUE(evaluation) << error;
    return evaluation ? *evaluation : Evaluation();
  }
};

} // namespace attn::reference

#endif // ATTN_UNITTESTS_REFERENCE_TESTPROBLEM_H
