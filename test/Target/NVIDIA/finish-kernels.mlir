// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -attn-finish-kernels | FileCheck %s

// The kernel says what it is and how many threads start it; the host's declaration learns the bytes of shared memory.

// CHECK: gpu.module @one_device
// CHECK:   llvm.func @one_kernel() attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128, 1, 1>}
// CHECK: llvm.func @one_task() attributes {attn.launch = {kernel = "one_kernel", shared_bytes = 4096 : i64, threads = 128 : i64}}
gpu.module @one_device {
  llvm.func @one_kernel() attributes {attn.launch = {kernel = "one_kernel", shared_bytes = 4096, threads = 128}} {
    llvm.return
  }
}
llvm.func @one_task() attributes {attn.launch = {kernel = "one_kernel", threads = 128}}
