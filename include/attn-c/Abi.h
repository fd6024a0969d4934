/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * The C interface of a compiled attention kernel: C99, needs nothing but <stddef.h> and <stdint.h>.
 *
 * A kernel NAME is a function of an object file:
 *
 *   int32_t NAME(const attn_call *call, <inputs, inouts and scalars in order>, <outputs in order>);
 *   size_t NAME_workspace_size(int32_t workers);
 *   size_t NAME_call_workspace_size(const attn_call *call, <the same arguments>);      (some kernels)
 *   int32_t NAME_abi_version(void);
 *   const char *NAME_description(void);
 *
 * One object may hold a kernel for several processors (attn-compile --cpu=x86-64-v3,znver4): each call then goes to the
 * code for the last of the list that this machine can run, which NAME_description names and NAME_workspace_size answers
 * for. Where it can run none, the call returns ATTN_ERROR_CPU, and the other three return 0, 0 and null.
 *
 * A kernel of several stages may hand on tensors whose sizes are those of a call. It then has
 * NAME_call_workspace_size, which says what a call needs by call->workers and the sizes of the views (their data may be
 * null), and is 0 where sizes or workers would be refused; NAME_workspace_size leaves out what depends on sizes, so
 * such a workspace is too small. Its NAME_description says "workspace_of_call": true.
 *
 * Ownership: all memory belongs to the caller and is only used during the call. A kernel allocates nothing, keeps
 * nothing from one call to the next (but which code to choose), needs no library, and may be called from several
 * threads at once as long as each call has a workspace and outputs of its own. Outputs overlap neither inputs nor each
 * other. Inputs are never written. An inout (a cache that new rows are appended to) is both: it holds elements before
 * the call, of which some are written, and is in all else an output.
 *
 * Results: for equal inputs, sizes and call->workers they are equal bit by bit, whatever the threads do. With fewer
 * query rows than keep all workers busy, keys are divided among these, and the number of workers changes the rounding
 * of sums.
 *
 * Errors: a call returns an attn_status. All checks come first: unless the status is ATTN_OK or ATTN_ERROR_POOL,
 * nothing was written.
 */
#ifndef ATTN_ABI_H
#define ATTN_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Goes up when a compiled kernel and a caller of different versions cannot work together. */
#define ATTN_ABI_VERSION 1

/* No size of a view may be larger: kernels compare positions in 32 bits. */
#define ATTN_MAX_SIZE ((int64_t)1 << 30)

/* What a call returns, in the order of the checks: the first that fails is reported. ATTN_ERROR_CPU comes before all,
 * ATTN_ERROR_POSITION behind ATTN_ERROR_ALIGNMENT. */
typedef enum attn_status {
  ATTN_OK = 0,
  ATTN_ERROR_ABI = 1,       /* call is null, or call->abi_version is not ATTN_ABI_VERSION */
  ATTN_ERROR_NULL = 2,      /* a view is null, or has elements and null data */
  ATTN_ERROR_SIZE = 3,      /* a size is negative or above ATTN_MAX_SIZE */
  ATTN_ERROR_SHAPE = 4,     /* a size is not the one the kernel was compiled for, or sizes disagree */
  ATTN_ERROR_STRIDE = 5,    /* innermost stride not 1, a negative stride, or an output stride of 0 */
  ATTN_ERROR_ALIGNMENT = 6, /* data is not aligned to its element type */
  ATTN_ERROR_WORKERS = 7,   /* call->workers is below 1 */
  ATTN_ERROR_WORKSPACE = 8, /* workspace is null or has less bytes than NAME_workspace_size(workers), or, if there is
                               one, NAME_call_workspace_size says */
  ATTN_ERROR_POOL = 9,      /* parallel_for did not run each task once with a worker in range: outputs are incomplete */
  ATTN_ERROR_CPU = 10,      /* compiled for a list of processors, none of which this one can stand in for */
  ATTN_ERROR_POSITION = 12  /* an element of an input says to write outside of an inout */
} attn_status;

/* One task of a call. 0 <= task < tasks, each exactly once; 0 <= worker < call->workers, and no two tasks run at the
 * same time under one worker number, because the number selects a part of the workspace. */
typedef void (*attn_task_body)(void *context, int64_t task, int32_t worker);

/* Runs body(context, task, worker) for all tasks, in any order and on any threads, and returns when all are done.
 * Task 0 takes longest, so hand tasks out in order, one at a time. pool is call->pool, untouched. A kernel of several
 * stages calls it once for each, one after the other. */
typedef void (*attn_parallel_for)(void *pool, int64_t tasks, attn_task_body body, void *context);

