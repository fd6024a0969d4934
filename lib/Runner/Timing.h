// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_LIB_RUNNER_TIMING_H
#define ATTN_LIB_RUNNER_TIMING_H

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/raw_ostream.h"

namespace attn {

/// A limit of the machine that kernels are judged by.
struct Peak {
  const char *name;
  /// Operations per second of so many pinned threads: the best of so many bursts.
  double (*measure)(int32_t threads, int32_t repetitions);
};

/// The peak of products of bf16 pairs where `ofBf16` and the machine has it, else that of f32.
Peak choosePeak(bool ofBf16);

struct Timing {
  /// Best time of a call over all rounds that count, in seconds.
  double seconds = 0;
  /// The machine's peak with as many pinned threads, in operations per second: the best of the same rounds.
  double peak = 0;
  /// Rounds that count, and all.
  int rounds = 0, attempts = 0;
};

/// Times `call` on `threads` threads: rounds of peak, calls, peak, in which a round counts when the two peaks differ by
/// at most 3 percent. Stops after `wanted` such rounds, or after five times as many of all kinds.
Timing measure(llvm::function_ref<void()> call, const Peak &peak, int threads, int wanted);

/// Prints one line: bytes a second when a call moves `bytes` of views, as a share of the read bandwidth of as many
/// pinned threads, measured here and now.
void printBandwidth(llvm::raw_ostream &os, const Timing &timing, double bytes, int threads);

/// Prints one line: time, speed and share of the peak for `usefulFlops` operations (0: unknown), or why there is none.
/// Returns whether enough rounds counted.
bool printTiming(llvm::raw_ostream &os, const Timing &timing, double usefulFlops, const Peak &peak, int threads,
                 int wanted);

} // namespace attn

#endif // ATTN_LIB_RUNNER_TIMING_H
