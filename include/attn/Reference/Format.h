// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Binary floating-point formats narrower than double: what a kernel stores and where it rounds.
#ifndef ATTN_REFERENCE_FORMAT_H
#define ATTN_REFERENCE_FORMAT_H

namespace attn::reference {

/// A format with `precision` significant bits (the hidden one included) and normal numbers from 2^minExponent to just
/// below 2^(maxExponent + 1).
struct FloatFormat {
  int precision, minExponent, maxExponent;

  /// Unit round-off of round-to-nearest: 2^-precision.
  double unit() const;
  /// Largest finite and smallest positive normal value.
  double largest() const;
  double smallest() const;
};

constexpr FloatFormat kF64{53, -1022, 1023};
constexpr FloatFormat kF32{24, -126, 127};
constexpr FloatFormat kF16{11, -14, 15};
constexpr FloatFormat kBF16{8, -126, 127};

/// `value` rounded to the format: to nearest, ties to even, with subnormals, and to infinity beyond `largest`. NaN and
/// infinities stay. Inputs of a kernel with narrow operands are made this way, so that both sides see equal numbers.
double roundTo(const FloatFormat &format, double value);

} // namespace attn::reference

#endif // ATTN_REFERENCE_FORMAT_H
