/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Calls attention kernels with sizes that agree and sizes that do not. */
#include "attention.h"
#include "expect.h"

#include <stdlib.h>

enum { D = 8, FLOATS = 1 << 14 };

/* A dense [batch, heads, rows, D] view of `data`. */
static attn_view4_f32 view(float *data, int64_t batch, int64_t heads, int64_t rows) {
  attn_view4_f32 v = {NULL, {0}, {0}};
  v.data = data;
  v.sizes[0] = batch, v.sizes[1] = heads, v.sizes[2] = rows, v.sizes[3] = D;
  v.strides[0] = heads * rows * D, v.strides[1] = rows * D, v.strides[2] = D, v.strides[3] = 1;
  return v;
}

int main(void) {
  float *in = calloc(FLOATS, sizeof(float)), *out = malloc(FLOATS * sizeof(float));
  size_t bytes = grouped_workspace_size(1);
  attn_call call = {ATTN_ABI_VERSION, 1, NULL, 0, NULL, NULL};
  attn_view4_f32 q = view(in, 2, 4, 9), k = view(in, 2, 2, 11), v = view(in, 2, 2, 11), o;
  int i;
  if (single_workspace_size(1) > bytes)
    bytes = single_workspace_size(1);
  call.workspace = malloc(bytes);
  call.workspace_bytes = bytes;

  for (i = 0; i < FLOATS; ++i)
    out[i] = 7.0f;
  /* Too few rows, too many, another batch: the rows are the result's, whatever the memory would hold. */
  o = view(out, 2, 4, 3);
  EXPECT(grouped(&call, &q, &k, &v, &o) == ATTN_ERROR_SHAPE);
  o = view(out, 2, 4, 10);
  EXPECT(grouped(&call, &q, &k, &v, &o) == ATTN_ERROR_SHAPE);
  o = view(out, 1, 4, 9);
  EXPECT(grouped(&call, &q, &k, &v, &o) == ATTN_ERROR_SHAPE);
  /* Inputs that disagree. */
  o = view(out, 2, 4, 9);
  v = view(in, 2, 2, 10);
  EXPECT(grouped(&call, &q, &k, &v, &o) == ATTN_ERROR_SHAPE);
  v = view(in, 1, 2, 11);
  EXPECT(grouped(&call, &q, &k, &v, &o) == ATTN_ERROR_SHAPE);
  for (i = 0; i < FLOATS; ++i)
    EXPECT(out[i] == 7.0f);

  /* Zero values give zero rows, and nothing beyond them. */
  v = view(in, 2, 2, 11);
  EXPECT(grouped(&call, &q, &k, &v, &o) == ATTN_OK);
  for (i = 0; i < FLOATS; ++i)
    EXPECT(out[i] == (i < 2 * 4 * 9 * D ? 0.0f : 7.0f));

  /* Loops of one iteration. */
  q = view(in, 1, 1, 5), k = view(in, 1, 1, 6), v = k, o = view(out, 1, 1, 4);
  EXPECT(single(&call, &q, &k, &v, &o) == ATTN_ERROR_SHAPE);
  o = view(out, 1, 1, 5);
  EXPECT(single(&call, &q, &k, &v, &o) == ATTN_OK);

  printf("%d failures\n", failures);
  free(in), free(out), free(call.workspace);
  return failures != 0;
}
