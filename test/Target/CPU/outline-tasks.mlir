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

// Keys that may be divided: a task is one part, and what follows the loop over the parts is done by the last that is
// done. Fewer row tiles than workers have four parts for each worker, as far as the keys reach.

// CHECK-LABEL: func.func private @divided_task
//  CHECK-SAME:   %[[TILE:[^ :]+]]: index, %[[PART:[^ :]+]]: index, %[[PARTS:[^ :]+]]: index, %[[SHARED:[^ :]+]]: memref<?xi8>, %{{[^ :]+}}: memref<?xi8>)
//       CHECK:   %[[PARTIAL:.+]] = memref.alloc(%[[PARTS]]) : memref<?x3xf32>
//   CHECK-NOT:   scf.forall
//       CHECK:   memref.store %{{.+}}, %[[PARTIAL]][%[[PART]], %{{.+}}]
//       CHECK:   %[[COUNT:.+]] = memref.view %[[SHARED]]
//       CHECK:   %[[BEFORE:.+]] = memref.atomic_rmw addi %[[ONE:.+]], %[[COUNT]]
//       CHECK:   %[[DONE:.+]] = arith.addi %[[BEFORE]], %[[ONE]]
//       CHECK:   %[[ALL:.+]] = arith.index_cast %[[PARTS]]
//       CHECK:   %[[LAST:.+]] = arith.cmpi eq, %[[DONE]], %[[ALL]]
//       CHECK:   scf.if %[[LAST]] {
//       CHECK:     memref.load %[[PARTIAL]]
//       CHECK:     memref.store
//       CHECK:   }
//  CHECK-NEXT:   return
// CHECK-LABEL: func.func private @divided_splits
//  CHECK-SAME:   %[[WORKERS:[^ :]+]]: index) -> index
//       CHECK:   arith.muli %[[WORKERS]], %c4
//       CHECK:   %[[FEW:.+]] = arith.cmpi ult, %{{.+}}, %[[WORKERS]]
//       CHECK:   arith.select %[[FEW]]
// CHECK-LABEL: func.func private @divided_tasks
func.func @divided(%a: memref<2x?xf32>, %b: memref<2xf32>)
    attributes {attn.arguments = [{kind = "input", name = "a", type = tensor<2x?xf32>},
                                  {kind = "output", name = "b", type = tensor<2xf32>}]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %f = arith.constant 1.0 : f32
  %n = memref.dim %a, %c1 : memref<2x?xf32>
  %limit = affine.apply affine_map<()[s0] -> (s0 floordiv 32)>()[%n]
  %parts = attn.num_splits at_most(%limit)
  scf.forall (%h) in (2) {
    %partial = memref.alloc(%parts) : memref<?x3xf32>
    scf.forall (%p) in (%parts) {
      memref.store %f, %partial[%p, %c0] : memref<?x3xf32>
    } {attn.split}
    %x = memref.load %partial[%c0, %c0] : memref<?x3xf32>
    memref.store %x, %b[%h] : memref<2xf32>
  } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8 split 32, lanes = 8, register_tile = [2, 1]>}
  return
}

// -----

func.func @no_parts(%a: memref<2xf32>) attributes {attn.arguments = []} {
  %c1 = arith.constant 1 : index
  // expected-error @below {{expects a parallel loop over the parts of the keys that it counts, got none}}
  %parts = attn.num_splits at_most(%c1)
  scf.forall (%i) in (2) {
  }
  return
}

// -----

func.func @no_loop_over_parts(%a: memref<2xf32>) attributes {attn.arguments = []} {
  %c1 = arith.constant 1 : index
  %parts = attn.num_splits at_most(%c1)
  // expected-error @below {{expects a loop over parts of the keys and a number of splits, or neither}}
  scf.forall (%i) in (2) {
    %partial = memref.alloc(%parts) : memref<?x3xf32>
  }
  return
}

// -----

func.func @two_numbers(%a: memref<2xf32>) attributes {attn.arguments = []} {
  %c1 = arith.constant 1 : index
  %parts = attn.num_splits at_most(%c1)
  // expected-error @below {{expects one number of splits for a parallel loop, got a second one}}
  %more = attn.num_splits at_most(%c1)
  scf.forall (%i) in (2) {
    %partial = memref.alloc(%parts, %more) : memref<?x?xf32>
  }
  return
}

// -----

// Each stage that divides keys has a number of parts of its own; the others have tasks without parts.

