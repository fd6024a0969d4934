/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Calls the kernel on sizes that fit no tile and compares with the definition in double precision. */
#include "gated.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { B = 2, N = 37, M = 53, D = 32, DV = 48 };

static float q[B][N][D], k[B][M][D], v[B][M][DV], out[B][N][DV];

/* Even numbers in (-1, 1), the same every time. */
static void fill(float *values, size_t count) {
  static unsigned state = 1;
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float)(state >> 8) / (1 << 23) - 1.0f;
  }
}

int main(void) {
  fill(&q[0][0][0], sizeof(q) / sizeof(float));
  fill(&k[0][0][0], sizeof(k) / sizeof(float));
  fill(&v[0][0][0], sizeof(v) / sizeof(float));
#define VIEW(ARRAY, ROWS, WIDTH)                                                                                       \
  {                                                                                                                    \
    &ARRAY[0][0][0], {B, ROWS, WIDTH}, {ROWS * WIDTH, WIDTH, 1}                                                        \
  }
  attn_view3_f32 queries = VIEW(q, N, D), keys = VIEW(k, M, D), values = VIEW(v, M, DV), result = VIEW(out, N, DV);
  size_t bytes = gated_workspace_size(1);
  attn_call call = {ATTN_ABI_VERSION, 1, malloc(bytes), bytes, NULL, NULL};
  int32_t status = gated(&call, &queries, &keys, &values, &result);
  free(call.workspace);
  if (status != ATTN_OK) {
    fprintf(stderr, "check: %s\n", attn_status_message(status));
    return 1;
  }

  double worst = 0;
  for (int b = 0; b < B; ++b)
    for (int i = 0; i < N; ++i)
      for (int e = 0; e < DV; ++e) {
        /* A score errs by D + 2 roundings of `size`, its square by twice that and one more; the sum over j has at most
         * M more. 2^-24 is a rounding of f32. */
        double sum = 0, allowed = 0;
        for (int j = 0; j <= i + M - N; ++j) {
          double score = 0, size = 0;
          for (int d = 0; d < D; ++d) {
            score += 0.25 * q[b][i][d] * k[b][j][d];
            size += fabs(0.25 * q[b][i][d] * k[b][j][d]);
          }
          double error = (D + 2) * 0x1p-24 * size, weight = score > 0 ? score * score : 0;
          sum += weight * v[b][j][e];
          if (score > -error)
            allowed += (2 * fabs(score) * error + error * error + (M + 1) * 0x1p-24 * weight) * fabs(v[b][j][e]);
        }
        worst = fmax(worst, fabs(out[b][i][e] - sum) / allowed);
      }
  printf("%d numbers, worst error %.3f of what rounding allows\n", B * N * DV, worst);
  return worst <= 1 ? 0 : 1;
}
