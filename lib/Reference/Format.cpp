// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Reference/Format.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace attn::reference;

double FloatFormat::unit() const { return std::ldexp(1.0, -precision); }

double FloatFormat::largest() const { return std::ldexp(2.0 - std::ldexp(1.0, 1 - precision), maxExponent); }

double FloatFormat::smallest() const { return std::ldexp(1.0, minExponent); }

double attn::reference::roundTo(const FloatFormat &format, double value) {
  if (value == 0 || !std::isfinite(value))
    return value;
  // Spacing of the format around value; scaling by a power of two is exact, and nearbyint rounds ties to even.
  int exponent = std::max(std::ilogb(value), format.minExponent);
  int spacing = exponent - format.precision + 1;
  double rounded = std::ldexp(std::nearbyint(std::ldexp(value, -spacing)), spacing);
  if (std::fabs(rounded) > format.largest())
    return std::copysign(std::numeric_limits<double>::infinity(), value);
  return rounded;
}
