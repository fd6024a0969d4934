// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn-c/Runtime.h"

#include "gtest/gtest.h"

#include <atomic>
#include <string>
#include <vector>

namespace {
/// Counts runs of each task, and finds two tasks that run under one worker number at once.
struct Counter {
  explicit Counter(int64_t tasks, int32_t workers) : runs(tasks), busy(workers) {}

  static void run(void *context, int64_t task, int32_t worker) {
    auto &self = *static_cast<Counter *>(context);
    ASSERT_GE(worker, 0);
    ASSERT_LT(worker, static_cast<int32_t>(self.busy.size()));
    EXPECT_EQ(self.busy[worker].fetch_add(1), 0);
    self.runs[task].fetch_add(1);
    self.busy[worker].fetch_sub(1);
  }

  std::vector<std::atomic<int>> runs, busy;
};

void expectEachOnce(int64_t tasks, attn_openmp_pool pool) {
  Counter counter(tasks, pool.workers);
  attn_openmp_parallel_for(&pool, tasks, Counter::run, &counter);
  for (auto &runs : counter.runs)
    EXPECT_EQ(runs.load(), 1);
}
} // namespace

TEST(OpenMPPool, RunsEachTaskOnce) {
  for (int32_t workers : {1, 2, 5})
    for (int64_t tasks : {0, 1, 3, 1000})
      expectEachOnce(tasks, {workers, 0});
}

TEST(OpenMPPool, RunsPinned) { expectEachOnce(100, {attn_cpu_count() + 1, 1}); }

TEST(OpenMPPool, NoPoolIsOneWorker) {
  Counter counter(7, 1);
  attn_openmp_parallel_for(nullptr, 7, Counter::run, &counter);
  for (auto &runs : counter.runs)
    EXPECT_EQ(runs.load(), 1);
}

TEST(OpenMPPool, Nests) {
  attn_openmp_pool outer{2, 0};
  std::atomic<int> calls{0};
  attn_openmp_parallel_for(
      &outer, 4,
      [](void *context, int64_t, int32_t) {
        expectEachOnce(50, {3, 0});
        static_cast<std::atomic<int> *>(context)->fetch_add(1);
      },
      &calls);
  EXPECT_EQ(calls.load(), 4);
}

TEST(Machine, MeasuresItself) {
  ASSERT_GE(attn_cpu_count(), 1);
  EXPECT_EQ(attn_pin_thread(attn_cpu_count()), 0);
  // Below any machine that runs this and above any there is: catches units and uncounted lanes.
  double peak = attn_measure_peak_f32(1, 3);
  EXPECT_GT(peak, 1e8);
  EXPECT_LT(peak, 1e12);
  // 0, twice as much (AMD) or half of it (Intel starts one product of pairs in two cycles).
  double pairs = attn_measure_peak_bf16(1, 3);
  EXPECT_TRUE(pairs == 0 || (pairs > 0.25 * peak && pairs < 8 * peak)) << pairs << " beside " << peak;
  double bandwidth = attn_measure_read_bandwidth(1, 8 << 20, 3);
  EXPECT_GT(bandwidth, 1e8);
  EXPECT_LT(bandwidth, 1e13);
  EXPECT_FALSE(std::string(attn_peak_instruction_set()).empty());
}
