// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What passes and what does not: NaN, infinities, exemptions, ranks.
#include "attn/Reference/Compare.h"
#include "attn/Reference/Budget.h"

#include "TestProblem.h"

#include <cfloat>

using namespace attn::reference;

namespace {

Tensor vectorOf(std::vector<double> values) {
  Tensor tensor({int64_t(values.size())});
  tensor.values = std::move(values);
  return tensor;
}

/// The tolerance of out for one row over the given scores and values.
double toleranceOf(std::vector<double> scores, std::vector<double> values, const KernelModel &model = {},
                   Normalizer normalizer = Normalizer::Softmax) {
  TestProblem test({1, 1, 1, int64_t(scores.size()), 1, 1}, 1, normalizer);
  test.problem.scale = 1;
  test.q.values[0] = 1;
  std::copy(scores.begin(), scores.end(), test.k.values.begin());
  std::copy(values.begin(), values.end(), test.v.values.begin());
  return tolerances(test.problem, test.evaluateOrFail(), model).out.values[0];
}

} // namespace

TEST(Compare, ratio_place_and_counts) {
  Tensor reference({2, 3}), tolerance({2, 3}, 0.5), computed({2, 3});
  computed.values = {0, 0.25, -0.5, 0, 0, 1};
  tolerance.values[0] = kInf;
  Comparison result = compare(reference, tolerance, computed);
  EXPECT_FALSE(result.passed());
  EXPECT_EQ(result.compared, 5);
  EXPECT_EQ(result.exempt, 1);
  EXPECT_EQ(result.exceeded, 1);
  EXPECT_EQ(result.worstRatio, 2);
  EXPECT_EQ(result.worstIndex, std::vector<int64_t>({1, 2}));
  EXPECT_EQ(result.describe(), "FAILED: 5 compared, 1 exempt, 1 beyond tolerance (0 NaN or Inf); worst ratio 2 "
                               "at [1, 2]: expected 0, got 1, tolerance 0.5");
  computed.values[5] = 0.5;
  EXPECT_TRUE(compare(reference, tolerance, computed).passed());
}

TEST(Compare, non_finite_values_match_exactly) {
  const double values[] = {1, kNaN, kInf, -kInf};
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      Comparison result = compare(vectorOf({values[i]}), vectorOf({10}), vectorOf({values[j]}));
      EXPECT_EQ(result.passed(), i == j);
      EXPECT_EQ(result.nonFiniteMismatches, i != j);
      EXPECT_TRUE(compare(vectorOf({values[i]}), vectorOf({kInf}), vectorOf({values[j]})).passed());
    }
}

TEST(Compare, a_tolerance_of_zero_asks_for_equality) {
  EXPECT_TRUE(compare(vectorOf({0}), vectorOf({0}), vectorOf({-0.0})).passed());
  EXPECT_FALSE(compare(vectorOf({0}), vectorOf({0}), vectorOf({1e-300})).passed());
}

