/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Calls a kernel by the launcher, once in each of two ways that it must refuse, then as it should be called. */
#include "attend.h"

#include "attn-c/Cuda.h"

#include <stdio.h>

int main(void) {
  attn_cuda *device;
  static uint16_t data[70 * 256];
  attn_view4_f16 view = {data, {1, 1, 70, 256}, {70 * 256, 70 * 256, 256, 1}};
  int32_t status = attn_cuda_open(0, &device);
  if (status != ATTN_OK) {
    puts(attn_cuda_message());
    return 1;
  }
  attn_gpu_call call = {ATTN_ABI_VERSION, 0, attn_cuda_launch, device, NULL, NULL, NULL, 0};
  printf("%s\n", attend_description());
  printf("without call: %d\n", attend(NULL, &view, &view, &view, &view));
  printf("without choose: %d\n", attend(&call, &view, &view, &view, &view));
  call.choose = attn_cuda_choose;
  call.abi_version = 7;
  printf("other version: %d\n", attend(&call, &view, &view, &view, &view));
  call.abi_version = ATTN_ABI_VERSION;
  status = attend(&call, &view, &view, &view, &view);
  printf("status %d\n", status);
  if (status != ATTN_OK)
    puts(attn_cuda_message());
  attn_cuda_close(device);
  return 0;
}