// CHECK-LABEL: func.func private @two_task(
//  CHECK-SAME:   %{{[^ :]+}}: memref<2xf32>, %{{[^ :]+}}: index, %{{[^ :]+}}: memref<?xi8>)
// CHECK-LABEL: func.func private @two_task_1(
//  CHECK-SAME:   %{{[^ :]+}}: memref<2xf32>, %{{[^ :]+}}: index, %{{[^ :]+}}: index, %{{[^ :]+}}: index, %{{[^ :]+}}: memref<?xi8>, %{{[^ :]+}}: memref<?xi8>)
// CHECK-LABEL: func.func private @two_splits_1(
//  CHECK-SAME:   %{{[^ :]+}}: memref<2xf32>, %{{[^ :]+}}: index) -> index
func.func @two(%a: memref<2xf32>)
    attributes {attn.arguments = [{kind = "output", name = "a", type = tensor<2xf32>}]} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %f = arith.constant 1.0 : f32
  %parts = attn.num_splits at_most(%c4)
  scf.forall (%h) in (2) {
    memref.store %f, %a[%h] : memref<2xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  scf.forall (%h) in (2) {
    %partial = memref.alloc(%parts) : memref<?x3xf32>
    scf.forall (%p) in (%parts) {
      memref.store %f, %partial[%p, %c0] : memref<?x3xf32>
    } {attn.split}
    %x = memref.load %partial[%c0, %c0] : memref<?x3xf32>
    memref.store %x, %a[%h] : memref<2xf32>
  } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8 split 32, lanes = 8, register_tile = [2, 1]>}
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

// -----

// Each loop is a stage with a task and a number of tasks of its own. Buffers between them are parts of one argument: the
// third takes the place of the first, whose last reader has run by then.

