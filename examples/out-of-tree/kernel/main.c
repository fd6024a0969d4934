/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Attends over 5 words whose keys are all alike: word i then receives the mean of the values 0 to i, which is i / 2. */
#include "attention.h"

#include <stdio.h>
#include <stdlib.h>

enum { H = 4, N = 5, D = 32 };

static float q[H][N][D], k[H][N][D], v[H][N][D], out[H][N][D];

int main(void) {
  for (int h = 0; h < H; ++h)
    for (int i = 0; i < N; ++i)
      for (int d = 0; d < D; ++d) {
        q[h][i][d] = (float)(i + d);
        k[h][i][d] = 0.125f;
        v[h][i][d] = (float)i;
      }
#define VIEW(ARRAY)                                                                                                    \
  {                                                                                                                    \
    &ARRAY[0][0][0], {1, H, N, D}, {H * N * D, N * D, D, 1}                                                            \
  }
  attn_view4_f32 queries = VIEW(q), keys = VIEW(k), values = VIEW(v), result = VIEW(out);
  size_t bytes = attention_workspace_size(1);
  attn_call call = {ATTN_ABI_VERSION, 1, malloc(bytes), bytes, NULL, NULL};
  int32_t status = attention(&call, &queries, &keys, &values, &result);
  free(call.workspace);
  if (status != ATTN_OK) {
    fprintf(stderr, "attend: %s\n", attn_status_message(status));
    return 1;
  }
  for (int i = 0; i < N; ++i)
    printf("word %d: %.3f\n", i, out[H - 1][i][D - 1]);
  return 0;
}
