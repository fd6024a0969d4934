// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the machine can do at most, measured: multiply-adds in registers, and reads from memory. Speeds of kernels are
// stated as shares of these, because clock rates and memory speed differ from hour to hour on shared machines.
// Compiled with -O2 in every preset.
#include "attn-c/Runtime.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <immintrin.h>
#include <omp.h>
#include <sys/mman.h>

using Clock = std::chrono::steady_clock;

static double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Twelve independent chains: two multiply-add units with a latency of four need eight, and twelve fit in 16 registers.
constexpr int kChains = 12;
constexpr int kSteps = 40000;

// The fixed point of x * m + c is 1: values neither overflow nor become subnormal. The empty statements keep the
// compiler from folding the steps of a chain.
__attribute__((target("avx512f"))) static void burstAvx512() {
  __m512 x[kChains], m = _mm512_set1_ps(0.999f), c = _mm512_set1_ps(0.001f);
  for (auto &value : x)
    value = _mm512_set1_ps(1);
  for (int step = 0; step < kSteps; ++step) {
#pragma unroll
    for (int i = 0; i < kChains; ++i)
      x[i] = _mm512_fmadd_ps(x[i], m, c);
#pragma unroll
    for (int i = 0; i < kChains; ++i)
      asm volatile("" : "+v"(x[i]));
  }
}

// Products of pairs of zeros: the instruction takes as long whatever it multiplies.
__attribute__((target("avx512f,avx512bf16"))) static void burstAvx512Bf16() {
  __m512 x[kChains];
  for (auto &value : x)
    value = _mm512_set1_ps(1);
  auto pairs = (__m512bh)_mm512_setzero_si512();
  asm volatile("" : "+v"(pairs));
  for (int step = 0; step < kSteps; ++step) {
#pragma unroll
    for (int i = 0; i < kChains; ++i)
      x[i] = _mm512_dpbf16_ps(x[i], pairs, pairs);
#pragma unroll
    for (int i = 0; i < kChains; ++i)
      asm volatile("" : "+v"(x[i]));
  }
}

__attribute__((target("avx2,fma"))) static void burstAvx2() {
  __m256 x[kChains], m = _mm256_set1_ps(0.999f), c = _mm256_set1_ps(0.001f);
  for (auto &value : x)
    value = _mm256_set1_ps(1);
  for (int step = 0; step < kSteps; ++step) {
#pragma unroll
    for (int i = 0; i < kChains; ++i)
      x[i] = _mm256_fmadd_ps(x[i], m, c);
#pragma unroll
    for (int i = 0; i < kChains; ++i)
      asm volatile("" : "+x"(x[i]));
  }
}

static void burstSse2() {
  __m128 x[kChains], m = _mm_set1_ps(0.999f), c = _mm_set1_ps(0.001f);
  for (auto &value : x)
    value = _mm_set1_ps(1);
  for (int step = 0; step < kSteps; ++step) {
#pragma unroll
    for (int i = 0; i < kChains; ++i)
      x[i] = _mm_add_ps(_mm_mul_ps(x[i], m), c);
#pragma unroll
    for (int i = 0; i < kChains; ++i)
      asm volatile("" : "+x"(x[i]));
  }
}

namespace {
struct Burst {
  void (*run)();
  int products; // of one instruction
  const char *name;
};
} // namespace

static Burst chooseBurst() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f"))
    return {burstAvx512, 16, "avx512f"};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return {burstAvx2, 8, "avx2+fma"};
  return {burstSse2, 4, "sse2"};
}

const char *attn_peak_instruction_set(void) { return chooseBurst().name; }

/// Seconds that the slowest of the pinned threads takes for `work(thread)`, the best of `repetitions`.
template <typename Work> static double bestSeconds(int threads, int repetitions, Work work) {
  double best = 1e300, slowest = 0;
#pragma omp parallel num_threads(threads)
  {
    attn_pin_thread(omp_get_thread_num());
    for (int repetition = 0; repetition < repetitions; ++repetition) {
#pragma omp barrier
      Clock::time_point start = Clock::now();
      work(omp_get_thread_num());
      double seconds = secondsSince(start);
#pragma omp critical
      slowest = std::max(slowest, seconds);
#pragma omp barrier
#pragma omp single
      {
        best = std::min(best, slowest);
        slowest = 0;
      }
    }
  }
  return best;
}

/// Operations per second; a product and the addition of it count two.
static double measurePeak(const Burst &burst, int32_t threads, int32_t repetitions) {
  threads = std::max(threads, 1);
  double seconds = bestSeconds(threads, std::max(repetitions, 1), [&](int) { burst.run(); });
  return 2.0 * burst.products * kChains * kSteps * threads / seconds;
}

double attn_measure_peak_f32(int32_t threads, int32_t repetitions) {
  return measurePeak(chooseBurst(), threads, repetitions);
}

double attn_measure_peak_bf16(int32_t threads, int32_t repetitions) {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512bf16"))
    return 0;
  return measurePeak({burstAvx512Bf16, 32, "avx512bf16"}, threads, repetitions);
}

/// Reads `bytes` bytes, a multiple of 512, in order.
__attribute__((target("avx"))) static void readAvx(const char *data, size_t bytes) {
  __m256 sums[8] = {};
  for (size_t at = 0; at < bytes; at += 512)
#pragma unroll
    for (int i = 0; i < 16; ++i)
      sums[i % 8] = _mm256_or_ps(sums[i % 8], _mm256_load_ps(reinterpret_cast<const float *>(data + at + 32 * i)));
  for (auto &sum : sums)
    asm volatile("" : "+x"(sum));
}

static void readSse2(const char *data, size_t bytes) {
  __m128 sums[8] = {};
  for (size_t at = 0; at < bytes; at += 512)
#pragma unroll
    for (int i = 0; i < 32; ++i)
      sums[i % 8] = _mm_or_ps(sums[i % 8], _mm_load_ps(reinterpret_cast<const float *>(data + at + 16 * i)));
  for (auto &sum : sums)
    asm volatile("" : "+x"(sum));
}

double attn_measure_read_bandwidth(int32_t threads, size_t bytes, int32_t repetitions) {
  threads = std::max(threads, 1);
  constexpr size_t kPage = size_t(2) << 20;
  size_t share = std::max(bytes / threads / kPage, size_t(1)) * kPage;
  auto *data = static_cast<char *>(std::aligned_alloc(kPage, share * threads));
  if (!data)
    return 0;
  // With small pages the limit would be the translation of addresses: a quarter less than memory delivers.
  (void)madvise(data, share * threads, MADV_HUGEPAGE);
  std::memset(data, 1, share * threads); // untouched pages would all be one page of zeros
  __builtin_cpu_init();
  auto *read = __builtin_cpu_supports("avx") ? readAvx : readSse2;
  double seconds =
      bestSeconds(threads, std::max(repetitions, 1), [&](int thread) { read(data + share * thread, share); });
  std::free(data);
  return static_cast<double>(share) * threads / seconds;
}
