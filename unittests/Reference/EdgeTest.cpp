// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Empty rows, M = 0, NaN and infinities in places that are kept and that are not.
#include "TestProblem.h"

#include <algorithm>

using namespace attn::reference;

namespace {

/// One row over keys whose scores are exactly `scores` (D = 1, q = 1) and values are `values` (Dv = 1).
struct OneRow : TestProblem {
  OneRow(std::vector<double> scores, std::vector<double> values, Normalizer normalizer = Normalizer::Softmax)
      : TestProblem({1, 1, 1, int64_t(scores.size()), 1, 1}, 1, normalizer) {
    problem.scale = 1;
    q.values = {1};
    k.values = std::move(scores);
    v.values = std::move(values);
    problem.key.view.data = k.values.data();
    problem.value.view.data = v.values.data();
    sink.values = {0};
  }
};

void expectEmpty(const Results &results, int64_t offset) {
  EXPECT_EQ(results.out.values[offset], 0);
  EXPECT_EQ(results.lse->values[offset], -kInf);
  EXPECT_EQ(results.max->values[offset], -kInf);
  EXPECT_EQ(results.entropy->values[offset], 0);
  for (int64_t k = 0; k < 3; ++k) {
    EXPECT_EQ(results.topKIndices->values[3 * offset + k], -1);
    EXPECT_EQ(results.topKValues->values[3 * offset + k], 0);
  }
}

void expectUndefined(const Results &results) {
  EXPECT_TRUE(std::isnan(results.out.values[0]));
  EXPECT_TRUE(std::isnan(results.lse->values[0]));
  EXPECT_TRUE(std::isnan(results.max->values[0]));
  EXPECT_TRUE(std::isnan(results.entropy->values[0]));
  EXPECT_TRUE(std::isnan(results.topKValues->values[0]));
  EXPECT_EQ(results.topKIndices->values[0], -1);
}

} // namespace

TEST(Edge, rows_without_keys) {
  for (Normalizer normalizer : {Normalizer::Softmax, Normalizer::SoftmaxSink}) {
    OneRow masked({1, 2, 3}, {4, 5, 6}, normalizer);
    masked.problem.mask = [](Values, Position) { return false; };
    Results results = masked.evaluateOrFail().results;
    expectEmpty(results, 0);
    EXPECT_EQ(results.weights->values, std::vector<double>({0, 0, 0}));
    expectEmpty(OneRow({-kInf, -kInf}, {kNaN, kInf}, normalizer).evaluateOrFail().results, 0);
  }
}

TEST(Edge, no_keys_at_all) {
  for (Normalizer normalizer : {Normalizer::Softmax, Normalizer::SoftmaxSink}) {
    TestProblem test({2, 3, 5, 0, 4, 1}, 1, normalizer);
    Evaluation evaluation = test.evaluateOrFail();
    ASSERT_EQ(evaluation.rows.size(), 30u);
    for (int64_t row = 0; row < 30; ++row)
      expectEmpty(evaluation.results, row);
    EXPECT_EQ(evaluation.results.weights->values.size(), 0u);
  }
}

TEST(Edge, no_batch_no_rows_no_depth_no_width) {
  EXPECT_EQ(TestProblem({0, 3, 5, 7, 4, 6}).evaluateOrFail().results.out.values.size(), 0u);
  EXPECT_EQ(TestProblem({2, 3, 0, 7, 4, 6}).evaluateOrFail().results.out.values.size(), 0u);
  Evaluation noWidth = TestProblem({2, 3, 5, 7, 4, 0}).evaluateOrFail();
  EXPECT_EQ(noWidth.results.out.values.size(), 0u);
  EXPECT_EQ(noWidth.rows.size(), 30u);
  TestProblem noDepth({1, 1, 1, 7, 0, 6});
  noDepth.problem.scale = 1; // 1 / sqrt(0) would be infinite
  EXPECT_NEAR(noDepth.evaluateOrFail().results.lse->values[0], std::log(7), 1e-15) << "empty sums are equal scores";
}

TEST(Edge, what_is_masked_contributes_nothing_whatever_it_holds) {
  for (Normalizer normalizer :
       {Normalizer::Softmax, Normalizer::SoftmaxSink, Normalizer::Sigmoid, Normalizer::Identity}) {
    TestProblem clean({}, 4, normalizer), dirty({}, 4, normalizer);
    for (TestProblem *test : {&clean, &dirty})
      test->problem.mask = [](Values, Position position) { return position[3] % 3 != 1; };
    for (int64_t j : {1, 4})
      for (int64_t b = 0; b < 2; ++b) {
        for (int64_t d = 0; d < 4; ++d)
          dirty.k.at({b, j, d}) = d % 2 ? kNaN : kInf;
        for (int64_t e = 0; e < 6; ++e)
          dirty.v.at({b, j, e}) = e % 2 ? kNaN : -kInf;
      }
    Evaluation expected = clean.evaluateOrFail(), found = dirty.evaluateOrFail();
    EXPECT_EQ(found.results.out.values, expected.results.out.values);
    EXPECT_EQ(found.results.weights->values, expected.results.weights->values);
    EXPECT_EQ(found.results.topKIndices->values, expected.results.topKIndices->values);
    EXPECT_EQ(found.rows[0].magnitude, expected.rows[0].magnitude);
    EXPECT_EQ(found.valueMagnitude.values, expected.valueMagnitude.values);
  }
}

