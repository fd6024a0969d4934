// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -mlir-disable-threading -pass-pipeline='builtin.module(func.func(attn-assign-workspace))' | FileCheck %s -enable-var-scope

// Buffers follow each other on cache lines; those of sibling loops share bytes.

// CHECK-LABEL: func.func private @shares_between_siblings
//  CHECK-SAME:   %[[SCRATCH:[^ :]+]]: memref<?xi8>
//  CHECK-SAME:   workspace = 320 : i64
//   CHECK-NOT:   memref.alloc
//       CHECK:   %[[C0:.+]] = arith.constant 0 : index
//       CHECK:   memref.view %[[SCRATCH]][%[[C0]]][] : memref<?xi8> to memref<3xf32>
//       CHECK:   %[[A:.+]] = arith.constant 64 : index
//       CHECK:   memref.view %[[SCRATCH]][%[[A]]][] : memref<?xi8> to memref<64xf32>
//       CHECK:   %[[B:.+]] = arith.constant 64 : index
//       CHECK:   memref.view %[[SCRATCH]][%[[B]]][] : memref<?xi8> to memref<5xf32>
func.func private @shares_between_siblings(%from: index, %to: index, %step: index, %scratch: memref<?xi8>)
    attributes {attn.kernel = {name = "a"}} {
  %outer = memref.alloc() : memref<3xf32>
  scf.for %i = %from to %to step %step {
    %first = memref.alloc() : memref<64xf32>
    memref.copy %first, %first : memref<64xf32> to memref<64xf32>
  }
  scf.for %i = %from to %to step %step {
    %second = memref.alloc() : memref<5xf32>
    memref.copy %second, %second : memref<5xf32> to memref<5xf32>
  }
  memref.copy %outer, %outer : memref<3xf32> to memref<3xf32>
  return
}

// What an earlier function needs does not count for a later one.

// CHECK-LABEL: func.func private @needs_its_own_bytes_only
//  CHECK-SAME:   workspace = 64 : i64
func.func private @needs_its_own_bytes_only(%scratch: memref<?xi8>) attributes {attn.kernel = {name = "b"}} {
  %buffer = memref.alloc() : memref<2xi1>
  memref.copy %buffer, %buffer : memref<2xi1> to memref<2xi1>
  return
}

// Bytes that have been given away stay so: 72 of them leave the next cache line free.

// CHECK-LABEL: func.func private @lies_behind_what_is_placed
//  CHECK-SAME:   %[[SCRATCH:[^ :]+]]: memref<?xi8>
//  CHECK-SAME:   workspace = 192 : i64
//       CHECK:   %[[BEHIND:.+]] = arith.constant 128 : index
//       CHECK:   memref.view %[[SCRATCH]][%[[BEHIND]]][] : memref<?xi8> to memref<7xf32>
func.func private @lies_behind_what_is_placed(%scratch: memref<?xi8>)
    attributes {attn.kernel = {name = "c", workspace = 72}} {
  %c0 = arith.constant 0 : index
  %placed = memref.view %scratch[%c0][] : memref<?xi8> to memref<18xf32>
  %buffer = memref.alloc() : memref<7xf32>
  memref.copy %buffer, %buffer : memref<7xf32> to memref<7xf32>
  memref.copy %placed, %placed : memref<18xf32> to memref<18xf32>
  return
}

// No buffer, no change: what is placed is all there is.

// CHECK-LABEL: func.func private @keeps_what_is_placed
//  CHECK-SAME:   workspace = 128 : i64
func.func private @keeps_what_is_placed(%scratch: memref<?xi8>)
    attributes {attn.kernel = {name = "d", workspace = 128}} {
  return
}

// States of the parts of a row tile's keys lie in what the parts share, behind a cache line that counts those that are
// done: all parts' first buffer, then all parts' second. One part has 128 + 64 bytes.

// CHECK-LABEL: func.func private @parts_share
//  CHECK-SAME:   %[[PARTS:[^ :]+]]: index, %[[SHARED:[^ :]+]]: memref<?xi8>, %{{[^ :]+}}: memref<?xi8>)
//  CHECK-SAME:   partials = 192 : i64, workspace = 0 : i64
//   CHECK-NOT:   memref.alloc
//       CHECK:   %[[FIRST:.+]] = arith.muli %[[PARTS]], %{{c0.*}}
//       CHECK:   %[[A:.+]] = arith.addi %[[FIRST]], %c64
//       CHECK:   memref.view %[[SHARED]][%[[A]]][%[[PARTS]]] : memref<?xi8> to memref<?x2x16xf32>
//       CHECK:   %[[SECOND:.+]] = arith.muli %[[PARTS]], %c128
//       CHECK:   %[[B:.+]] = arith.addi %[[SECOND]], %c64
//       CHECK:   memref.view %[[SHARED]][%[[B]]][%[[PARTS]]] : memref<?xi8> to memref<?x16xf32>
func.func private @parts_share(%tile: index, %part: index, %parts: index, %shared: memref<?xi8>, %scratch: memref<?xi8>)
    attributes {attn.kernel = {name = "d"}} {
  %c0 = arith.constant 0 : index
  %f = arith.constant 1.0 : f32
  %acc = memref.alloc(%parts) : memref<?x2x16xf32>
  %max = memref.alloc(%parts) : memref<?x16xf32>
  memref.store %f, %acc[%part, %c0, %c0] : memref<?x2x16xf32>
  memref.store %f, %max[%part, %c0] : memref<?x16xf32>
  return
}
