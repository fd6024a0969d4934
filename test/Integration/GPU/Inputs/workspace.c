/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Calls a kernel that divides keys, with and without the workspace that it needs. */
#include "decode.h"

#include "attn-c/Cuda.h"

#include <stdio.h>
#include <stdlib.h>

static attn_cuda *device;
static attn_gpu_call call = {ATTN_ABI_VERSION, 0, attn_cuda_launch, NULL, NULL, attn_cuda_choose, NULL, 0};

static void make(const char *what) {
  static uint16_t data[400 * 32];
  static uint8_t flags[400];
  attn_view4_f16 q = {data, {1, 8, 1, 32}, {256, 32, 32, 1}};
  attn_view4_f16 k = {data, {1, 1, 400, 32}, {400 * 32, 400 * 32, 32, 1}};
  attn_view4_u8 mask = {flags, {1, 1, 1, 400}, {400, 400, 400, 1}};
  attn_view4_f16 out = {data, {1, 8, 1, 32}, {256, 32, 32, 1}};
  int32_t status = masked(&call, &q, &k, &k, &mask, &out);
  printf("%s: %d\n", what, status);
}

int main(void) {
  if (attn_cuda_open(0, &device) != ATTN_OK) {
    puts(attn_cuda_message());
    return 1;
  }
  int32_t workers = attn_cuda_workers(device);
  size_t bytes = masked_workspace_size(workers);
  printf("workers: %d\n", workers);
  printf("workspace %s, of one worker %d\n", bytes > 0 ? "yes" : "no", (int)masked_workspace_size(1));
  call.device = device;
  call.workers = -1;
  make("negative workers");
  call.workers = workers;
  call.workspace_bytes = bytes;
  make("no workspace");
  call.workspace = malloc(bytes);
  call.workspace_bytes = bytes - 1;
  make("small workspace");
  call.workspace_bytes = bytes;
  make("with workspace");
  call.workers = 1;
  call.workspace_bytes = 0;
  make("one worker");
  attn_cuda_close(device);
  free(call.workspace);
  return 0;
}
