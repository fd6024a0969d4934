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

// Divided keys: a block for each part, then one for each task, with the memory that the parts of the task share: states
// of 128 bytes, and a cache line.
// CHECK-LABEL: gpu.module @three_device
//       CHECK:   func.func @three_kernel(%[[X:.+]]: memref<?xf32>, %[[PARTS:.+]]: index, %[[MEMORY:.+]]: memref<?xi8>)
//   CHECK-DAG:     %[[PART:.+]] = arith.remui %[[B:.+]], %[[PARTS]]
//   CHECK-DAG:     %[[TASK:.+]] = arith.divui %[[B]], %[[PARTS]]
//   CHECK-DAG:     %[[STATE:.+]] = arith.constant 128 : index
//       CHECK:     %[[STATES:.+]] = arith.muli %[[PARTS]], %[[STATE]]
//       CHECK:     %[[BYTES:.+]] = arith.addi %[[STATES]]
//       CHECK:     %[[OFFSET:.+]] = arith.muli %[[TASK]], %[[BYTES]]
//       CHECK:     %[[OWN:.+]] = memref.view %[[MEMORY]][%[[OFFSET]]][%[[BYTES]]]
//       CHECK:     memref.store %{{.+}}, %[[OWN]][%[[PART]]]
//       CHECK:   func.func @three_merge_kernel(%[[X:.+]]: memref<?xf32>, %[[PARTS:.+]]: index, %[[MEMORY:.+]]: memref<?xi8>)
//   CHECK-NOT:     arith.divui
//       CHECK:     memref.store %{{.+}}, %[[X]][
// CHECK-LABEL: func.func private @three_task(memref<?xf32>, index, index, index, memref<?xi8>, memref<?xi8>)
//  CHECK-SAME:   attn.kernel = {arguments = [], launched, name = "three", partials = 128 : i64, workspace = 0 : i64}
//  CHECK-SAME:   attn.launch = {kernel = "three_kernel", threads = 32 : i64}
// CHECK-LABEL: func.func private @three_merge(
//  CHECK-SAME:   attn.launch = {kernel = "three_merge_kernel", threads = 32 : i64}
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
func.func private @three_task(%x: memref<?xf32>, %task: index, %part: index, %parts: index, %partials: memref<?xi8>,
                              %scratch: memref<?xi8>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 16, keys = 64 split 128, lanes = 32,
                                       register_tile = [16, 8], precision = f16, warps = 1, stages = 2>,
                attn.kernel = {name = "three", arguments = [], workspace = 0 : i64, partials = 128 : i64}} {
  %c = arith.constant 1 : i8
  memref.store %c, %partials[%part] : memref<?xi8>
  return
}
func.func private @three_merge(%x: memref<?xf32>, %task: index, %part: index, %parts: index, %partials: memref<?xi8>,
                               %scratch: memref<?xi8>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 16, keys = 64 split 128, lanes = 32,
                                       register_tile = [16, 8], precision = f16, warps = 1, stages = 2>,
                attn.kernel = {name = "three", arguments = [], workspace = 0 : i64, partials = 128 : i64}} {
  %c = arith.constant 1.0 : f32
  memref.store %c, %x[%task] : memref<?xf32>
  return
}
