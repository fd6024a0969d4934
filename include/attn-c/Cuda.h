/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * Starts kernels of attn-c/Gpu.h by NVIDIA's driver. The driver is looked for when a device is opened, not when a
 * program is linked or loaded: a program that uses this also starts where there is no GPU, and is told so. C99; link
 * AttnRuntime.
 *
 *   attn_cuda *device;
 *   if (attn_cuda_open(0, &device) != ATTN_OK) puts(attn_cuda_message());
 *   attn_gpu_call call = {ATTN_ABI_VERSION, 0, attn_cuda_launch, device, stream, attn_cuda_choose, NULL, 0};
 *
 * For decoding, workers and a workspace beside them: attn_cuda_workers(device), and NAME_workspace_size() of that.
 */
#ifndef ATTN_C_CUDA_H
#define ATTN_C_CUDA_H

#include "attn-c/Gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A device with its primary context and the images that were loaded there. Calls may come from several threads. */
typedef struct attn_cuda attn_cuda;

/* Opens the index-th device. ATTN_ERROR_DEVICE where there is no driver or no such device. */
int32_t attn_cuda_open(int32_t index, attn_cuda **device);
/* Unloads its images and gives the context back. Null is allowed. */
void attn_cuda_close(attn_cuda *device);

/* An attn_gpu_launch: device is an attn_cuda, stream a CUstream (null: the default stream). It returns when the kernel
 * is queued. An image is loaded when a kernel of it is first started, and stays. */
int32_t attn_cuda_launch(void *device, const attn_gpu_kernel *kernel, int64_t blocks, void *const *arguments,
                         void *stream);

/* An attn_gpu_choose: the kernel compiled for this device, else the one for the newest of the older chips whose code it
 * runs and whose shared memory it has. -1 where there is none: the message names the device and what there is. */
int32_t attn_cuda_choose(void *device, const attn_gpu_kernel *const *kernels, int32_t count);

/* Multiprocessors of the device: what attn_gpu_call.workers should be. */
int32_t attn_cuda_workers(const attn_cuda *device);

/* Memory of the device, for programs that have no library of their own for it. Copies wait for all work before them. */
int32_t attn_cuda_allocate(attn_cuda *device, size_t bytes, void **address);
void attn_cuda_free(attn_cuda *device, void *address);
int32_t attn_cuda_copy_to_device(attn_cuda *device, void *to, const void *from, size_t bytes);
int32_t attn_cuda_copy_to_host(attn_cuda *device, void *to, const void *from, size_t bytes);

/* What went wrong in this thread's last call that failed; a text of this thread. */
const char *attn_cuda_message(void);

#ifdef __cplusplus
}
#endif

#endif /* ATTN_C_CUDA_H */
