/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* A libcuda.so.1 with one device that computes nothing: FAKE_CHIP is its compute capability (90), FAKE_SHARED the
 * shared memory of a block. It says which image is loaded and what is started. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int get(const char *name) {
  const char *value = getenv(name);
  return value ? atoi(value) : 0;
}

int cuInit(unsigned flags) { return (int)flags; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGet(int *device, int index) { return *device = index, 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 75   ? get("FAKE_CHIP") / 10
           : attribute == 76 ? get("FAKE_CHIP") % 10
           : attribute == 16 ? 7
                             : get("FAKE_SHARED");
  return device != 0 || (attribute != 75 && attribute != 76 && attribute != 97 && attribute != 16);
}
int cuDevicePrimaryCtxRetain(void **context, int device) { return *context = NULL, device; }
int cuDevicePrimaryCtxRelease_v2(int device) { return device; }
int cuCtxSetCurrent(void *context) { return context != NULL; }
int cuModuleLoadData(void **module, const void *image) {
  const char *target = strstr(image, ".target sm_");
  if (target)
    printf("loads PTX, %.*s\n", (int)strcspn(target, "\n"), target);
  else
    printf("loads machine code, %d\n", memcmp(image, "\177ELF", 4));
  return *module = (void *)image, 0;
}
int cuModuleUnload(void *module) { return module == NULL; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  printf("finds %s\n", name);
  return *function = module, 0;
}
int cuFuncSetAttribute(void *function, int attribute, int value) {
  return function == NULL || attribute != 8 || value > get("FAKE_SHARED");
}
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty, unsigned tz,
                   unsigned shared, void *stream, void **arguments, void **extra) {
  printf("starts %u blocks of %u, %u bytes shared\n", x * y * z, threads * ty * tz, shared);
  return function == NULL || stream != NULL || arguments == NULL || extra != NULL;
}
int cuMemAlloc_v2(uint64_t *address, size_t bytes) { return *address = (uint64_t)(uintptr_t)malloc(bytes), 0; }
int cuMemFree_v2(uint64_t address) { return free((void *)(uintptr_t)address), 0; }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
  return memcpy((void *)(uintptr_t)to, from, bytes), 0;
}
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
  return memcpy(to, (const void *)(uintptr_t)from, bytes), 0;
}
int cuGetErrorString(int error, const char **text) { return *text = error ? "refused" : "none", 0; }
