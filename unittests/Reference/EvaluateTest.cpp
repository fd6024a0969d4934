// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What evaluate computes where everything is finite: closed forms, and a second opinion in long double.
#include "TestProblem.h"

#include <algorithm>

using namespace attn::reference;

namespace {

/// Softmax attention of a TestProblem written from the textbook, unlike evaluate: direct indices, long double, no
/// subtraction of a maximum (its scores are small), sums over e outermost.
struct LongDoubleRow {
  std::vector<long double> weights, out;
  long double lse, max, entropy;
};

LongDoubleRow naiveRow(const TestProblem &test, int64_t b, int64_t g, int64_t i) {
  int64_t numKeys = test.k.sizes[1], depth = test.k.sizes[2], width = test.v.sizes[2];
  std::vector<long double> exponentials;
  LongDoubleRow row;
  row.max = -INFINITY;
  long double total = test.problem.normalizer == Normalizer::SoftmaxSink ? expl(test.sink.at({b, g})) : 0.0L;
  for (int64_t j = 0; j < numKeys; ++j) {
    long double s = 0;
    for (int64_t d = 0; d < depth; ++d)
      s += static_cast<long double>(test.q.at({b, g, i, d})) * test.k.at({b, j, d});
    s *= test.problem.scale;
    row.max = std::max(row.max, s);
    exponentials.push_back(expl(s));
    total += exponentials.back();
  }
  row.lse = logl(total);
  row.entropy = 0;
  for (long double exponential : exponentials) {
    row.weights.push_back(exponential / total);
    row.entropy -= row.weights.back() * logl(row.weights.back());
  }
  for (int64_t e = 0; e < width; ++e) {
    row.out.push_back(0);
    for (int64_t j = 0; j < numKeys; ++j)
      row.out.back() += row.weights[j] * test.v.at({b, j, e});
  }
  return row;
}

} // namespace

TEST(Evaluate, agrees_with_the_textbook_in_long_double) {
  for (Normalizer normalizer : {Normalizer::Softmax, Normalizer::SoftmaxSink}) {
    TestProblem test({2, 3, 5, 37, 11, 4}, 9, normalizer);
    Results results = test.evaluateOrFail().results;
    for (int64_t b = 0; b < 2; ++b)
      for (int64_t g = 0; g < 3; ++g)
        for (int64_t i = 0; i < 5; ++i) {
          LongDoubleRow row = naiveRow(test, b, g, i);
          EXPECT_NEAR(results.lse->at({b, g, i}), row.lse, 1e-14);
          EXPECT_NEAR(results.max->at({b, g, i}), row.max, 1e-14);
          EXPECT_NEAR(results.entropy->at({b, g, i}), row.entropy, 1e-14);
          for (int64_t j = 0; j < 37; ++j)
            EXPECT_NEAR(results.weights->at({b, g, i, j}), row.weights[j], 1e-16);
          for (int64_t e = 0; e < 4; ++e)
            EXPECT_NEAR(results.out.at({b, g, i, e}), row.out[e], 1e-15);
        }
  }
}

// Equal scores: the mean of V, ln M for lse - s and for the entropy, and the first keys on top.
TEST(Evaluate, equal_scores_give_the_mean) {
  TestProblem test;
  std::fill(test.q.values.begin(), test.q.values.end(), 0);
  Results results = test.evaluateOrFail().results;
  for (int64_t e = 0; e < 6; ++e) {
    double mean = 0;
    for (int64_t j = 0; j < 7; ++j)
      mean += test.v.at({1, j, e}) / 7;
    EXPECT_NEAR(results.out.at({1, 2, 4, e}), mean, 1e-15);
  }
  EXPECT_NEAR(results.lse->at({1, 2, 4}), std::log(7), 1e-15);
  EXPECT_NEAR(results.entropy->at({1, 2, 4}), std::log(7), 1e-15);
  EXPECT_EQ(results.max->at({1, 2, 4}), 0);
  for (int64_t k = 0; k < 3; ++k) {
    EXPECT_EQ(results.topKIndices->at({1, 2, 4, k}), k) << "ties go to the lower key";
    EXPECT_NEAR(results.topKValues->at({1, 2, 4, k}), 1.0 / 7, 1e-16);
  }
}

