/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/*
 * What a host of compiled kernels may use and need not: OpenMP threads for attn_call, and the limits of the machine, to
 * judge a kernel by. Kernels themselves need none of it. C99; link AttnRuntime.
 */
#ifndef ATTN_C_RUNTIME_H
#define ATTN_C_RUNTIME_H

#include "attn-c/Abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Threads for attn_openmp_parallel_for(); hand its address to attn_call.pool. */
typedef struct attn_openmp_pool {
  int32_t workers; /* threads to ask for, at least 1 and at most attn_call.workers */
  int32_t pin;     /* not 0: worker w stays on the w-th CPU of attn_cpu_count(), the calling thread included */
} attn_openmp_pool;

/* An attn_parallel_for that hands out tasks one by one to OpenMP threads (schedule(dynamic, 1)). pool is an
 * attn_openmp_pool; null means one worker. Inside a parallel region it runs serially unless OpenMP is told to nest. */
void attn_openmp_parallel_for(void *pool, int64_t tasks, attn_task_body body, void *context);

/* CPUs this process could run on when the runtime was first used, at least 1. */
int32_t attn_cpu_count(void);

/* Ties the calling thread to the index-th of these CPUs (modulo their number). 0, or -1 where the system refuses. */
int32_t attn_pin_thread(int32_t index);

/* Instruction set that attn_measure_peak_f32() uses here: "avx512f", "avx2+fma" or "sse2". */
const char *attn_peak_instruction_set(void);

/* Most f32 operations per second (a multiply-add counts two) that this many pinned threads reach together: the best of
 * `repetitions` bursts of about 0.1 ms each. Takes at least 1 of both. */
double attn_measure_peak_f32(int32_t threads, int32_t repetitions);

/* As attn_measure_peak_f32(), for products of bf16 pairs added in f32 (AVX512-BF16; two multiply-adds a lane count
 * four). 0 where the processor has no such instruction. */
double attn_measure_peak_bf16(int32_t threads, int32_t repetitions);

/* Bytes per second that this many pinned threads read together from a buffer of `bytes` bytes (choose several times the
 * last-level cache): the best of `repetitions` passes. 0 if there is not enough memory. */
double attn_measure_read_bandwidth(int32_t threads, size_t bytes, int32_t repetitions);

#ifdef __cplusplus
}
#endif

#endif /* ATTN_C_RUNTIME_H */