/* How to run one call. The struct may be reused for any number of calls and kernels. */
typedef struct attn_call {
  int32_t abi_version;            /* ATTN_ABI_VERSION */
  int32_t workers;                /* how many tasks may run at once, at least 1; serial calls use worker 0 only */
  void *workspace;                /* scratch memory of any alignment; its contents do not matter before or after */
  size_t workspace_bytes;         /* at least NAME_workspace_size(workers), or what NAME_call_workspace_size says */
  attn_parallel_for parallel_for; /* null: tasks run one after the other on the calling thread */
  void *pool;                     /* handed to parallel_for */
} attn_call;

/*
 * A view is a tensor in memory of the caller, described once per call:
 *
 *   data     address of element [0,..,0], aligned to its element type; null only if there is no element
 *   sizes    number of elements along each dimension, 0 to ATTN_MAX_SIZE
 *   strides  distance between neighbours along each dimension, in elements (not bytes)
 *
 * The innermost stride is 1, the others are 0 or more; those of outputs are 1 or more. Strides of dimensions of size
 * 0 or 1 are not looked at. Any slice, packed buffer or transposition that leaves the innermost dimension
 * contiguous is a view: nothing has to be copied.
 *
 * f16 and bf16 elements are their 16 bits. u8 is also the type of truth values: one byte, 0 or 1.
 */
#define ATTN_DEFINE_VIEWS(NAME, TYPE)                                                                                  \
  typedef struct attn_view0_##NAME {                                                                                   \
    TYPE *data;                                                                                                        \
  } attn_view0_##NAME;                                                                                                 \
  ATTN_DEFINE_VIEW(1, NAME, TYPE)                                                                                      \
  ATTN_DEFINE_VIEW(2, NAME, TYPE)                                                                                      \
  ATTN_DEFINE_VIEW(3, NAME, TYPE)                                                                                      \
  ATTN_DEFINE_VIEW(4, NAME, TYPE)                                                                                      \
  ATTN_DEFINE_VIEW(5, NAME, TYPE)                                                                                      \
  ATTN_DEFINE_VIEW(6, NAME, TYPE)
#define ATTN_DEFINE_VIEW(RANK, NAME, TYPE)                                                                             \
  typedef struct attn_view##RANK##_##NAME {                                                                            \
    TYPE *data;                                                                                                        \
    int64_t sizes[RANK];                                                                                               \
    int64_t strides[RANK];                                                                                             \
  } attn_view##RANK##_##NAME;

ATTN_DEFINE_VIEWS(f32, float)
ATTN_DEFINE_VIEWS(f64, double)
ATTN_DEFINE_VIEWS(f16, uint16_t)
ATTN_DEFINE_VIEWS(bf16, uint16_t)
ATTN_DEFINE_VIEWS(u8, uint8_t)
ATTN_DEFINE_VIEWS(i8, int8_t)
ATTN_DEFINE_VIEWS(i16, int16_t)
ATTN_DEFINE_VIEWS(i32, int32_t)
ATTN_DEFINE_VIEWS(i64, int64_t)

#undef ATTN_DEFINE_VIEW
#undef ATTN_DEFINE_VIEWS

/* A sentence for people; a constant string, for unknown values too. */
static inline const char *attn_status_message(int32_t status) {
  switch (status) {
  case ATTN_OK:
    return "ok";
  case ATTN_ERROR_ABI:
    return "call is null or was made for another ABI version";
  case ATTN_ERROR_NULL:
    return "a view is null, or has elements and null data";
  case ATTN_ERROR_SIZE:
    return "a size is negative or too large";
  case ATTN_ERROR_SHAPE:
    return "a size is not what the kernel was compiled for, or sizes of views disagree";
  case ATTN_ERROR_STRIDE:
    return "the innermost stride is not 1, a stride is negative, or an output stride is 0";
  case ATTN_ERROR_ALIGNMENT:
    return "data is not aligned to its element type";
  case ATTN_ERROR_WORKERS:
    return "workers is below 1";
  case ATTN_ERROR_WORKSPACE:
    return "the workspace is null or too small for this number of workers";
  case ATTN_ERROR_POOL:
    return "parallel_for did not run each task once with a worker in range";
  case ATTN_ERROR_CPU:
    return "this machine's processor can run none of those that the kernel was compiled for";
  case ATTN_ERROR_POSITION:
    return "an element of an input is a position outside of what is written there";
  default:
    return "unknown status";
  }
}

#ifdef __cplusplus
}
#endif

#endif /* ATTN_ABI_H */