TEST(Evaluate, one_key_is_copied) {
  TestProblem test({2, 3, 5, 1, 4, 6});
  Results results = test.evaluateOrFail().results;
  EXPECT_EQ(results.out.at({1, 0, 3, 5}), test.v.at({1, 0, 5}));
  EXPECT_EQ(results.weights->at({1, 0, 3, 0}), 1);
  EXPECT_EQ(results.entropy->at({1, 0, 3}), 0);
  EXPECT_EQ(results.lse->at({1, 0, 3}), results.max->at({1, 0, 3}));
  EXPECT_EQ(results.topKIndices->at({1, 0, 3, 0}), 0);
  EXPECT_EQ(results.topKIndices->at({1, 0, 3, 1}), -1) << "fewer keys than k";
  EXPECT_EQ(results.topKValues->at({1, 0, 3, 1}), 0);
}

// Identical values: out is that value whatever the scores, even far beyond what exp can hold.
TEST(Evaluate, identical_values_are_their_own_mean) {
  TestProblem test;
  std::fill(test.v.values.begin(), test.v.values.end(), 0.75);
  test.problem.scale = 1e6;
  Evaluation evaluation = test.evaluateOrFail();
  for (double value : evaluation.results.out.values)
    EXPECT_NEAR(value, 0.75, 1e-15);
  for (double value : evaluation.results.lse->values)
    EXPECT_TRUE(std::isfinite(value));
}

// GQA: the query heads of a group read the same K and V, so equal queries give equal results; Dv need not be D.
TEST(Evaluate, head_groups_share_keys_and_widths_differ) {
  TestProblem test({2, 3, 5, 7, 8, 3});
  for (int64_t i = 0; i < 5; ++i)
    for (int64_t d = 0; d < 8; ++d)
      test.q.at({0, 2, i, d}) = test.q.at({0, 0, i, d});
  Results results = test.evaluateOrFail().results;
  EXPECT_EQ(results.out.sizes, std::vector<int64_t>({2, 3, 5, 3}));
  for (int64_t e = 0; e < 3; ++e) {
    EXPECT_EQ(results.out.at({0, 2, 4, e}), results.out.at({0, 0, 4, e}));
    EXPECT_NE(results.out.at({0, 1, 4, e}), results.out.at({0, 0, 4, e}));
  }
}

// Layouts are maps: Q as [i, d, b, g], V as a slice of K's tensor (absorbed MLA), out as [e, g, b, i].
TEST(Evaluate, layouts_are_views) {
  TestProblem test({2, 3, 5, 7, 8, 3});
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t j = 0; j < 7; ++j)
      for (int64_t e = 0; e < 3; ++e)
        test.v.at({b, j, e}) = test.k.at({b, j, e + 2});
  Tensor expected = test.evaluateOrFail().results.out;

  Tensor q({5, 8, 2, 3});
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t g = 0; g < 3; ++g)
      for (int64_t i = 0; i < 5; ++i)
        for (int64_t d = 0; d < 8; ++d)
          q.at({i, d, b, g}) = test.q.at({b, g, i, d});
  test.problem.query = operandOf(q, {2, 4, 0, 1});
  test.problem.value = {{test.k.values.data() + 2, {3, 2, 7}, {1, 56, 8}}, {5, 0, 3}};
  test.problem.outLoops = {5, 1, 0, 2};
  test.problem.lse = std::vector<unsigned>{2, 0, 1};
  Results results = test.evaluateOrFail().results;
  EXPECT_EQ(results.out.sizes, std::vector<int64_t>({3, 3, 2, 5}));
  EXPECT_EQ(results.lse->sizes, std::vector<int64_t>({5, 2, 3}));
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t g = 0; g < 3; ++g)
      for (int64_t i = 0; i < 5; ++i)
        for (int64_t e = 0; e < 3; ++e)
          EXPECT_EQ(results.out.at({e, g, b, i}), expected.at({b, g, i, e}));
}

