// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(attn-outline-tasks)' -split-input-file -verify-diagnostics | FileCheck %s -enable-var-scope

// A loop of 2 x (N ceildiv 16) becomes a task, a number of tasks and a check; the row tiles of a head run backwards.

//   CHECK-NOT: func.func @kernel(
// CHECK-LABEL: func.func private @kernel_task
//  CHECK-SAME:   (%[[A:[^ :]+]]: memref<2x?xf32>, %[[TASK:[^ :]+]]: index, %{{[^ :]+}}: memref<?xi8>)
//  CHECK-SAME:   attn.kernel = {arguments = [{kind = "output", name = "a", type = tensor<2x?xf32>}], name = "kernel"}
//  CHECK-SAME:   attn.plan = #attn.plan<
//       CHECK:   %[[TILES:.+]] = affine.apply
//   CHECK-NOT:   cf.assert
//       CHECK:   %[[RAW:.+]] = arith.remui %[[TASK]], %[[EXTENT:.+]] : index
//       CHECK:   %[[HEAD:.+]] = arith.divui %[[TASK]], %[[EXTENT]] : index
//       CHECK:   %[[LAST:.+]] = arith.subi %[[EXTENT]], %{{.+}} : index
//       CHECK:   arith.subi %[[LAST]], %[[RAW]] : index
//   CHECK-NOT:   scf.forall
//       CHECK:   memref.store
// CHECK-LABEL: func.func private @kernel_tasks
//  CHECK-SAME:   -> index
//       CHECK:   arith.muli
//       CHECK:   return %{{.+}} : index
// CHECK-LABEL: func.func private @kernel_check
//  CHECK-SAME:   -> i32
//       CHECK:   %[[ERROR:.+]] = arith.constant 4 : i32
//       CHECK:   arith.select %{{.+}}, %{{.+}}, %[[ERROR]] : i32
func.func @kernel(%a: memref<2x?xf32>)
    attributes {attn.arguments = [{kind = "output", name = "a", type = tensor<2x?xf32>}]} {
  %c1 = arith.constant 1 : index
  %f = arith.constant 1.0 : f32
  %n = memref.dim %a, %c1 : memref<2x?xf32>
  %ok = arith.cmpi sge, %n, %c1 : index
  cf.assert %ok, "'a' has a row"
  %tiles = affine.apply affine_map<()[s0] -> (s0 ceildiv 16)>()[%n]
  scf.forall (%h, %t) in (2, %tiles) {
    memref.store %f, %a[%h, %t] : memref<2x?xf32>
  } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 8, register_tile = [2, 1]>}
  memref.copy %a, %a : memref<2x?xf32> to memref<2x?xf32>
  return
}

// -----

func.func @copies(%a: memref<2xf32>, %b: memref<2xf32>) attributes {attn.arguments = []} {
  // expected-error @below {{'memref.copy' outside of the parallel loop of a kernel: only scalar code may stand there}}
  memref.copy %a, %b : memref<2xf32> to memref<2xf32>
  scf.forall (%i) in (2) {
  }
  return
}

// -----

// expected-error @below {{expects a parallel loop (scf.forall) in a kernel function}}
func.func @no_loop(%a: memref<2xf32>) attributes {attn.arguments = []} {
  return
}