TEST(Compare, strided_f32_results_are_gathered) {
  const float buffer[] = {1, -1, 2, -1, 3, -1, 4, -1, 5, -1, 6, -1};
  EXPECT_EQ(Tensor::copyOf(buffer, {2, 3}, {6, 2}).values, std::vector<double>({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(Tensor::copyOf(buffer, {3, 2}, {2, 6}).values, std::vector<double>({1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(Tensor::copyOf(buffer, {}, {}).values, std::vector<double>({1}));
}

TEST(Compare, infinities_of_v_are_exempt_only_where_weights_underflow) {
  EXPECT_EQ(toleranceOf({0, -5}, {1, kInf}), 0) << "an infinity is demanded";
  EXPECT_EQ(toleranceOf({0, -80}, {1, kInf}), 0) << "e^-80 is 2^-115";
  EXPECT_EQ(toleranceOf({0, -90}, {1, kInf}), kInf) << "e^-90 is 2^-130";
  EXPECT_EQ(toleranceOf({0, -90}, {1, kNaN}), 0) << "a NaN stays one whatever it is multiplied with";
  KernelModel half;
  half.weight = kF16;
  EXPECT_EQ(toleranceOf({0, -20}, {1, kInf}, half), kInf) << "e^-20 is 2^-29, which f16 has not";
}

TEST(Compare, results_may_overflow_only_near_the_end_of_the_range) {
  EXPECT_LT(toleranceOf({0, 0}, {FLT_MAX / 4, 1}), kInf);
  EXPECT_EQ(toleranceOf({0, 0}, {FLT_MAX / 1.5, 1}), kInf) << "the sum before division";
  EXPECT_EQ(toleranceOf({0}, {FLT_MAX}), kInf);
  EXPECT_EQ(toleranceOf({3e38, 0}, {1, 1}), kInf) << "the score times log2(e)";
  KernelModel half = KernelModel::narrow(kF16);
  EXPECT_EQ(toleranceOf({0}, {65500}, half), kInf);
  EXPECT_LT(toleranceOf({0}, {60000}, half), kInf);
}

TEST(Compare, rows_without_keys_are_exact) {
  TestProblem test;
  test.problem.mask = [](Values, Position) { return false; };
  Evaluation evaluation = test.evaluateOrFail();
  Results tolerance = tolerances(test.problem, evaluation);
  for (double value : tolerance.out.values)
    EXPECT_EQ(value, 0);
  Tensor lse(evaluation.results.lse->sizes, -FLT_MAX);
  EXPECT_FALSE(compare(*evaluation.results.lse, *tolerance.lse, lse).passed()) << "-inf, not a large number";
}

TEST(Compare, rows_without_keys_are_exempt_where_scores_overflow_on_their_way_to_minus_infinity) {
  TestProblem test({1, 1, 1, 2, 1, 1});
  test.q.values[0] = 1;
  test.problem.scale = 1;
  test.problem.score = [](double s, Values, Position) { return s - kInf; };
  auto toleranceOfAll = [&](const std::vector<double> &scores) {
    std::copy(scores.begin(), scores.end(), test.k.values.begin()); // the problem views them
    Evaluation evaluation = test.evaluateOrFail();
    EXPECT_EQ(evaluation.rows[0].keptKeys, 0);
    return tolerances(test.problem, evaluation);
  };
  Results tolerance = toleranceOfAll({1, 1e39});
  for (const Tensor &result : {tolerance.out, *tolerance.lse, *tolerance.max, *tolerance.entropy, *tolerance.weights})
    for (double value : result.values)
      EXPECT_EQ(value, kInf) << "+inf - inf in the kernel";
  EXPECT_EQ(toleranceOfAll({1, -1e4}).out.values[0], 0);
  // What the mask drops is not computed at all.
  test.problem.mask = [](Values, Position position) { return position[3] == 0; };
  EXPECT_EQ(toleranceOfAll({1, 1e39}).out.values[0], 0);
}

TEST(Compare, topk_accepts_another_order_of_near_equals_only) {
  TestProblem test({1, 1, 1, 4, 1, 1});
  test.problem.scale = 1;
  test.q.values = {1};
  test.k.values = {1, 1 + 1e-9, 0.5, -1};
  Evaluation evaluation = test.evaluateOrFail();
  Results tolerance = tolerances(test.problem, evaluation);
  Tensor values = *evaluation.results.topKValues;
  IndexTensor indices = *evaluation.results.topKIndices;
  auto passes = [&] { return compareTopK(test.problem, evaluation, tolerance, values, indices).passed(); };
  EXPECT_EQ(indices.values, std::vector<int64_t>({1, 0, 2}));
  EXPECT_TRUE(passes());
  indices.values = {0, 1, 2};
  EXPECT_TRUE(passes()) << "e^1 and e^(1 + 1e-9) are one f32";
  for (std::vector<int64_t> wrong : {std::vector<int64_t>{1, 1, 2}, {1, 0, 3}, {1, 2, 0}, {1, 0, -1}, {1, 0, 4}}) {
    indices.values = wrong;
    EXPECT_FALSE(passes());
  }
  indices.values = {0, 1, 2};
  values.values[2] *= 1.001;
  EXPECT_FALSE(passes());
}