// Bahdanau: sum_d v_d * tanh(q_d + k_d), v an element operand over d.
TEST(Evaluate, additive_similarity) {
  TestProblem test({1, 1, 2, 3, 5, 2});
  Tensor v = randomTensor({5}, 77);
  test.problem.scale = 1;
  test.problem.similarityOperands = {operandOf(v, {4})};
  test.problem.similarity = [](double q, double k, Values values, Position) { return values[0] * std::tanh(q + k); };
  Results results = test.evaluateOrFail().results;
  for (int64_t i = 0; i < 2; ++i) {
    double sum = 0, scores[3];
    for (int64_t j = 0; j < 3; ++j) {
      scores[j] = 0;
      for (int64_t d = 0; d < 5; ++d)
        scores[j] += v.at({d}) * std::tanh(test.q.at({0, 0, i, d}) + test.k.at({0, j, d}));
      sum += std::exp(scores[j]);
    }
    for (int64_t j = 0; j < 3; ++j)
      EXPECT_NEAR(results.weights->at({0, 0, i, j}), std::exp(scores[j]) / sum, 1e-15);
  }
}

// Score operands over (g, j), a slope from the position (ALiBi), a soft cap: after scale, in natural units.
TEST(Evaluate, score_callback_sees_scaled_scores_values_and_positions) {
  TestProblem test;
  Tensor bias = randomTensor({3, 7}, 5);
  test.problem.scoreOperands = {operandOf(bias, {1, 3})};
  test.problem.loops[2].offset = 100;
  test.problem.loops[3].offset = 40;
  test.problem.score = [](double s, Values values, Position position) {
    EXPECT_EQ(position[4], kNoPosition);
    EXPECT_EQ(position[5], kNoPosition);
    return 2 * std::tanh(s / 2) + values[0] + 0.01 * (position[3] - position[2]);
  };
  test.problem.normalizer = Normalizer::Identity;
  test.problem.lse = test.problem.max = test.problem.entropy = std::nullopt;
  Results results = test.evaluateOrFail().results;
  double s = 0;
  for (int64_t d = 0; d < 4; ++d)
    s += 0.5 * test.q.at({1, 2, 3, d}) * test.k.at({1, 6, d});
  EXPECT_NEAR(results.weights->at({1, 2, 3, 6}), 2 * std::tanh(s / 2) + bias.at({2, 6}) + 0.01 * (46 - 103), 1e-15);
}

TEST(Evaluate, similarity_callback_sees_the_position_along_d) {
  TestProblem test;
  test.problem.loops[4].offset = 10;
  test.problem.scale = 1;
  test.problem.similarity = [](double, double, Values, Position position) {
    EXPECT_EQ(position[5], kNoPosition);
    return double(position[4]);
  };
  EXPECT_EQ(test.evaluateOrFail().results.max->at({0, 0, 0}), 10 + 11 + 12 + 13);
}

// Causal, whole and as the lower right quarter of a larger problem seen through views and offsets.
TEST(Evaluate, causal_mask_by_position_and_offsets) {
  TestProblem test({1, 1, 8, 8, 4, 6});
  test.problem.mask = [](Values, Position position) { return position[3] <= position[2]; };
  Results whole = test.evaluateOrFail().results;
  for (int64_t e = 0; e < 6; ++e)
    EXPECT_EQ(whole.out.at({0, 0, 0, e}), test.v.at({0, 0, e}));
  for (int64_t j = 0; j < 8; ++j)
    EXPECT_EQ(whole.weights->at({0, 0, 3, j}) > 0, j <= 3);

  Problem part = test.problem;
  part.loops[2] = {3, 5};
  part.query.view.sizes[2] = 3;
  part.query.view.data += 5 * 4;
  std::string error;
  std::optional<Evaluation> lower = evaluate(part, error);
  ASSERT_TRUE(lower) << error;
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t e = 0; e < 6; ++e)
      EXPECT_EQ(lower->results.out.at({0, 0, i, e}), whole.out.at({0, 0, i + 5, e}));
}

