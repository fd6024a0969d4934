/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The C interface of an attention kernel for a GPU: that of Abi.h with another first argument.
 *
 *   int32_t NAME(const attn_gpu_call *call, <inputs and scalars in order>, <outputs in order>);
 *
 * Views are those of Abi.h with data in memory of the device; NAME makes all checks of Abi.h that concern views, on the
 * host, then calls call->launch once, or twice on one stream. It allocates nothing and needs no library: the launch
 * function knows the driver.
 *
 * Few query rows (decoding) are few blocks, which leave most of a device idle. With call->workers, the number of its
 * multiprocessors, keys are divided among blocks, whose states a second kernel merges in the order of the keys:
 * results are equal bit by bit for equal inputs, sizes and workers. Their states lie in the workspace, of
 * NAME_workspace_size(workers) bytes, which is 0 of 0 or 1 workers and of kernels that divide nothing.
 *
 * One object may hold a kernel for several chips (attn-compile --chip=sm_80,sm_90), each with a plan of its own: each
 * call then asks call->choose which of them the device is to run.
 */
#ifndef ATTN_GPU_H
#define ATTN_GPU_H

#include "attn-c/Abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Beside attn_status: the device or its driver refuses. The launch function knows why (attn_cuda_message()). */
#define ATTN_ERROR_DEVICE 11

/* A compiled kernel, valid as long as the object that it is in. */
typedef struct attn_gpu_kernel {
  const char *name;     /* of the function in the image */
  const void *image;    /* what cuModuleLoadData takes: PTX, ended by a zero, or machine code */
  int64_t image_bytes;  /* its size, of PTX with the zero; 0 where there is none, as for an emulator */
  int64_t threads;      /* of a block */
  int64_t shared_bytes; /* of a block, given at the launch */
  int32_t chip;         /* what it was compiled for, 10 * major + minor of the compute capability: 90 is sm_90 */
  int32_t is_ptx; /* 1: PTX, for this chip and all later ones; 0: machine code, for later ones of its major only */
} attn_gpu_kernel;

/* Which of `count` kernels, one function compiled for several chips, the device is to run: an index, or -1 where it can
 * run none. Sizes of the call do not matter. device is that of the call, untouched. */
typedef int32_t (*attn_gpu_choose)(void *device, const attn_gpu_kernel *const *kernels, int32_t count);

/* Starts `blocks` blocks of a kernel on a stream and returns an attn_status; arguments holds the address of each. The
 * memory that arguments lie in is only valid during the call, kernel and image stay. device and stream are those of the
 * call, untouched. */
typedef int32_t (*attn_gpu_launch)(void *device, const attn_gpu_kernel *kernel, int64_t blocks, void *const *arguments,
                                   void *stream);

/* How to start one kernel. The struct may be reused for any number of calls and kernels. */
typedef struct attn_gpu_call {
  int32_t abi_version;    /* ATTN_ABI_VERSION */
  int32_t workers;        /* multiprocessors of the device; 0 or 1: keys are not divided */
  attn_gpu_launch launch; /* starts kernels; null is ATTN_ERROR_NULL */
  void *device;           /* handed to launch and choose */
  void *stream;           /* handed to launch */
  attn_gpu_choose choose; /* of a kernel for several chips, where null is ATTN_ERROR_NULL; else not looked at */
  void *workspace;        /* memory of the device, of any alignment, for this call alone until its kernels are done */
  size_t workspace_bytes; /* at least NAME_workspace_size(workers) */
} attn_gpu_call;

#ifdef __cplusplus
}
#endif

#endif /* ATTN_GPU_H */
