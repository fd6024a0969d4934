// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random inputs that are the same on every machine, in every tool and in every language that can multiply 64-bit
// integers: element `index` of stream `seed` is a pure function of the two numbers.
#ifndef ATTN_REFERENCE_RANDOM_H
#define ATTN_REFERENCE_RANDOM_H

#include <cstdint>

namespace attn::reference {

/// The finaliser of splitmix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"): a
/// bijection of 64-bit words whose output bits all depend on all input bits.
constexpr uint64_t mixBits(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

/// Word `index` (from 0) of the splitmix64 sequence that starts at `seed`.
constexpr uint64_t randomBits(uint64_t seed, uint64_t index) {
  return mixBits(seed + (index + 1) * 0x9E3779B97F4A7C15ull);
}

/// Element `index` of stream `seed`, uniform on [-1, 1): the upper 24 bits of the word as a multiple of 2^-23, so the
/// value is exact in f32 and the mean is -2^-24.
constexpr float randomUniform(uint64_t seed, uint64_t index) {
  return static_cast<float>(static_cast<int64_t>(randomBits(seed, index) >> 40) - (int64_t(1) << 23)) * 0x1p-23f;
}

/// The seed of the stream for operand number `operand` of a run with seed `seed` (query 0, key 1, value 2, then the
/// element operands in the order similarity, score, mask, normalizer), so that operands do not share values.
constexpr uint64_t operandSeed(uint64_t seed, uint64_t operand) { return mixBits(seed ^ mixBits(operand + 1)); }

/// One stream, read in order.
class Random {
public:
  explicit Random(uint64_t seed) : seed(seed) {}

  uint64_t bits() { return randomBits(seed, index++); }
  float uniform() { return randomUniform(seed, index++); }

private:
  uint64_t seed;
  uint64_t index = 0;
};

} // namespace attn::reference

#endif // ATTN_REFERENCE_RANDOM_H
