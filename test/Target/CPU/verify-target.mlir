// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -attn-verify-target | FileCheck %s

// Views of memory that the caller passes, vectors and scalars are what a kernel is made of.

// CHECK-LABEL: func.func @task
//       CHECK:   memref.view
//       CHECK:   vector.store
func.func @task(%in: memref<?x16xf32>, %i: index, %scratch: memref<?xi8>) {
  %c0 = arith.constant 0 : index
  %buffer = memref.view %scratch[%c0][] : memref<?xi8> to memref<16xf32>
  %x = vector.load %in[%i, %c0] : memref<?x16xf32>, vector<16xf32>
  vector.store %x, %buffer[%c0] : memref<16xf32>, vector<16xf32>
  return
}
