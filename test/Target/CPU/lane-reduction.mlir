// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-vectorize-tiles,canonicalize,cse))' -split-input-file -verify-diagnostics | FileCheck %s -enable-var-scope

// Rows come first: S[i, j] = Q[i, :] . K[j, :], lanes along d. A row of K is loaded once for both rows of Q, one row after
// the other, so that memory sees one stream; two rounds of shuffles combine the four lanes of both sums. Of D = 6 the last
// two are half a vector.

// CHECK-LABEL: func.func @dot_products
//  CHECK-SAME:   %[[K:[^ :]+]]: memref<?x6xf32>, %[[Q:[^ :]+]]: memref<2x6xf32>, %[[S:[^ :]+]]: memref<2x?xf32>
//       CHECK:   scf.for {{.+}} step %c1
//       CHECK:     vector.load %[[K]]{{.+}}vector<4xf32>
//   CHECK-NOT:     vector.load %[[K]]{{.+}}vector<4xf32>
//       CHECK:     vector.load %[[K]]{{.+}}vector<2xf32>
//   CHECK-NOT:     vector.load %[[K]]
// CHECK-COUNT-4:   vector.shuffle
//   CHECK-NOT:     vector.shuffle
// CHECK-COUNT-2:   memref.store {{.+}}, %[[S]]
//   CHECK-NOT:   scf.for
func.func @dot_products(%k: memref<?x6xf32>, %q: memref<2x6xf32>, %s: memref<2x?xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 2, keys = 4, lanes = 4, register_tile = [2, 2]>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<2x?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, d)>,
                                   affine_map<(i, j, d) -> (i, j)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x6xf32>, memref<2x6xf32>) outs(%s : memref<2x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %r = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// The rows of a tensor of the caller are prefetched if they are no neighbours in memory: of those that are the processor
// takes care. There is no test inside the loop, but a second one.

// CHECK-LABEL: func.func @rows_apart
//  CHECK-SAME:   %[[K:[^ :]+]]: memref<?x32xf32
//       CHECK:   {{.+}}, %{{.+}}, %{{.+}}, %[[STRIDES:.+]]:2 = memref.extract_strided_metadata %[[K]]
//       CHECK:   %[[APART:.+]] = arith.cmpi ne, %[[STRIDES]]#0, %c32
//       CHECK:   scf.if %[[APART]]
//       CHECK:     scf.for
// CHECK-COUNT-2:     memref.prefetch %[[K]][{{.+}}], read, locality<2>
//   CHECK-NOT:       memref.prefetch
//       CHECK:   } else {
//   CHECK-NOT:     memref.prefetch
//       CHECK:     scf.for
//   CHECK-NOT:       memref.prefetch
//       CHECK:   return
func.func @rows_apart(%k: memref<?x32xf32, strided<[?, 1], offset: ?>>, %q: memref<2x32xf32>, %s: memref<2x?xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 2, keys = 4, lanes = 4, register_tile = [2, 2]>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<2x?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, d)>,
                                   affine_map<(i, j, d) -> (i, j)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x32xf32, strided<[?, 1], offset: ?>>, memref<2x32xf32>) outs(%s : memref<2x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %r = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// With eight rows arithmetic counts: four rows of Q and two of K make eight sums, each vector of Q serving two keys, and
// rows of K are prefetched wherever they lie.

// CHECK-LABEL: func.func @busy
//  CHECK-SAME:   %[[K:[^ :]+]]: memref<?x16xf32{{.+}}, %[[Q:[^ :]+]]: memref<8x16xf32>, %[[S:[^ :]+]]: memref<8x?xf32>
//   CHECK-NOT:   scf.if
//       CHECK:   scf.for {{.+}} step %c2
// CHECK-COUNT-2:   memref.prefetch %[[K]]
//       CHECK:     scf.for {{.+}} step %c4
// CHECK-COUNT-4:     vector.store {{.+}}, %[[S]]{{.+}} vector<2xf32>
func.func @busy(%k: memref<?x16xf32, strided<[?, 1], offset: ?>>, %q: memref<8x16xf32>, %s: memref<8x?xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 8, keys = 4, lanes = 8, register_tile = [4, 2]>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<8x?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i, d)>,
                                   affine_map<(i, j, d) -> (i, j)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<?x16xf32, strided<[?, 1], offset: ?>>, memref<8x16xf32>) outs(%s : memref<8x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %r = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// Scores are changed where they stand, lane by lane, and their maximum is kept in a vector until the end. Of a number of
// keys that is not known, what is left after whole vectors goes one by one.

// CHECK-LABEL: func.func @maximum
//  CHECK-SAME:   %[[S:[^ :]+]]: memref<3x?xf32>, %[[M:[^ :]+]]: memref<3xf32>
//       CHECK:   %[[LOWEST:.+]] = arith.constant dense<0xFF800000> : vector<4xf32>
//       CHECK:   scf.for
//       CHECK:     scf.for {{.+}} iter_args(%{{.+}} = %[[LOWEST]]) -> (vector<4xf32>)
//       CHECK:       arith.cmpf ogt, {{.+}} : vector<4xf32>
//       CHECK:       vector.store {{.+}}, %[[S]]
//       CHECK:     scf.for
//       CHECK:       memref.store {{.+}}, %[[S]]
//       CHECK:     vector.shuffle
//       CHECK:     %[[OLD:.+]] = memref.load %[[M]]
//       CHECK:     arith.cmpf ogt, %[[OLD]], {{.+}} : f32
//       CHECK:     memref.store {{.+}}, %[[M]]
func.func @maximum(%s: memref<3x?xf32>, %m: memref<3xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 3, keys = 8, lanes = 4, register_tile = [2, 2]>} {
  %half = arith.constant 0.5 : f32
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
      outs(%s, %m : memref<3x?xf32>, memref<3xf32>) {
  ^bb0(%x: f32, %most: f32):
    %y = arith.mulf %x, %half : f32
    %greater = arith.cmpf ogt, %y, %most : f32
    %r = arith.select %greater, %y, %most : f32
    linalg.yield %y, %r : f32, f32
  }
  return
}

// -----

func.func @product(%s: memref<3x8xf32>, %m: memref<3xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 3, keys = 8, lanes = 4, register_tile = [2, 2]>} {
  // expected-error @below {{cannot vectorise lanes along a reduction that is no sum and no maximum (select of cmpf ogt)}}
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
      ins(%s : memref<3x8xf32>) outs(%m : memref<3xf32>) {
  ^bb0(%x: f32, %all: f32):
    %r = arith.mulf %x, %all : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// The lanes of the scores are keys, those of the bias would be rows.

func.func @bias_across(%bias: memref<8x3xf32>, %s: memref<3x8xf32>, %m: memref<3xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 3, keys = 8, lanes = 4, register_tile = [2, 2]>} {
  // expected-error @below {{cannot vectorise: an operand would have to be transposed inside a reduction}}
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i, j)>,
                                   affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
      ins(%bias : memref<8x3xf32>) outs(%s, %m : memref<3x8xf32>, memref<3xf32>) {
  ^bb0(%x: f32, %y: f32, %all: f32):
    %z = arith.addf %x, %y : f32
    %r = arith.addf %z, %all : f32
    linalg.yield %z, %r : f32, f32
  }
  return
}
