// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The online softmax that the CPU target compiles, one row at a time in plain C++ and float: the same roundings in the
// same order, without tiles of rows. It exists to hold docs/Numerics.md against arithmetic, faults included.
#ifndef ATTN_UNITTESTS_REFERENCE_SIMULATEDKERNEL_H
#define ATTN_UNITTESTS_REFERENCE_SIMULATEDKERNEL_H

#include "attn/Reference/Format.h"

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <vector>

namespace attn::reference {

/// Mistakes that a compiled kernel might make.
enum class Fault {
  None,
  DropsLastKey,       ///< the loop over keys ends one early
  ReadsOneKeyTwice,   ///< an off-by-one bound at a tile border visits key 64 (or the last one) again
  SkipsOneRescale,    ///< acc, but not l, misses one alpha
  StaleMaximum,       ///< p is taken against the maximum before this tile
  ForgetsScaleOfTail, ///< the last key's score lacks log2(e)
  WeightsInHalf,      ///< p is rounded to f16 on the way to V
};

/// Rows of Q (n x depth), K (m x depth), V (m x width), dense, with their results.
struct SimulatedKernel {
  int64_t keyTile = 64;
  Fault fault = Fault::None;
  /// Rounding of p before it meets V and of out.
  FloatFormat weight = kF32, out = kF32;

  struct Row {
    std::vector<float> out;
    float lse, max;
  };

  /// 2^x for x <= 0, degree 5 after rounding to the nearest integer; total, and exactly 1 at 0.
  static float exp2(float x) {
    x = x > -160.0f ? x : (x != x ? x : -160.0f);
    float whole = std::nearbyint(x), f = x - whole;
    float p = 1.3264738736e-3f;
    for (float coefficient : {9.6715166674e-3f, 5.5507337528e-2f, 2.4022242024e-1f, 6.9314697757e-1f, 1.0f})
      p = std::fma(p, f, coefficient);
    return std::ldexp(p, x == x ? static_cast<int>(whole) : 0);
  }

  Row run(const float *q, const float *k, const float *v, int64_t numKeys, int64_t depth, int64_t width,
          double scale) const {
    const float log2E = 1.4426950408889634f;
    const float factor = static_cast<float>(scale * 1.4426950408889634);
    std::vector<float> scaled(depth), acc(width, 0.0f), s(keyTile), p(keyTile);
    for (int64_t d = 0; d < depth; ++d)
      scaled[d] = q[d] * factor;
    float m = -INFINITY, l = 0;
    bool skipped = false;
    int64_t end = numKeys - (fault == Fault::DropsLastKey ? 1 : 0);
    int64_t again = fault == Fault::ReadsOneKeyTwice ? 1 : 0;
    for (int64_t begin = 0; begin < end; begin += keyTile) {
      int64_t count = std::min(keyTile, end - begin);
      for (int64_t j = 0; j < count; ++j) {
        s[j] = 0;
        for (int64_t d = 0; d < depth; ++d)
          s[j] = std::fma(scaled[d], k[(begin + j) * depth + d], s[j]);
        if (fault == Fault::ForgetsScaleOfTail && begin + j == numKeys - 1)
          s[j] /= log2E;
      }
      float old = m;
      for (int64_t j = 0; j < count; ++j)
        m = s[j] > m ? s[j] : m;
      float base = m > -FLT_MAX ? m : -FLT_MAX;
      float alpha = exp2(old - base);
      float against = fault == Fault::StaleMaximum && begin > 0 ? old : base;
      float sum = 0;
      for (int64_t j = 0; j < count; ++j) {
        p[j] = exp2Any(s[j] - against);
        sum += p[j];
      }
      l = std::fma(l, alpha, sum);
      float accAlpha = alpha;
      if (fault == Fault::SkipsOneRescale && begin > 0 && alpha != 1 && !skipped) {
        accAlpha = 1;
        skipped = true;
      }
      for (int64_t e = 0; e < width; ++e) {
        acc[e] *= accAlpha;
        for (int64_t j = 0; j < count; ++j) {
          float stored = fault == Fault::WeightsInHalf ? float(roundTo(kF16, p[j])) : p[j];
          if (weight.precision < kF32.precision)
            stored = float(roundTo(weight, p[j]));
          acc[e] = std::fma(stored, v[(begin + j) * width + e], acc[e]);
        }
        if (again && (begin == keyTile || end <= keyTile)) {
          acc[e] = std::fma(p[0], v[begin * width + e], acc[e]);
          l += e == 0 ? p[0] : 0;
        }
      }
    }
    Row row;
    float inverse = l > 0 ? 1 / l : (l == l ? 0.0f : l);
    for (float value : acc)
      row.out.push_back(float(roundTo(out, value * inverse)));
    row.max = m * 0.6931471805599453f;
    row.lse = l > 0 ? row.max + std::log(l) : (l == l ? -INFINITY : l);
    return row;
  }

private:
  /// exp2 also for positive arguments: a stale maximum leads there.
  static float exp2Any(float x) { return x > 0 ? std::exp2(x) : exp2(x); }
};

} // namespace attn::reference

#endif // ATTN_UNITTESTS_REFERENCE_SIMULATEDKERNEL_H
