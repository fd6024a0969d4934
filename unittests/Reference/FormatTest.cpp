// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Reference/Format.h"

#include "TestProblem.h"

#include <cfloat>

using namespace attn::reference;

TEST(Format, f32_agrees_with_the_hardware) {
  EXPECT_EQ(kF32.largest(), double(FLT_MAX));
  EXPECT_EQ(kF32.smallest(), double(FLT_MIN));
  EXPECT_EQ(kF32.unit(), 0x1p-24);
  Random random(3);
  for (int exponent = -152; exponent <= 128; ++exponent)
    for (int i = 0; i < 50; ++i) {
      double x = std::ldexp(random.uniform() + 0x1p-25 * random.uniform(), exponent);
      EXPECT_EQ(roundTo(kF32, x), double(float(x))) << x;
    }
}

TEST(Format, ties_go_to_even_and_overflow_to_infinity) {
  EXPECT_EQ(roundTo(kBF16, 1 + 0x1p-8), 1);
  EXPECT_EQ(roundTo(kBF16, 1 + 0x3p-8), 1 + 0x1p-6);
  EXPECT_EQ(roundTo(kF16, 65519), 65504);
  EXPECT_EQ(roundTo(kF16, 65520), kInf);
  EXPECT_EQ(roundTo(kF16, -65520), -kInf);
  EXPECT_EQ(roundTo(kF16, 0x1p-24), 0x1p-24);
  EXPECT_EQ(roundTo(kF16, 0x1p-25), 0);
  EXPECT_TRUE(std::isnan(roundTo(kF16, kNaN)));
}
