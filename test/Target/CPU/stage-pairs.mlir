// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-stage-pairs))' -split-input-file | FileCheck %s

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 5, lanes = 16, register_tile = [2, 1], precision = bf16>
#acc = affine_map<(e, i, j) -> (e, i)>
#v = affine_map<(e, i, j) -> (j, e)>
#p = affine_map<(e, i, j) -> (j, i)>

// V is copied, to whole pairs of as many keys as a tile can have; the weights are scratch already.

// CHECK-LABEL: func.func @values
//  CHECK-SAME:   %[[V:[^:]+]]: memref<?x3xbf16
//       CHECK:   %[[W:.+]] = memref.alloc() : memref<6x16xbf16>
//       CHECK:   %[[ALLOC:.+]] = memref.alloc() : memref<6x3xbf16>
//       CHECK:   %[[PART:.+]] = memref.subview %[[ALLOC]][0, 0] [%{{.+}}, 3] [1, 1]
//       CHECK:   linalg.generic {{.+}} ins(%[[V]] : {{.+}}) outs(%[[PART]] : {{.+}}) attrs = {attn.role = "stage"}
//       CHECK:   linalg.generic {{.+}} ins(%[[PART]], %{{.+}} :
func.func @values(%v: memref<?x3xbf16, strided<[?, 1]>>, %acc: memref<3x16xf32>, %n: index)
    attributes {attn.plan = #plan} {
  %weights = memref.alloc() : memref<6x16xbf16>
  %w = memref.subview %weights[0, 0] [%n, 16] [1, 1] : memref<6x16xbf16> to memref<?x16xbf16, strided<[16, 1]>>
  linalg.generic {indexing_maps = [#v, #p, #acc], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%v, %w : memref<?x3xbf16, strided<[?, 1]>>, memref<?x16xbf16, strided<[16, 1]>>) outs(%acc : memref<3x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %c, %p : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 5, lanes = 16, register_tile = [2, 1], precision = bf16>
#s = affine_map<(j, i, d) -> (j, i)>
#k = affine_map<(j, i, d) -> (j, d)>
#q = affine_map<(j, i, d) -> (d, i)>

// Neighbours along d are neighbours in K: it is read in place.

//   CHECK-LABEL: func.func @keys
// CHECK-COUNT-1:   memref.alloc
//     CHECK-NOT:   memref.alloc
//         CHECK:   return
func.func @keys(%k: memref<4x32xbf16>, %s: memref<4x16xf32>) attributes {attn.plan = #plan} {
  %q = memref.alloc() : memref<32x16xbf16>
  linalg.generic {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<4x32xbf16>, memref<32x16xbf16>) outs(%s : memref<4x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %c, %p : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 5, lanes = 16, register_tile = [2, 1], precision = bf16>
#s = affine_map<(j, i, d) -> (j, i)>
#k = affine_map<(j, i, d) -> (d, j)>
#q = affine_map<(j, i, d) -> (d, i)>

// Keys are innermost in K, and how many the last tile has is unknown: scratch has room for those of a whole one.

// CHECK-LABEL: func.func @depth_by_keys
//  CHECK-SAME:   %[[K:[^:]+]]: memref<3x?xbf16
//       CHECK:   %[[ALLOC:.+]] = memref.alloc() : memref<4x5xbf16>
//       CHECK:   %[[PART:.+]] = memref.subview %[[ALLOC]][0, 0] [3, %{{.+}}] [1, 1]
//       CHECK:   linalg.generic {{.+}} ins(%[[K]] : {{.+}}) outs(%[[PART]] : {{.+}}) attrs = {attn.role = "stage"}
func.func @depth_by_keys(%k: memref<3x?xbf16, strided<[?, 1]>>, %s: memref<?x16xf32>) attributes {attn.plan = #plan} {
  %q = memref.alloc() : memref<3x16xbf16>
  linalg.generic {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<3x?xbf16, strided<[?, 1]>>, memref<3x16xbf16>) outs(%s : memref<?x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %c, %p : f32
    linalg.yield %r : f32
  }
  return
}
