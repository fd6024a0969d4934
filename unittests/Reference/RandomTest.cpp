// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Reference/Random.h"

#include <gtest/gtest.h>

using namespace attn::reference;

// The first words of splitmix64 from seed 1234567, as computed by hand from its three constants in Python. Other
// languages that make the same inputs check against these numbers.
TEST(Random, words_of_a_known_seed) {
  Random random(1234567);
  EXPECT_EQ(random.bits(), 6457827717110365317ull);
  EXPECT_EQ(random.bits(), 3203168211198807973ull);
  EXPECT_EQ(random.bits(), 9817491932198370423ull);
}

TEST(Random, a_value_depends_only_on_seed_and_index) {
  Random random(7);
  for (uint64_t i = 0; i < 100; ++i)
    EXPECT_EQ(random.uniform(), randomUniform(7, i));
}

TEST(Random, uniform_fills_its_range_evenly) {
  double sum = 0, squares = 0;
  float low = 0, high = 0;
  constexpr int count = 100000;
  for (int i = 0; i < count; ++i) {
    float x = randomUniform(42, i);
    ASSERT_GE(x, -1.0f);
    ASSERT_LT(x, 1.0f);
    ASSERT_EQ(x * 0x1p23f, static_cast<float>(static_cast<int>(x * 0x1p23f))) << "not a multiple of 2^-23";
    sum += x;
    squares += double(x) * x;
    low = std::min(low, x);
    high = std::max(high, x);
  }
  EXPECT_NEAR(sum / count, 0, 0.01);
  EXPECT_NEAR(squares / count, 1.0 / 3, 0.01);
  EXPECT_LT(low, -0.999f);
  EXPECT_GT(high, 0.999f);
}

TEST(Random, operands_have_streams_of_their_own) {
  for (uint64_t operand = 1; operand < 8; ++operand)
    EXPECT_NE(operandSeed(1, operand), operandSeed(1, operand - 1));
  EXPECT_NE(operandSeed(1, 0), operandSeed(2, 0));
}