// CHECK-LABEL: func.func private @stages_task(
//  CHECK-SAME:   %{{[^ :]+}}: memref<4xf32>, %[[SHARED:[^ :]+]]: memref<?xi8>, %{{[^ :]+}}: index, %{{[^ :]+}}: memref<?xi8>)
//  CHECK-SAME:   attn.kernel = {arguments = [{kind = "output", name = "a", type = tensor<4xf32>}], name = "stages", shared = 128 : i64, stages = 4 : i64}
//       CHECK:   %[[ZERO:.+]] = arith.constant 0 : index
//       CHECK:   memref.view %[[SHARED]][%[[ZERO]]][] : memref<?xi8> to memref<4xf32>
//       CHECK:   %[[NEXT:.+]] = arith.constant 64 : index
//       CHECK:   memref.view %[[SHARED]][%[[NEXT]]][] : memref<?xi8> to memref<3xf32>
//       CHECK:   %[[AGAIN:.+]] = arith.constant 0 : index
//       CHECK:   memref.view %[[SHARED]][%[[AGAIN]]][] : memref<?xi8> to memref<5xf32>
// CHECK-LABEL: func.func private @stages_tasks(
// CHECK-LABEL: func.func private @stages_task_1(
//  CHECK-SAME:   attn.kernel = {name = "stages", stage = 1 : i64}
// CHECK-LABEL: func.func private @stages_tasks_1(
//  CHECK-SAME:   %{{[^ :]+}}: memref<4xf32>, %{{[^ :]+}}: memref<?xi8>) -> index
// CHECK-LABEL: func.func private @stages_task_3(
//   CHECK-NOT:   @stages_task_4
// CHECK-LABEL: func.func private @stages_check(
func.func @stages(%a: memref<4xf32>)
    attributes {attn.arguments = [{kind = "output", name = "a", type = tensor<4xf32>}]} {
  %f = arith.constant 1.0 : f32
  %first = memref.alloc() : memref<4xf32>
  %second = memref.alloc() : memref<3xf32>
  %third = memref.alloc() : memref<5xf32>
  scf.forall (%i) in (4) {
    memref.store %f, %first[%i] : memref<4xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  scf.forall (%i) in (3) {
    %x = memref.load %first[%i] : memref<4xf32>
    memref.store %x, %second[%i] : memref<3xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  scf.forall (%i) in (3) {
    %x = memref.load %second[%i] : memref<3xf32>
    memref.store %x, %third[%i] : memref<5xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  scf.forall (%i) in (4) {
    %x = memref.load %third[%i] : memref<5xf32>
    memref.store %x, %a[%i] : memref<4xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  return
}

// -----

// A buffer whose size only a call knows lies behind those of static size, in each function that reads it and at the same
// place; the function NAME_shared counts all. The first two are never there at the same time and share a place, as large
// as the larger of them.

// CHECK-LABEL: func.func private @sized_task(
//  CHECK-SAME:   attn.kernel = {{{.*}}name = "sized", shared = 64 : i64, shared_of_call, stages = 4 : i64}
// CHECK-LABEL: func.func private @sized_task_1(
//  CHECK-SAME:   %[[A:[^ :]+]]: memref<?xf32>, %[[SHARED:[^ :]+]]: memref<?xi8>, %{{[^ :]+}}: index
//       CHECK:   %[[N:.+]] = memref.dim %[[A]]
//       CHECK:   %[[BEGIN:.+]] = arith.constant 64 : index
//       CHECK:   %[[FIRST:.+]] = memref.view %[[SHARED]][%[[BEGIN]]][%[[N]]] : memref<?xi8> to memref<?xf32>
//       CHECK:   %[[THIRD:.+]] = memref.view %[[SHARED]][%[[BEGIN]]][%{{.+}}] : memref<?xi8> to memref<?xf32>
//       CHECK:   %[[SECOND_BEGIN:.+]] = arith.addi %[[BEGIN]], %{{.+}} : index
//       CHECK:   %[[SECOND:.+]] = memref.view %[[SHARED]][%[[SECOND_BEGIN]]][%[[N]]] : memref<?xi8> to memref<?xf32>
//       CHECK:   memref.load %[[FIRST]]
//       CHECK:   memref.store %{{.+}}, %[[SECOND]]
// CHECK-LABEL: func.func private @sized_shared(
//  CHECK-SAME:   %{{[^ :]+}}: memref<?xf32>, %{{[^ :]+}}: memref<?xi8>) -> index
//       CHECK:   arith.maxui
//       CHECK:   return %{{.+}} : index
func.func @sized(%a: memref<?xf32>)
    attributes {attn.arguments = [{kind = "output", name = "a", type = tensor<?xf32>}]} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %f = arith.constant 1.0 : f32
  %n = memref.dim %a, %c0 : memref<?xf32>
  %first = memref.alloc(%n) : memref<?xf32>
  %second = memref.alloc(%n) : memref<?xf32>
  %m = memref.dim %second, %c0 : memref<?xf32>
  %twice = arith.muli %m, %c2 : index
  %third = memref.alloc(%twice) : memref<?xf32>
  %fixed = memref.alloc() : memref<3xf32>
  scf.forall (%i) in (%n) {
    memref.store %f, %first[%i] : memref<?xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  scf.forall (%i) in (%n) {
    %x = memref.load %first[%i] : memref<?xf32>
    memref.store %x, %second[%i] : memref<?xf32>
    memref.store %x, %fixed[%c0] : memref<3xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  scf.forall (%i) in (%n) {
    %x = memref.load %second[%i] : memref<?xf32>
    memref.store %x, %third[%i] : memref<?xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  scf.forall (%i) in (%n) {
    %x = memref.load %third[%i] : memref<?xf32>
    memref.store %x, %a[%i] : memref<?xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  return
}

// -----

func.func @size_of_buffer(%a: memref<?xf32>, %which: index)
    attributes {attn.arguments = [{kind = "output", name = "a", type = tensor<?xf32>}]} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %a, %c0 : memref<?xf32>
  %first = memref.alloc(%n) : memref<?xf32>
  %m = memref.dim %first, %which : memref<?xf32>
  // expected-error @below {{cannot place a buffer whose size is that of a view of another one: give 'memref<?xf32>' sizes of the kernel's arguments}}
  %second = memref.alloc(%m) : memref<?xf32>
  scf.forall (%i) in (%n) {
    %x = memref.load %first[%i] : memref<?xf32>
    memref.store %x, %second[%i] : memref<?xf32>
  } {attn.plan = #attn.plan<rowwise, rows_major, rows = 1, keys = 1, lanes = 8, register_tile = [2, 1]>}
  return
}

// -----

// What an assertion says of elements is looked at by a function of its own, which is called when all sizes and strides are
// known to be right; nobody else has the loop.

// CHECK-LABEL: func.func private @positions_task
//  CHECK-SAME:   attn.kernel = {arguments = [{{.+}}], checks_values, name = "positions"}
//   CHECK-NOT:   memref.load
// CHECK-LABEL: func.func private @positions_tasks
//   CHECK-NOT:   memref.load
// CHECK-LABEL: func.func private @positions_check(
//   CHECK-NOT:   memref.load
//       CHECK:   arith.constant 4 : i32
// CHECK-LABEL: func.func private @positions_check_values(
//  CHECK-SAME:   %[[AT:[^ :]+]]: memref<3xindex>) -> i32
//       CHECK:   %[[FITS:.+]] = scf.for
//       CHECK:     memref.load %[[AT]]
//   CHECK-DAG:   %[[OK:.+]] = arith.constant 0 : i32
//   CHECK-DAG:   %[[ERROR:.+]] = arith.constant 12 : i32
//       CHECK:   arith.select %[[FITS]], %[[OK]], %[[ERROR]]
func.func @positions(%a: memref<2x?xf32>, %at: memref<3xindex>)
    attributes {attn.arguments = [{kind = "inout", name = "a", type = tensor<2x?xf32>},
                                  {kind = "input", name = "at", type = tensor<3xindex>}]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %true = arith.constant true
  %f = arith.constant 1.0 : f32
  %n = memref.dim %a, %c1 : memref<2x?xf32>
  %some = arith.cmpi sge, %n, %c1 : index
  cf.assert %some, "'a' has a row"
  %fits = scf.for %s = %c0 to %c3 step %c1 iter_args(%so_far = %true) -> (i1) {
    %p = memref.load %at[%s] : memref<3xindex>
    %inside = arith.cmpi ult, %p, %n : index
    %all = arith.andi %so_far, %inside : i1
    scf.yield %all : i1
  }
  cf.assert %fits, "positions are inside"
  scf.forall (%h) in (2) {
    memref.store %f, %a[%h, %c0] : memref<2x?xf32>
  } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 8, lanes = 8, register_tile = [2, 1]>}
  return
}
