// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Timing.h"

#include "attn-c/Runtime.h"

#include "llvm/Support/Format.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

using namespace attn;

/// Calls are repeated within a round for this long, so that one interruption does not spoil it.
static constexpr double kSecondsPerRound = 0.02;
/// Bursts of a peak measurement, 0.1 ms each.
static constexpr int kPeakBursts = 8;
static constexpr double kPeakTolerance = 0.03;
/// Short calls are timed in batches of at least this long: the clock ticks in tens of nanoseconds.
static constexpr double kSecondsPerBatch = 2e-5;

static double getTime() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Peak attn::choosePeak(bool ofBf16) {
  if (ofBf16 && attn_measure_peak_bf16(1, 1) > 0)
    return {"avx512bf16", attn_measure_peak_bf16};
  return {attn_peak_instruction_set(), attn_measure_peak_f32};
}

Timing attn::measure(llvm::function_ref<void()> call, const Peak &peak, int threads, int wanted) {
  Timing timing;
  timing.seconds = std::numeric_limits<double>::infinity();
  attn_pin_thread(0);
  call(); // pages and caches
  double begin = getTime();
  call();
  double once = getTime() - begin;
  int batch = once < kSecondsPerBatch ? static_cast<int>(kSecondsPerBatch / std::max(once, 1e-8)) + 1 : 1;
  while (timing.rounds < wanted && timing.attempts < 5 * wanted) {
    ++timing.attempts;
    double before = peak.measure(threads, kPeakBursts);
    double best = std::numeric_limits<double>::infinity();
    for (double first = getTime(), end = first; end - first < kSecondsPerRound;) {
      double start = getTime();
      for (int i = 0; i < batch; ++i)
        call();
      end = getTime();
      best = std::min(best, (end - start) / batch);
    }
    double after = peak.measure(threads, kPeakBursts);
    if (std::fabs(before - after) > kPeakTolerance * std::max(before, after))
      continue;
    ++timing.rounds;
    timing.seconds = std::min(timing.seconds, best);
    timing.peak = std::max({timing.peak, before, after});
  }
  return timing;
}

bool attn::printTiming(llvm::raw_ostream &os, const Timing &timing, double usefulFlops, const Peak &peak, int threads,
                       int wanted) {
  os << "time: ";
  if (timing.rounds < wanted) {
    os << "no result: the machine's peak moved by more than 3% in " << timing.attempts - timing.rounds << " of "
       << timing.attempts << " rounds\n";
    return false;
  }
  os << llvm::format("%.2f us", timing.seconds * 1e6);
  if (usefulFlops > 0) {
    double speed = usefulFlops / timing.seconds;
    os << llvm::format(", %.1f GF/s of useful flops, %.1f%%", speed * 1e-9, 100 * speed / timing.peak)
       << llvm::format(" of the measured %s peak %.1f GF/s", peak.name, timing.peak * 1e-9);
  } else {
    os << llvm::format(", peak %.1f GF/s", timing.peak * 1e-9);
  }
  os << " (" << threads << (threads == 1 ? " thread" : " threads") << ", best of " << timing.rounds << " rounds, "
     << timing.attempts - timing.rounds << " discarded)\n";
  return true;
}

void attn::printBandwidth(llvm::raw_ostream &os, const Timing &timing, double bytes, int threads) {
  // Several times any last-level cache share of a core.
  constexpr size_t kBufferBytes = size_t(256) << 20;
  double limit = attn_measure_read_bandwidth(threads, kBufferBytes, /*repetitions=*/8);
  double speed = bytes / timing.seconds;
  os << "memory: " << llvm::format("%.2f MB of views, %.1f GB/s", bytes * 1e-6, speed * 1e-9)
     << llvm::format(", %.1f%% of the measured read bandwidth %.1f GB/s", 100 * speed / limit, limit * 1e-9) << '\n';
}
