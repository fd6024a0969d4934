// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A whole attention kernel under the emulator: numbers against float64 under all schedules, and one kernel for each way
// to get it wrong. The table at the end says which detector must see which mistake; "numbers" is the comparison with
// float64, for kernels that keep all rules and compute something else.
#include "FlashKernel.h"
#include "KernelFixture.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>
#include <set>

using namespace attn;
using namespace attn::test;
using emulator::Detector;
using emulator::Landing;

namespace {

struct Problem {
  int32_t heads, rowsN, keysM;
};

float toFloat(uint16_t bits, bool isBf16) {
  if (!isBf16)
    return fromHalf(bits);
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

struct Outcome {
  emulator::Report report;
  std::vector<uint16_t> out;
  /// Largest error over the largest allowed one.
  double error = 0;
};

class Flash {
public:
  Flash(const FlashShape &shape, Mutation mutation = Mutation::None)
      : shape(shape), kernel(makeFlashKernel(shape, mutation)) {}

  Outcome run(const Problem &problem, Landing landing, uint64_t seed) const {
    int64_t d = shape.headSize;
    std::mt19937 random(3);
    auto draw = [&](int64_t rows, float most) {
      std::vector<uint16_t> values(rows * d);
      for (uint16_t &value : values) {
        // Multiples of 1/64 up to 2; a score has a standard deviation near 1, so that maxima grow from tile to tile.
        float x = most * float(int(random() % 257) - 128) / 128;
        uint32_t wide;
        std::memcpy(&wide, &x, 4);
        value = shape.isBf16 ? uint16_t(wide >> 16) : toHalf(x);
      }
      return values;
    };
    std::vector<uint16_t> q = draw(int64_t(problem.heads) * problem.rowsN, 2),
                          k = draw(int64_t(problem.heads) * problem.keysM, 2),
                          v = draw(int64_t(problem.heads) * problem.keysM, 1);
    Outcome outcome;
    outcome.out.assign(q.size(), 0xffff);
    emulator::LaunchOptions options;
    options.grid = {int32_t((problem.rowsN + shape.rows() - 1) / shape.rows()), problem.heads, 1};
    options.block = {int32_t(shape.threads()), 1, 1};
    options.dynamicSharedBytes = shape.sharedBytes();
    options.landing = landing;
    options.seed = seed;
    for (std::vector<uint16_t> *in : {&q, &k, &v})
      options.buffers.push_back({in->data(), in->size() * 2, /*writable=*/false});
    options.buffers.push_back(over(outcome.out));
    outcome.report = kernel.run(options, {problem.rowsN, problem.keysM});
    compare(problem, q, k, v, outcome);
    return outcome;
  }

private:
  // |error| <= u (sum |p v| / l) for weights rounded to the input's type, u |o| for the result, u = 2^-11 or 2^-8 (f16
  // and bf16, to nearest), and a tenth of that for what happens in f32; sum |p v| / l <= max |v| = 1.
  void compare(const Problem &problem, const std::vector<uint16_t> &q, const std::vector<uint16_t> &k,
               const std::vector<uint16_t> &v, Outcome &outcome) const {
    int64_t d = shape.headSize;
    double allowed = 2.1 * std::ldexp(1.0, shape.isBf16 ? -9 : -11);
    std::vector<double> weights(problem.keysM), exact(d);
    for (int64_t head = 0; head < problem.heads; ++head)
      for (int64_t row = 0; row < problem.rowsN; ++row) {
        int64_t at = (head * problem.rowsN + row) * d, keys = head * problem.keysM * d;
        int64_t end = shape.isCausal ? std::min<int64_t>(row + 1, problem.keysM) : problem.keysM;
        double most = -INFINITY, sum = 0;
        for (int64_t key = 0; key < end; ++key) {
          double score = 0;
          for (int64_t i = 0; i < d; ++i)
            score += double(toFloat(q[at + i], shape.isBf16)) * toFloat(k[keys + key * d + i], shape.isBf16);
          weights[key] = score / std::sqrt(double(d));
          most = std::max(most, weights[key]);
        }
        std::fill(exact.begin(), exact.end(), 0);
        for (int64_t key = 0; key < end; ++key) {
          double weight = std::exp(weights[key] - most);
          sum += weight;
          for (int64_t i = 0; i < d; ++i)
            exact[i] += weight * toFloat(v[keys + key * d + i], shape.isBf16);
        }
        for (int64_t i = 0; i < d; ++i) {
          double error = std::fabs(toFloat(outcome.out[at + i], shape.isBf16) - exact[i] / sum) / allowed;
          outcome.error = std::isnan(error) ? INFINITY : std::max(outcome.error, error);
        }
      }
  }

  FlashShape shape;
  TestKernel kernel;
};

// Tails of N and M, several heads, and a tile that is the last one at once.
TEST(Flash, EqualsTheDefinitionUnderAllSchedules) {
  FlashShape f16, bf16Causal;
  f16.warps = 2;
  bf16Causal.warps = 2;
  bf16Causal.kvTile = 32;
  bf16Causal.isBf16 = bf16Causal.isCausal = true;
  for (const FlashShape &shape : {f16, bf16Causal}) {
    Flash flash(shape);
    for (const Problem &problem : {Problem{2, 45, 150}, Problem{1, 70, 70}, Problem{1, 7, 5}}) {
      std::vector<uint16_t> first;
      for (uint64_t seed = 0; seed < 3; ++seed) {
        Outcome outcome = flash.run(problem, seed % 2 ? Landing::Eager : Landing::Late, seed);
        EXPECT_TRUE(outcome.report.completed && outcome.report.findings.empty()) << outcome.report.getText();
        EXPECT_LE(outcome.error, 1);
        EXPECT_EQ(outcome.report.counters.bankConflicts, 0u);
        EXPECT_GT(outcome.report.counters.mma, 0u);
        // Nothing depends on who came first.
        if (seed)
          EXPECT_EQ(outcome.out, first);
        first = outcome.out;
      }
    }
  }
}

TEST(Flash, HeadSizeOf128) {
  FlashShape shape;
  shape.headSize = 128;
  shape.kvTile = 32;
  Outcome outcome = Flash(shape).run({1, 64, 96}, Landing::Late, 1);
  EXPECT_TRUE(outcome.report.completed && outcome.report.findings.empty()) << outcome.report.getText();
  EXPECT_LE(outcome.error, 1);
  EXPECT_EQ(outcome.report.counters.bankConflicts, 0u);
}

struct Mistake {
  const char *name;
  Mutation mutation;
  /// Name of a detector, "numbers" or "bank conflicts". It must see the mistake whatever the schedule.
  const char *caughtBy;
  bool isCausal = false;
};

const Mistake kMistakes[] = {
    {"DropBarrier", Mutation::DropBarrier, "race"},
    {"WaitTooShallow", Mutation::WaitTooShallow, "wait"},
    {"ForgetCommit", Mutation::ForgetCommit, "wait"},
    {"ReleaseEarly", Mutation::ReleaseEarly, "race"},
    {"WrongStage", Mutation::WrongStage, "wait"},
    {"UnevenSwizzle", Mutation::UnevenSwizzle, "numbers"},
    {"NoSwizzle", Mutation::NoSwizzle, "bank conflicts"},
    {"SwapWeights", Mutation::SwapWeights, "numbers"},
    {"SwapKeys", Mutation::SwapKeys, "numbers"},
    {"UntransposedValues", Mutation::UntransposedValues, "numbers"},
    {"StaleMaximum", Mutation::StaleMaximum, "numbers"},
    {"NoRescale", Mutation::NoRescale, "numbers"},
    {"HalfReduction", Mutation::HalfReduction, "numbers"},
    {"MissingKeyMask", Mutation::MissingKeyMask, "numbers"},
    {"MissingRowGuard", Mutation::MissingRowGuard, "out-of-bounds"},
    {"MissingLoadGuard", Mutation::MissingLoadGuard, "out-of-bounds"},
    {"CausalOffByOne", Mutation::CausalOffByOne, "numbers", true},
    {"TornShuffle", Mutation::TornShuffle, "divergence"},
    {"BarrierInBranch", Mutation::BarrierInBranch, "deadlock"},
    {"ForgetQueries", Mutation::ForgetQueries, "uninitialised"},
    {"MisalignedTile", Mutation::MisalignedTile, "misaligned"},
    {"SwappedBlockIndex", Mutation::SwappedBlockIndex, "numbers"},
};

class FlashMutation : public testing::TestWithParam<Mistake> {};

TEST_P(FlashMutation, IsCaught) {
  const Mistake &mistake = GetParam();
  FlashShape shape;
  shape.warps = 2;
  shape.kvTile = 32;
  shape.isCausal = mistake.isCausal;
  Flash flash(shape, mistake.mutation);
  std::set<std::string> caught;
  for (uint64_t seed = 0; seed < 3; ++seed) {
    Outcome outcome = flash.run({3, 41, 100}, seed % 2 ? Landing::Eager : Landing::Late, seed);
    std::set<std::string> now;
    for (const emulator::Finding &finding : outcome.report.findings)
      now.insert(getName(finding.detector));
    if (outcome.report.completed && !(outcome.error <= 1))
      now.insert("numbers");
    if (outcome.report.counters.bankConflicts)
      now.insert("bank conflicts");
    EXPECT_TRUE(now.count(mistake.caughtBy)) << "seed " << seed << ": " << outcome.report.getText();
    caught.insert(now.begin(), now.end());
  }
  std::string all;
  for (const std::string &name : caught)
    all += (all.empty() ? "" : ", ") + name;
  RecordProperty("caught-by", all);
  std::printf("%-18s caught by %s\n", mistake.name, all.c_str());
}

INSTANTIATE_TEST_SUITE_P(All, FlashMutation, testing::ValuesIn(kMistakes),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
