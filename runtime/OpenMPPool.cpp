// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs the tasks of a kernel on OpenMP threads. A static schedule would lose a third under a causal mask, where tasks
// differ in length; one task at a time costs one atomic increment per task.
#include "attn-c/Runtime.h"

#include <omp.h>

void attn_openmp_parallel_for(void *pool, int64_t tasks, attn_task_body body, void *context) {
  const auto *settings = static_cast<const attn_openmp_pool *>(pool);
  int workers = settings && settings->workers > 0 ? settings->workers : 1;
  bool pin = settings && settings->pin;
#pragma omp parallel num_threads(workers)
  {
    int32_t worker = omp_get_thread_num();
    if (pin)
      attn_pin_thread(worker);
#pragma omp for schedule(dynamic, 1)
    for (int64_t task = 0; task < tasks; ++task)
      body(context, task, worker);
  }
}
