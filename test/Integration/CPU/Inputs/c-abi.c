/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Calls two kernels of test/Target/CPU/emit-entry-points.mlir, copy and shift, as C programs will: rightly, and wrongly
 * in every way that has a status. Both compute out[i,d] = a[i,d] + x for [?,3] tensors, one row a task. */
#include "copy.h"
#include "expect.h"
#include "shift.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 5, COLUMNS = 3, MAX_WORKERS = 3 };

static float input[ROWS][COLUMNS], output[ROWS][COLUMNS];
static unsigned char workspace[1024];
static attn_view2_f32 a, out;
static attn_call call;

/* A valid call, for each test to spoil. */
static void reset(void) {
  attn_view2_f32 aView = {&input[0][0], {ROWS, COLUMNS}, {COLUMNS, 1}};
  attn_view2_f32 outView = {&output[0][0], {ROWS, COLUMNS}, {COLUMNS, 1}};
  attn_call validCall = {ATTN_ABI_VERSION, 1, NULL, 0, NULL, NULL};
  int i;
  a = aView;
  out = outView;
  call = validCall;
  call.workspace = workspace;
  call.workspace_bytes = copy_workspace_size(1);
  for (i = 0; i < ROWS * COLUMNS; ++i) {
    input[i / COLUMNS][i % COLUMNS] = (float)i;
    output[i / COLUMNS][i % COLUMNS] = -1.0f;
  }
}

static int isUntouched(void) {
  int i;
  for (i = 0; i < ROWS * COLUMNS; ++i)
    if (output[i / COLUMNS][i % COLUMNS] != -1.0f)
      return 0;
  return 1;
}

static int isCopyPlus(float x) {
  int i;
  for (i = 0; i < ROWS * COLUMNS; ++i)
    if (output[i / COLUMNS][i % COLUMNS] != (float)i + x)
      return 0;
  return 1;
}

#define EXPECT_STATUS(STATUS)                                                                                          \
  do {                                                                                                                 \
    EXPECT(copy(&call, &a, 1.0f, &out) == (STATUS));                                                                   \
    EXPECT(isUntouched());                                                                                             \
    reset();                                                                                                           \
  } while (0)

/* A pool of threads that each take the next task, as a host may have one. */
struct pool {
  pthread_mutex_t lock;
  int64_t next, tasks;
  attn_task_body body;
  void *context;
  int32_t threads;
};

struct worker {
  struct pool *pool;
  int32_t number;
};

static void *work(void *argument) {
  struct worker *self = argument;
  for (;;) {
    int64_t task;
    pthread_mutex_lock(&self->pool->lock);
    task = self->pool->next++;
    pthread_mutex_unlock(&self->pool->lock);
    if (task >= self->pool->tasks)
      return NULL;
    self->pool->body(self->pool->context, task, self->number);
  }
}

static void runOnThreads(void *poolArgument, int64_t tasks, attn_task_body body, void *context) {
  struct pool *pool = poolArgument;
  pthread_t threads[MAX_WORKERS];
  struct worker workers[MAX_WORKERS];
  int32_t i;
  pool->next = 0;
  pool->tasks = tasks;
  pool->body = body;
  pool->context = context;
  for (i = 0; i < pool->threads; ++i) {
    workers[i].pool = pool;
    workers[i].number = i;
    if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
      abort();
  }
  for (i = 0; i < pool->threads; ++i)
    pthread_join(threads[i], NULL);
}

static void forgetLastTask(void *pool, int64_t tasks, attn_task_body body, void *context) {
  int64_t task;
  (void)pool;
  for (task = 0; task + 1 < tasks; ++task)
    body(context, task, 0);
}

static void useWorkersOutOfRange(void *pool, int64_t tasks, attn_task_body body, void *context) {
  (void)pool;
  body(context, 0, 1);
  body(context, 1, -1);
  body(context, tasks, 0);
  body(context, -1, 0);
}

