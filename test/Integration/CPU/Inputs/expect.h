/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* EXPECT for C programs that test an interface: says what did not hold, and counts it. */
#ifndef EXPECT_H
#define EXPECT_H

#include <stdio.h>

static int failures;
#define EXPECT(CONDITION)                                                                                              \
  do {                                                                                                                 \
    if (!(CONDITION)) {                                                                                                \
      printf("line %d: expected %s\n", __LINE__, #CONDITION);                                                          \
      ++failures;                                                                                                      \
    }                                                                                                                  \
  } while (0)

#endif /* EXPECT_H */
