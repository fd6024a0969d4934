// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-pipeline-fetches))' | FileCheck %s --enable-var-scope

// The first tile is fetched before the loop, if there is one; each iteration waits once, fetches the next tile to the
// other stage and multiplies with its own. After the loop a barrier keeps whoever fetches next off the last tile.

// CHECK-LABEL: func.func @rotates
//  CHECK-SAME:   %[[K:.+]]: memref<?x32xf16>, %[[SHARED:[^:]+]]: {{.+}}, %[[LO:.+]]: index, %[[HI:.+]]: index
//       CHECK:   %[[ANY:.+]] = arith.cmpi slt, %[[LO]], %[[HI]]
//       CHECK:   scf.if %[[ANY]] {
//       CHECK:     %[[FIRST:.+]] = memref.subview %[[K]][%[[LO]], 0]
//       CHECK:     fragment.fetch %[[FIRST]] into %[[SHARED]][%c0{{.*}}]
//       CHECK:   fragment.commit
//       CHECK:   scf.for %[[AT:.+]] = %[[LO]] to %[[HI]] step %[[STEP:.+]] iter_args(%[[ACC:.+]] = %{{.+}}, %[[STAGE:.+]] = %c0{{.*}})
//  CHECK-NEXT:     fragment.wait 0
//  CHECK-NEXT:     fragment.barrier
//       CHECK:     %[[OTHER:.+]] = arith.subi %c1{{.*}}, %[[STAGE]]
//       CHECK:     %[[NEXT:.+]] = arith.addi %[[AT]], %[[STEP]]
//       CHECK:     scf.if
//       CHECK:       memref.subview %[[K]][%[[NEXT]], 0]
//       CHECK:       fragment.fetch %{{.+}} into %[[SHARED]][%[[OTHER]]]
//       CHECK:     fragment.commit
//   CHECK-NOT:     fragment.barrier
//       CHECK:     %[[SUM:.+]] = fragment.dot transposed %{{.+}}, %[[SHARED]][%[[STAGE]]], %[[ACC]]
//   CHECK-NOT:     fragment.barrier
//       CHECK:     scf.yield %[[SUM]], %[[OTHER]]
//       CHECK:   fragment.barrier
func.func @rotates(%k: memref<?x32xf16>, %shared: !fragment.shared<2x16x32xf16>, %lo: index, %hi: index,
                   %a: !fragment.tile<64x32xf16, operand>, %zero: !fragment.tile<64x16xf32, accumulator>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %sum = scf.for %at = %lo to %hi step %c16 iter_args(%acc = %zero) -> (!fragment.tile<64x16xf32, accumulator>) {
    %tile = memref.subview %k[%at, 0] [16, 32] [1, 1] : memref<?x32xf16> to memref<16x32xf16, strided<[32, 1], offset: ?>>
    fragment.fetch %tile into %shared[%c0]
      : memref<16x32xf16, strided<[32, 1], offset: ?>> into !fragment.shared<2x16x32xf16>
    fragment.commit
    fragment.wait 0
    fragment.barrier
    %next = fragment.dot transposed %a, %shared[%c0], %acc
      : !fragment.tile<64x32xf16, operand>, !fragment.shared<2x16x32xf16>, !fragment.tile<64x16xf32, accumulator>
    fragment.barrier
    scf.yield %next : !fragment.tile<64x16xf32, accumulator>
  }
  return
}

// One stage: there is no place for a second tile.

// CHECK-LABEL: func.func @one_stage
//       CHECK:   scf.for
//  CHECK-NEXT:     fragment.fetch
func.func @one_stage(%k: memref<16x32xf16>, %shared: !fragment.shared<1x16x32xf16>, %lo: index, %hi: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  scf.for %at = %lo to %hi step %c16 {
    fragment.fetch %k into %shared[%c0] : memref<16x32xf16> into !fragment.shared<1x16x32xf16>
    fragment.commit
    fragment.wait 0
    fragment.barrier
  }
  return
}

// Whether this tile is visited is known in its iteration only: it cannot be fetched before.

// CHECK-LABEL: func.func @in_branch
//       CHECK:   scf.for
//  CHECK-NEXT:     scf.if
//  CHECK-NEXT:       fragment.fetch
func.func @in_branch(%k: memref<16x32xf16>, %shared: !fragment.shared<2x16x32xf16>, %lo: index, %hi: index, %is: i1) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  scf.for %at = %lo to %hi step %c16 {
    scf.if %is {
      fragment.fetch %k into %shared[%c0] : memref<16x32xf16> into !fragment.shared<2x16x32xf16>
      fragment.commit
    }
  }
  return
}