static void testErrors(void) {
  reset();
  EXPECT(copy(NULL, &a, 1.0f, &out) == ATTN_ERROR_ABI);
  call.abi_version = ATTN_ABI_VERSION + 1;
  EXPECT_STATUS(ATTN_ERROR_ABI);
  EXPECT(copy(&call, NULL, 1.0f, &out) == ATTN_ERROR_NULL);
  EXPECT(copy(&call, &a, 1.0f, NULL) == ATTN_ERROR_NULL);
  a.data = NULL;
  EXPECT_STATUS(ATTN_ERROR_NULL);
  a.sizes[0] = -1;
  EXPECT_STATUS(ATTN_ERROR_SIZE);
  a.sizes[0] = INT64_MIN;
  EXPECT_STATUS(ATTN_ERROR_SIZE);
  a.sizes[0] = out.sizes[0] = ATTN_MAX_SIZE + 1;
  EXPECT_STATUS(ATTN_ERROR_SIZE);
  a.sizes[1] = COLUMNS - 1;
  EXPECT_STATUS(ATTN_ERROR_SHAPE);
  a.sizes[0] = ROWS - 1;
  EXPECT_STATUS(ATTN_ERROR_SHAPE);
  a.strides[1] = 2;
  EXPECT_STATUS(ATTN_ERROR_STRIDE);
  a.strides[0] = -COLUMNS;
  EXPECT_STATUS(ATTN_ERROR_STRIDE);
  out.strides[0] = 0;
  EXPECT_STATUS(ATTN_ERROR_STRIDE);
  a.data = (float *)(void *)((char *)a.data + 1);
  EXPECT_STATUS(ATTN_ERROR_ALIGNMENT);
  call.workers = 0;
  EXPECT_STATUS(ATTN_ERROR_WORKERS);
  call.workers = -7;
  EXPECT_STATUS(ATTN_ERROR_WORKERS);
  call.workspace = NULL;
  EXPECT_STATUS(ATTN_ERROR_WORKSPACE);
  call.workspace_bytes -= 1;
  EXPECT_STATUS(ATTN_ERROR_WORKSPACE);
  call.workers = 2;
  EXPECT_STATUS(ATTN_ERROR_WORKSPACE);
  call.workers = INT32_MAX;
  EXPECT_STATUS(ATTN_ERROR_WORKSPACE);
  /* The first check in the order of attn_status wins, whichever view it is about. */
  a.strides[1] = 2;
  out.sizes[0] = -1;
  call.workers = 0;
  EXPECT_STATUS(ATTN_ERROR_SIZE);
}

static void testViews(void) {
  static float wide[ROWS][COLUMNS + 2];
  int i;
  reset();
  EXPECT(copy(&call, &a, 0.5f, &out) == ATTN_OK && isCopyPlus(0.5f));
  /* No element: no data, no task. */
  reset();
  a.sizes[0] = out.sizes[0] = 0;
  a.data = out.data = NULL;
  EXPECT(copy(&call, &a, 1.0f, &out) == ATTN_OK && isUntouched());
  /* A slice of a wider buffer. */
  reset();
  for (i = 0; i < ROWS * COLUMNS; ++i)
    wide[i / COLUMNS][1 + i % COLUMNS] = (float)i;
  a.data = &wide[0][1];
  a.strides[0] = COLUMNS + 2;
  EXPECT(copy(&call, &a, 1.0f, &out) == ATTN_OK && isCopyPlus(1.0f));
  /* One row read again and again; the outer stride of a single row does not matter. */
  reset();
  a.strides[0] = 0;
  EXPECT(copy(&call, &a, 0.0f, &out) == ATTN_OK && output[ROWS - 1][2] == 2.0f);
  reset();
  a.sizes[0] = out.sizes[0] = 1;
  a.strides[0] = -100;
  out.strides[0] = 0;
  EXPECT(copy(&call, &a, 0.0f, &out) == ATTN_OK && output[0][2] == 2.0f && output[1][0] == -1.0f);
}

static void testWorkspace(void) {
  size_t need = copy_workspace_size(2), i, offset;
  EXPECT(copy_workspace_size(0) == 0 && copy_workspace_size(-1) == 0);
  /* Whatever the alignment, nothing outside of the stated bytes is touched. */
  for (offset = 1; offset < 64; offset += 21) {
    reset();
    memset(workspace, 0xA5, sizeof workspace);
    call.workers = 2;
    call.workspace = workspace + offset;
    call.workspace_bytes = need;
    EXPECT(copy(&call, &a, 1.0f, &out) == ATTN_OK && isCopyPlus(1.0f));
    for (i = 0; i < sizeof workspace; ++i)
      EXPECT((i >= offset && i < offset + need) || workspace[i] == 0xA5);
  }
}

static void testThreads(void) {
  struct pool pool;
  int round;
  pthread_mutex_init(&pool.lock, NULL);
  pool.threads = MAX_WORKERS;
  for (round = 0; round < 50; ++round) {
    reset();
    call.workers = MAX_WORKERS;
    call.workspace_bytes = copy_workspace_size(MAX_WORKERS);
    call.parallel_for = runOnThreads;
    call.pool = &pool;
    EXPECT(copy(&call, &a, 2.0f, &out) == ATTN_OK && isCopyPlus(2.0f));
  }
  pthread_mutex_destroy(&pool.lock);
  reset();
  call.parallel_for = forgetLastTask;
  EXPECT(copy(&call, &a, 2.0f, &out) == ATTN_ERROR_POOL);
  reset();
  call.parallel_for = useWorkersOutOfRange;
  EXPECT(copy(&call, &a, 2.0f, &out) == ATTN_ERROR_POOL && isUntouched());
}

int main(void) {
  int32_t status;
  testErrors();
  testViews();
  testWorkspace();
  testThreads();
  reset();
  EXPECT(shift(&call, &a, 3.0f, &out) == ATTN_OK && isCopyPlus(3.0f));
  EXPECT(copy_abi_version() == ATTN_ABI_VERSION && shift_abi_version() == ATTN_ABI_VERSION);
  EXPECT(strstr(shift_description(), "\"name\":\"shift\"") != NULL);
  for (status = ATTN_OK; status <= ATTN_ERROR_POOL; ++status)
    EXPECT(strcmp(attn_status_message(status), attn_status_message(-1)) != 0);
  printf("%s\n", copy_description());
  printf("%d failures\n", failures);
  return failures != 0;
}
