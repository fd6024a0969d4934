// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-merge-slices))' -split-input-file -verify-diagnostics | FileCheck %s

// Q of packed rows with one batch: dimension 2 is dropped, 0 is kept, rows lie between. One slice is left, which drops
// all that has size 1.

// CHECK-LABEL: func.func @packed
//  CHECK-SAME:   %[[QKV:.+]]: tensor<1x?x3x5x16xf32>, %[[I:[^:]+]]: index, %[[H:[^:]+]]: index, %[[N:[^:]+]]: index
//       CHECK:   tensor.extract_slice %[[QKV]][0, %[[I]], 1, %[[H]], 0] [1, %[[N]], 1, 1, 16] {{.+}} to tensor<?x16xf32>
//   CHECK-NOT:   tensor.extract_slice
//       CHECK:   return %{{.+}}, %[[N]]
func.func @packed(%qkv: tensor<1x?x3x5x16xf32>, %i: index, %h: index, %n: index) -> (tensor<?x16xf32>, index) {
  %c1 = arith.constant 1 : index
  %k = tensor.extract_slice %qkv[0, 0, 1, 0, 0] [1, %n, 1, 5, 16] [1, 1, 1, 1, 1]
     : tensor<1x?x3x5x16xf32> to tensor<1x?x5x16xf32>
  %rows = tensor.dim %k, %c1 : tensor<1x?x5x16xf32>
  %tile = tensor.extract_slice %k[0, %i, %h, 0] [1, %n, 1, 16] [1, 1, 1, 1] : tensor<1x?x5x16xf32> to tensor<?x16xf32>
  return %tile, %rows : tensor<?x16xf32>, index
}

// -----

// Nothing to confuse: all of size 1 is dropped, or what is kept has the stride 1.

// CHECK-LABEL: func.func @plain
//       CHECK:   %[[HEAD:.+]] = tensor.extract_slice
//       CHECK:   tensor.extract_slice %[[HEAD]]
func.func @plain(%q: tensor<1x?x5x1xf32>, %n: index) -> tensor<?x1xf32> {
  %head = tensor.extract_slice %q[0, 0, 2, 0] [1, %n, 1, 1] [1, 1, 1, 1] : tensor<1x?x5x1xf32> to tensor<?x1xf32>
  %rows = tensor.extract_slice %head[1, 0] [%n, 1] [1, 1] : tensor<?x1xf32> to tensor<?x1xf32>
  return %rows : tensor<?x1xf32>
}

// -----

func.func @other_user(%k: tensor<1x?x3x5xf32>, %n: index) -> tensor<1x?x5xf32> {
  // expected-error @below {{cannot tell dimensions of size 1 apart where some of them are dropped and others kept}}
  %head = tensor.extract_slice %k[0, 0, 2, 0] [1, %n, 1, 5] [1, 1, 1, 1] : tensor<1x?x3x5xf32> to tensor<1x?x5xf32>
  return %head : tensor<1x?x5xf32>
}
