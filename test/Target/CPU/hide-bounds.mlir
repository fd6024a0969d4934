// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-hide-bounds))' | FileCheck %s
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-hide-bounds),canonicalize)' | FileCheck %s --check-prefix=SHOWN

// A minimum and a maximum are cast and back; a product of a loop variable has no part in what is dear.

// CHECK-LABEL: func.func @bounds
//  CHECK-SAME:   %[[N:.+]]: index, %[[M:.+]]: index
//       CHECK:   %[[MIN:.+]] = affine.min {{.+}}[%[[N]], %[[M]]]
//       CHECK:   %[[WIDE:.+]] = arith.index_cast %[[MIN]] : index to i64
//       CHECK:   %[[END:.+]] = arith.index_cast %[[WIDE]] : i64 to index
//       CHECK:   %[[MAX:.+]] = affine.max {{.+}}[%[[END]]]
//       CHECK:   arith.index_cast %[[MAX]] : index to i64
//       CHECK:   %[[SIZE:.+]] = arith.index_cast %{{.+}} : i64 to index
//       CHECK:   affine.apply
//   CHECK-NOT:   arith.index_cast
//       CHECK:   return %[[END]], %[[SIZE]]

// SHOWN-LABEL: func.func @bounds
//   SHOWN-NOT:   arith.index_cast
func.func @bounds(%n: index, %m: index) -> (index, index, index) {
  %end = affine.min affine_map<()[s0, s1] -> (s0, s1 * 64)>()[%n, %m]
  %size = affine.max affine_map<()[s0] -> (s0 - 3, 0)>()[%end]
  %tile = affine.apply affine_map<()[s0] -> (s0 * 64)>()[%n]
  return %end, %size, %tile : index, index, index
}
