// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Split keys: states of ranges, merged in any grouping, say what evaluate says.
#include "attn/Reference/Partial.h"

#include "TestProblem.h"

using namespace attn::reference;

namespace {

constexpr Normalizer kAll[] = {Normalizer::Softmax, Normalizer::SoftmaxSink, Normalizer::Sigmoid, Normalizer::Identity};

std::vector<RowState> statesOf(const Problem &problem, int64_t begin, int64_t end) {
  std::string error;
  std::optional<std::vector<RowState>> states = partialStates(problem, begin, end, error);
  EXPECT_TRUE(states) << error;
  return states ? *states : std::vector<RowState>();
}

std::vector<RowState> mergeAll(const std::vector<RowState> &a, const std::vector<RowState> &b, Normalizer normalizer) {
  std::vector<RowState> merged;
  for (size_t row = 0; row < a.size(); ++row)
    merged.push_back(merge(a[row], b[row], normalizer));
  return merged;
}

void expectNear(double found, double expected) {
  if (std::isfinite(expected))
    EXPECT_NEAR(found, expected, 1e-14 * std::max(1.0, std::fabs(expected)));
  else
    EXPECT_TRUE(found == expected || (std::isnan(found) && std::isnan(expected))) << found << " vs " << expected;
}

void expectStates(const std::vector<RowState> &found, const std::vector<RowState> &expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t row = 0; row < found.size(); ++row) {
    expectNear(found[row].max, expected[row].max);
    expectNear(found[row].sum, expected[row].sum);
    for (size_t e = 0; e < found[row].acc.size(); ++e)
      expectNear(found[row].acc[e], expected[row].acc[e]);
  }
}

void expectResults(const TestProblem &test, const std::vector<RowState> &states) {
  Results expected = test.evaluateOrFail().results;
  std::string error;
  std::optional<Results> found = finalize(test.problem, states, error);
  ASSERT_TRUE(found) << error;
  for (size_t i = 0; i < expected.out.values.size(); ++i)
    expectNear(found->out.values[i], expected.out.values[i]);
  if (!expected.lse)
    return;
  for (size_t i = 0; i < expected.lse->values.size(); ++i) {
    expectNear(found->lse->values[i], expected.lse->values[i]);
    expectNear(found->max->values[i], expected.max->values[i]);
  }
}

} // namespace

TEST(Partial, merging_is_associative_and_tells_the_whole) {
  for (Normalizer normalizer : kAll) {
    TestProblem test({2, 3, 4, 29, 5, 6}, 8, normalizer);
    test.problem.scale = 4; // weights of very different size
    // Key 0 is seen by no row, row 0 sees only keys of the middle part: neutral elements on both sides.
    test.problem.mask = [](Values, Position p) { return p[3] > 0 && (p[2] != 0 || (p[3] >= 9 && p[3] < 17)); };
    std::vector<RowState> a = statesOf(test.problem, 0, 9), b = statesOf(test.problem, 9, 17),
                          c = statesOf(test.problem, 17, 29), whole = statesOf(test.problem, 0, 29);
    std::vector<RowState> left = mergeAll(mergeAll(a, b, normalizer), c, normalizer);
    std::vector<RowState> right = mergeAll(a, mergeAll(b, c, normalizer), normalizer);
    std::vector<RowState> swapped = mergeAll(mergeAll(c, a, normalizer), b, normalizer);
    expectStates(left, right);
    expectStates(left, swapped);
    expectStates(left, whole);
    expectResults(test, left);
  }
}

TEST(Partial, an_empty_range_is_neutral) {
  for (Normalizer normalizer : kAll) {
    TestProblem test({}, 2, normalizer);
    std::vector<RowState> whole = statesOf(test.problem, 0, 7), none = statesOf(test.problem, 3, 3);
    expectStates(mergeAll(whole, none, normalizer), whole);
    expectStates(mergeAll(none, whole, normalizer), whole);
    expectStates(mergeAll(none, none, normalizer), none);
  }
}

TEST(Partial, rows_without_keys_finalize_to_zero) {
  TestProblem test({}, 2, Normalizer::SoftmaxSink);
  test.problem.mask = [](Values, Position p) { return p[2] != 1; };
  expectResults(test, statesOf(test.problem, 0, 7));
}

TEST(Partial, nan_and_infinity_survive_a_merge) {
  for (Normalizer normalizer : kAll) {
    TestProblem test({1, 1, 3, 6, 1, 2}, 2, normalizer);
    test.q.values = {1, kNaN, 2000};
    test.k.values = {1, -1, 0, 1, 0.5, 0};
    test.v.at({0, 1, 1}) = kInf; // its weight in row 2 underflows: e^-4000
    std::vector<RowState> merged = mergeAll(statesOf(test.problem, 0, 3), statesOf(test.problem, 3, 6), normalizer);
    expectResults(test, merged);
  }
  TestProblem spoilt({1, 1, 1, 4, 1, 2}, 2);
  spoilt.q.values = {1};
  spoilt.k.values = {0, kInf, 0, 0};
  expectResults(spoilt, mergeAll(statesOf(spoilt.problem, 0, 2), statesOf(spoilt.problem, 2, 4), Normalizer::Softmax));
}

TEST(Partial, misuse_is_refused) {
  TestProblem test;
  std::string error;
  EXPECT_FALSE(partialStates(test.problem, 2, 8, error));
  EXPECT_EQ(error, "expects a key range within [0, 7), got [2, 8)");
  EXPECT_FALSE(finalize(test.problem, {}, error));
  EXPECT_EQ(error, "expects 30 row states of width 6");
}
