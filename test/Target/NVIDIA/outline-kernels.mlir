// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -attn-outline-kernels | FileCheck %s

// A task of a GPU plan becomes a kernel in a module of its own, where the block's number is the task's; the host keeps a
// declaration that says how to start it. A task for a CPU stays.

// CHECK-LABEL: gpu.module @one_device
//       CHECK:   func.func @one_kernel(%[[X:.+]]: memref<?xf32>) attributes {attn.launch = {kernel = "one_kernel", threads = 128 : i64}}
//       CHECK:     %[[BLOCK:.+]] = nvvm.read.ptx.sreg.ctaid.x : i32
//       CHECK:     %[[TASK:.+]] = arith.index_castui %[[BLOCK]] : i32 to index
//       CHECK:     memref.store %{{.+}}, %[[X]][%[[TASK]]]
// CHECK-LABEL: func.func private @one_task(memref<?xf32>, index, memref<?xi8>)
//  CHECK-SAME:   attn.launch = {kernel = "one_kernel", threads = 128 : i64}
// CHECK-LABEL: func.func private @two_task
//       CHECK:   return
func.func private @one_task(%x: memref<?xf32>, %task: index, %scratch: memref<?xi8>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 64, keys = 64, lanes = 32, register_tile = [16, 8],
                                       precision = f16, warps = 4, stages = 2>} {
  %c = arith.constant 1.0 : f32
  memref.store %c, %x[%task] : memref<?xf32>
  return
}
func.func private @two_task(%x: memref<?xf32>, %task: index, %scratch: memref<?xi8>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 4, keys = 64, lanes = 16, register_tile = [4, 4]>} {
  return
}
