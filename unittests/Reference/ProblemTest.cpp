// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Malformed problems are refused with the reason.
#include "TestProblem.h"

using namespace attn::reference;

namespace {

/// The error for the default problem after `spoil`.
template <typename Spoil> std::string errorAfter(Spoil spoil, Normalizer normalizer = Normalizer::Softmax) {
  TestProblem test({}, 1, normalizer);
  spoil(test.problem);
  std::string error;
  EXPECT_FALSE(evaluate(test.problem, error));
  return error;
}

} // namespace

TEST(Problem, loops_are_classified_by_use) {
  TestProblem test;
  std::string error;
  std::optional<LoopClasses> classes = classifyLoops(test.problem, error);
  ASSERT_TRUE(classes) << error;
  EXPECT_EQ(classes->batch, std::vector<unsigned>({0}));
  EXPECT_EQ(classes->row, std::vector<unsigned>({1, 2}));
  EXPECT_EQ(classes->key, 3u);
  EXPECT_EQ(classes->d, 4u);
  EXPECT_EQ(classes->e, 5u);
}

TEST(Problem, a_loop_of_no_kind_is_refused) {
  EXPECT_EQ(errorAfter([](Problem &p) { p.loops.push_back({1, 0}); }),
            "loop 6 expects to be used as batch (QKVO), row (QO), key (KV), d (QK) or e (VO), got no use");
  // Out over a batch loop that V lacks.
  EXPECT_EQ(errorAfter([](Problem &p) { p.value = {{p.value.view.data, {7, 6}, {6, 1}}, {3, 5}}; }),
            "loop 0 expects to be used as batch (QKVO), row (QO), key (KV), d (QK) or e (VO), got QKO");
}

TEST(Problem, there_is_one_loop_of_each_single_kind) {
  static const double zeros[256] = {};
  auto twoKeys = [](Problem &p) {
    p.loops.push_back({2, 0});
    p.key = {{zeros, {2, 7, 4, 2}, {0, 0, 0, 0}}, {0, 3, 4, 6}};
    p.value = {{zeros, {2, 7, 6, 2}, {0, 0, 0, 0}}, {0, 3, 5, 6}};
  };
  EXPECT_EQ(errorAfter(twoKeys), "expects exactly one key loop, got 2");
  auto twoDepths = [](Problem &p) {
    p.loops.push_back({2, 0});
    p.query = {{zeros, {2, 3, 5, 4, 2}, {0, 0, 0, 0, 0}}, {0, 1, 2, 4, 6}};
    p.key = {{zeros, {2, 7, 4, 2}, {0, 0, 0, 0}}, {0, 3, 4, 6}};
  };
  EXPECT_EQ(errorAfter(twoDepths), "expects exactly one d loop, got 2");
  auto noRow = [](Problem &p) {
    p.loops = {{7, 0}, {4, 0}, {6, 0}};
    p.query = {{zeros, {4}, {1}}, {1}};
    p.key = {{zeros, {7, 4}, {4, 1}}, {0, 1}};
    p.value = {{zeros, {7, 6}, {6, 1}}, {0, 2}};
    p.outLoops = {2};
  };
  EXPECT_EQ(errorAfter(noRow), "expects at least one row loop, got none");
}

TEST(Problem, operands_fit_their_loops) {
  EXPECT_EQ(errorAfter([](Problem &p) { p.key.view.sizes[1] = 8; }),
            "'key' expects size 7 in dimension 1 (loop 3), got 8");
  EXPECT_EQ(errorAfter([](Problem &p) { p.key.loops = {0, 3, 3}; }), "'key' expects each loop once, got [0, 3, 3]");
  EXPECT_EQ(errorAfter([](Problem &p) { p.outLoops = {0, 1, 2, 9}; }), "'out' expects loop numbers below 6, got 9");
  EXPECT_EQ(errorAfter([](Problem &p) { p.value.view.strides.pop_back(); }),
            "'value' expects one size, one stride and one loop per dimension, got 3, 2 and 3");
  EXPECT_EQ(errorAfter([](Problem &p) { p.query.view.data = nullptr; }), "'query' expects data, got none");
  EXPECT_EQ(errorAfter([](Problem &p) { p.loops[3].extent = -1; }), "loop 3 expects an extent of at least 0, got -1");
}

TEST(Problem, element_operands_keep_to_the_loops_of_their_role) {
  Tensor overDepth({4});
  EXPECT_EQ(errorAfter([&](Problem &p) { p.scoreOperands = {operandOf(overDepth, {4})}; }),
            "'score operand 0' expects loops out of [0, 1, 2, 3], got 4");
  Tensor overKeys({7});
  EXPECT_EQ(errorAfter([&](Problem &p) { p.normalizerOperands = {operandOf(overKeys, {3})}; }, Normalizer::SoftmaxSink),
            "'normalizer operand 0' expects loops out of [0, 1, 2], got 3");
}

TEST(Problem, normalizers_have_their_operands_and_results) {
  EXPECT_EQ(errorAfter([](Problem &p) { p.normalizerOperands.clear(); }, Normalizer::SoftmaxSink),
            "normalizer 'softmax_sink' expects 1 normalizer operands, got 0");
  for (Normalizer normalizer : {Normalizer::Sigmoid, Normalizer::Identity}) {
    std::string name = normalizer == Normalizer::Sigmoid ? "sigmoid" : "identity";
    std::vector<unsigned> rows = {0, 1, 2};
    EXPECT_EQ(errorAfter([&](Problem &p) { p.lse = rows; }, normalizer),
              "normalizer '" + name + "' does not define result 'lse'");
    EXPECT_EQ(errorAfter([&](Problem &p) { p.max = rows; }, normalizer),
              "normalizer '" + name + "' does not define result 'max'");
    EXPECT_EQ(errorAfter([&](Problem &p) { p.entropy = rows; }, normalizer),
              "normalizer '" + name + "' does not define result 'entropy'");
  }
}

TEST(Problem, results_use_all_loops_of_their_kind) {
  EXPECT_EQ(errorAfter([](Problem &p) { p.lse = std::vector<unsigned>{0, 2}; }),
            "'lse' expects the loops [0, 1, 2] in any order, got [0, 2]");
  EXPECT_EQ(errorAfter([](Problem &p) { p.weights = std::vector<unsigned>{0, 1, 2, 4}; }),
            "'weights' expects the loops [0, 1, 2, 3] in any order, got [0, 1, 2, 4]");
  EXPECT_EQ(errorAfter([](Problem &p) { p.topK->count = 0; }), "'top-k' expects k of at least 1, got 0");
}