TEST(Edge, a_score_of_minus_infinity_is_not_kept) {
  OneRow test({-kInf, 0, 0}, {kNaN, 2, 4});
  Results results = test.evaluateOrFail().results;
  EXPECT_EQ(results.out.values[0], 3);
  EXPECT_EQ(results.weights->values, std::vector<double>({0, 0.5, 0.5}));
  // As a bias, too: it is the score after the callback that counts.
  OneRow biased({5, 0, 0}, {kInf, 2, 4});
  biased.problem.score = [](double s, Values, Position position) { return position[3] == 0 ? -kInf : s; };
  EXPECT_EQ(biased.evaluateOrFail().results.out.values[0], 3);
}

TEST(Edge, a_kept_nan_score_spoils_its_row_only) {
  expectUndefined(OneRow({0, kNaN, -kInf}, {1, 2, 3}).evaluateOrFail().results);
  TestProblem test({1, 1, 2, 3, 1, 1});
  test.q.values = {1, kNaN};
  Results results = test.evaluateOrFail().results;
  EXPECT_FALSE(std::isnan(results.out.values[0]));
  EXPECT_TRUE(std::isnan(results.out.values[1]));
  // Weights of keys that are not kept stay 0.
  OneRow masked({0, kNaN, 0}, {1, 2, 3});
  masked.problem.mask = [](Values, Position position) { return position[3] != 2; };
  results = masked.evaluateOrFail().results;
  EXPECT_TRUE(std::isnan(results.weights->values[0]));
  EXPECT_EQ(results.weights->values[2], 0);
}

TEST(Edge, plus_infinity_scores) {
  expectUndefined(OneRow({0, kInf}, {1, 2}).evaluateOrFail().results);
  expectUndefined(OneRow({0, kInf}, {1, 2}, Normalizer::SoftmaxSink).evaluateOrFail().results);
  EXPECT_EQ(OneRow({0, kInf}, {1, 2}, Normalizer::Sigmoid).evaluateOrFail().results.out.values[0], 2.5);
  EXPECT_EQ(OneRow({0, kInf}, {1, 2}, Normalizer::Identity).evaluateOrFail().results.out.values[0], kInf);
}

TEST(Edge, sinks_that_are_not_finite) {
  for (double sink : {kInf, kNaN}) {
    OneRow test({0, 1}, {1, 2}, Normalizer::SoftmaxSink);
    test.sink.values = {sink};
    expectUndefined(test.evaluateOrFail().results);
  }
  OneRow without({0, 0}, {2, 4}, Normalizer::SoftmaxSink);
  without.sink.values = {-kInf};
  EXPECT_EQ(without.evaluateOrFail().results.out.values[0], 3);
}

TEST(Edge, kept_values_that_are_not_finite) {
  EXPECT_EQ(OneRow({0, -5}, {1, kInf}).evaluateOrFail().results.out.values[0], kInf);
  EXPECT_TRUE(std::isnan(OneRow({0, -5}, {-kInf, kInf}).evaluateOrFail().results.out.values[0]));
  EXPECT_TRUE(std::isnan(OneRow({0, -5}, {1, kNaN}).evaluateOrFail().results.out.values[0]));
  // A weight is positive even where a double cannot say so.
  for (Normalizer normalizer : {Normalizer::Softmax, Normalizer::Sigmoid}) {
    OneRow tiny({0, -5000}, {1, -kInf}, normalizer);
    EXPECT_EQ(tiny.evaluateOrFail().results.out.values[0], -kInf);
  }
  EXPECT_TRUE(std::isnan(OneRow({1, 0}, {1, kInf}, Normalizer::Identity).evaluateOrFail().results.out.values[0]))
      << "a weight of exactly 0 times infinity";
}

TEST(Edge, extreme_scores_neither_overflow_nor_underflow) {
  Results results = OneRow({1e6, 1e6 - 1, -1e6}, {1, 2, 3}).evaluateOrFail().results;
  double w = 1 / (1 + std::exp(-1.0));
  EXPECT_NEAR(results.out.values[0], w + 2 * (1 - w), 1e-10);
  EXPECT_NEAR(results.lse->values[0], 1e6 - std::log(w), 1e-9);
  EXPECT_EQ(results.weights->values[2], 0);
}