// Documents: two mask operands, ids over (b,i) and (b,j).
TEST(Evaluate, mask_operands) {
  TestProblem test({2, 1, 4, 4, 4, 6});
  Tensor rowIds({2, 4}), keyIds({2, 4});
  rowIds.values = {0, 0, 1, 1, 5, 6, 6, 6};
  keyIds.values = {0, 1, 1, 0, 6, 5, 5, 6};
  test.problem.maskOperands = {operandOf(rowIds, {0, 2}), operandOf(keyIds, {0, 3})};
  test.problem.mask = [](Values values, Position) { return values[0] == values[1]; };
  Results results = test.evaluateOrFail().results;
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t i = 0; i < 4; ++i)
      for (int64_t j = 0; j < 4; ++j)
        EXPECT_EQ(results.weights->at({b, 0, i, j}) > 0, rowIds.at({b, i}) == keyIds.at({b, j}));
}

TEST(Evaluate, sigmoid_and_identity) {
  for (Normalizer normalizer : {Normalizer::Sigmoid, Normalizer::Identity}) {
    TestProblem test({}, 3, normalizer);
    Results results = test.evaluateOrFail().results;
    double expected = 0;
    for (int64_t j = 0; j < 7; ++j) {
      double s = 0;
      for (int64_t d = 0; d < 4; ++d)
        s += 0.5 * test.q.at({1, 2, 3, d}) * test.k.at({1, j, d});
      double weight = normalizer == Normalizer::Sigmoid ? 1 / (1 + std::exp(-s)) : s;
      EXPECT_NEAR(results.weights->at({1, 2, 3, j}), weight, 1e-15);
      expected += weight * test.v.at({1, j, 4});
    }
    EXPECT_NEAR(results.out.at({1, 2, 3, 4}), expected, 1e-14);
    EXPECT_FALSE(results.lse);
  }
}

// A sink takes weight, counts in lse, and neither in max nor in the entropy's sum over keys.
TEST(Evaluate, sink_is_a_key_without_value) {
  TestProblem test({1, 1, 1, 2, 4, 6}, 1, Normalizer::SoftmaxSink);
  std::fill(test.q.values.begin(), test.q.values.end(), 0);
  test.sink.values = {std::log(2.0)};
  Results results = test.evaluateOrFail().results;
  EXPECT_NEAR(results.weights->at({0, 0, 0, 1}), 0.25, 1e-15);
  EXPECT_NEAR(results.lse->at({0, 0, 0}), std::log(4.0), 1e-15);
  EXPECT_EQ(results.max->at({0, 0, 0}), 0);
  EXPECT_NEAR(results.entropy->at({0, 0, 0}), 0.5 * std::log(4.0), 1e-15);
  EXPECT_NEAR(results.out.at({0, 0, 0, 3}), 0.25 * (test.v.at({0, 0, 3}) + test.v.at({0, 1, 3})), 1e-15);
}

TEST(Evaluate, topk_ranks_by_score_even_where_weights_underflow) {
  TestProblem test({1, 1, 1, 5, 1, 1});
  test.problem.scale = 1;
  test.q.values = {1};
  test.k.values = {-3000, 0, -2000, -1000, -2000};
  Results results = test.evaluateOrFail().results;
  EXPECT_EQ(results.topKIndices->values, std::vector<int64_t>({1, 3, 2}));
  EXPECT_EQ(results.topKValues->values, std::vector<double>({1, 0, 0}));
}

TEST(Evaluate, facts_for_the_budget) {
  TestProblem test({1, 1, 1, 3, 2, 2});
  test.problem.scale = -2;
  test.q.values = {1, -1};
  test.k.values = {3, 1, 0, 5, 100, 100};
  test.v.values = {1, -8, 4, kInf, 1000, 1000};
  test.problem.mask = [](Values, Position position) { return position[3] < 2; };
  Evaluation evaluation = test.evaluateOrFail();
  ASSERT_EQ(evaluation.rows.size(), 1u);
  EXPECT_EQ(evaluation.rows[0].keptKeys, 2);
  EXPECT_EQ(evaluation.rows[0].magnitude, 10);
  EXPECT_EQ(evaluation.valueMagnitude.values, std::vector<double>({4, 8}));
  EXPECT_EQ(evaluation.infinityWeight.values[0], kInf);
  EXPECT_EQ(evaluation.infinityWeight.values[1], evaluation.results.weights->values[1]);
}
