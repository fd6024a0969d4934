// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-vectorize-tiles{bf16-dot},canonicalize,cse))' -split-input-file | FileCheck %s
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-vectorize-tiles))' -split-input-file | FileCheck %s --check-prefix=PLAIN

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 4, lanes = 16, register_tile = [2, 1], precision = bf16>
#in_q = affine_map<(d, i) -> (i, d)>
#id = affine_map<(d, i) -> (d, i)>
#s = affine_map<(j, i, d) -> (j, i)>
#k = affine_map<(j, i, d) -> (j, d)>
#q = affine_map<(j, i, d) -> (d, i)>

// Q enters scratch in pairs of d: 16 rows of 32 elements are transposed as 16 x 16 words of 32 bits. Scores then take two
// products an instruction; K is read in place, two neighbours in every lane.

// CHECK-LABEL: func.func @scores
//       CHECK:   %[[VIEW:.+]] = memref.view {{.+}} to memref<32x16xbf16>
// CHECK-COUNT-16: vector.load {{.+}} : memref<16x32xbf16>, vector<32xbf16>
//       CHECK:   %[[FLAT:.+]] = memref.collapse_shape %[[VIEW]] {{.+}} : memref<32x16xbf16> into memref<512xbf16>
// CHECK-COUNT-16: vector.store {{.+}}, %[[FLAT]][{{.+}}] : memref<512xbf16>, vector<32xbf16>
//       CHECK:   scf.for {{.+}} step %c4{{.*}} iter_args
//       CHECK:     vector.load %[[FLAT]]
//       CHECK:     vector.load {{.+}} : memref<4x32xbf16>, vector<2xbf16>
//       CHECK:     vector.broadcast {{.+}} : i32 to vector<16xi32>
// CHECK-COUNT-4:   x86vector.avx512.dot {{.+}} : vector<32xbf16> -> vector<16xf32>
//   CHECK-NOT:   x86vector.avx512.dot
// PLAIN-LABEL: func.func @scores
//   PLAIN-NOT:   x86vector
//       PLAIN:   return
func.func @scores(%query: memref<16x32xbf16>, %key: memref<4x32xbf16>, %s: memref<4x16xf32>, %scratch: memref<1024xi8>)
    attributes {attn.plan = #plan} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %scratch[%c0][] : memref<1024xi8> to memref<32x16xbf16>
  linalg.generic {indexing_maps = [#in_q, #id], iterator_types = ["parallel", "parallel"]}
      ins(%query : memref<16x32xbf16>) outs(%packed : memref<32x16xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  }
  linalg.generic {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%key, %packed : memref<4x32xbf16>, memref<32x16xbf16>) outs(%s : memref<4x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %acc: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y fastmath<contract> : f32
    %r = arith.addf %acc, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 4, lanes = 16, register_tile = [2, 1], precision = bf16>
#ji = affine_map<(j, i) -> (j, i)>
#i = affine_map<(j, i) -> (i)>
#acc = affine_map<(e, i, j) -> (e, i)>
#v = affine_map<(e, i, j) -> (j, e)>
#p = affine_map<(e, i, j) -> (j, i)>

// Weights and V meet in pairs of keys. Two rows of weights are rounded by one instruction; the last of an odd number has
// zeros beside it, in both tiles, so that the product may take one key too many.

// CHECK-LABEL: func.func @weights_and_values
//       CHECK:   scf.for
// CHECK-COUNT-2:   math.exp2
//       CHECK:     llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
//       CHECK:     vector.store {{.+}} : memref<64xbf16>, vector<32xbf16>
//       CHECK:   scf.for
//       CHECK:     math.exp2
//       CHECK:     vector.interleave %{{.+}}, %{{.+}} : vector<16xbf16> -> vector<32xbf16>
//       CHECK:   scf.for {{.+}} iter_args
//       CHECK:     x86vector.avx512.dot
// PLAIN-LABEL: func.func @weights_and_values
//   PLAIN-NOT:   x86vector
//       PLAIN:   return
func.func @weights_and_values(%s: memref<?x16xf32>, %l: memref<16xf32>, %value: memref<?x2xbf16>, %acc: memref<2x16xf32>,
                              %n: index, %scratch: memref<192xi8>) attributes {attn.plan = #plan} {
  %c0 = arith.constant 0 : index
  %c128 = arith.constant 128 : index
  %weights = memref.view %scratch[%c0][] : memref<192xi8> to memref<4x16xbf16>
  %values = memref.view %scratch[%c128][] : memref<192xi8> to memref<4x2xbf16>
  %w = memref.subview %weights[0, 0] [%n, 16] [1, 1] : memref<4x16xbf16> to memref<?x16xbf16, strided<[16, 1]>>
  %vs = memref.subview %values[0, 0] [%n, 2] [1, 1] : memref<4x2xbf16> to memref<?x2xbf16, strided<[2, 1]>>
  linalg.generic {indexing_maps = [#ji, #ji, #i], iterator_types = ["reduction", "parallel"]}
      ins(%s : memref<?x16xf32>) outs(%w, %l : memref<?x16xbf16, strided<[16, 1]>>, memref<16xf32>) {
  ^bb0(%x: f32, %out: bf16, %sum: f32):
    %p = math.exp2 %x : f32
    %next = arith.addf %sum, %p : f32
    %rounded = arith.truncf %p : f32 to bf16
    linalg.yield %rounded, %next : bf16, f32
  }
  linalg.generic {indexing_maps = [#ji, #ji], iterator_types = ["parallel", "parallel"]}
      ins(%value : memref<?x2xbf16>) outs(%vs : memref<?x2xbf16, strided<[2, 1]>>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  }
  linalg.generic {indexing_maps = [#v, #p, #acc], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%vs, %w : memref<?x2xbf16, strided<[2, 1]>>, memref<?x16xbf16, strided<[16, 1]>>) outs(%acc : memref<2x16xf32>) {
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

#plan = #attn.plan<online, rows_minor, rows = 16, keys = 4, lanes = 16, register_tile = [2, 1], precision = bf16>
#id = affine_map<(d, i) -> (d, i)>
#s = affine_map<(j, i, d) -> (j, i)>
#k = affine_map<(j, i, d) -> (j, d)>
#q = affine_map<(j, i, d) -> (d, i)>

// A tile that somebody else reads as it is stays as it is.

// CHECK-LABEL: func.func @other_reader
//   CHECK-NOT:   x86vector
//       CHECK:   return
func.func @other_reader(%key: memref<4x32xbf16>, %s: memref<4x16xf32>, %copy: memref<32x16xbf16>,
                        %scratch: memref<1024xi8>) attributes {attn.plan = #plan} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %scratch[%c0][] : memref<1024xi8> to memref<32x16xbf16>
  linalg.generic {indexing_maps = [#k, #q, #s], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%key, %packed : memref<4x32xbf16>, memref<32x16xbf16>) outs(%s : memref<4x16xf32>) {
  ^bb0(%a: bf16, %b: bf16, %acc: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y : f32
    %r = arith.addf %acc, %p : f32
    linalg.yield %r : f32
  }
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%packed : memref<32x16xbf16>) outs(%copy : memref<32x16xbf16>) {
  ^bb0(%in: bf16, %out: bf16):
    linalg.yield %in : bf16
  }
  return
}

// -----

#plan = #attn.plan<product, rows_major, rows = 16, keys = 4, lanes = 16, register_tile = [2, 1], precision = bf16>
#id = affine_map<(k, o) -> (k, o)>
#left = affine_map<(n, o, k) -> (n, k)>
#right = affine_map<(n, o, k) -> (k, o)>
#out = affine_map<(n, o, k) -> (n, o)>

// 22 columns are one vector of 16, one of 4, and one of 2, for which there is no instruction.

// CHECK-LABEL: func.func @columns
//       CHECK:   x86vector.avx512.dot {{.+}} : vector<32xbf16> -> vector<16xf32>
//       CHECK:   x86vector.avx512.dot {{.+}} : vector<8xbf16> -> vector<4xf32>
//       CHECK:   arith.extf {{.+}} : vector<4xbf16> to vector<4xf32>
//       CHECK:   arith.mulf {{.+}} : vector<2xf32>
// PLAIN-LABEL: func.func @columns
//   PLAIN-NOT:   x86vector
//       PLAIN:   return
func.func @columns(%x: memref<2x4xbf16>, %w: memref<4x22xbf16>, %o: memref<2x22xf32>, %scratch: memref<1024xi8>)
    attributes {attn.plan = #plan} {
  %c0 = arith.constant 0 : index
  %packed = memref.view %scratch[%c0][] : memref<1024xi8> to memref<4x22xbf16>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
      ins(%w : memref<4x22xbf16>) outs(%packed : memref<4x22xbf16>) {
  ^bb0(%in: bf16, %unused: bf16):
    linalg.yield %in : bf16
  }
  linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %packed : memref<2x4xbf16>, memref<4x22xbf16>) outs(%o : memref<2x22xf32>) {
  ^bb0(%a: bf16, %b: bf16, %acc: f32):
    %c = arith.extf %a : bf16 to f32
    %d = arith.extf %b : bf16 to f32
    %p = arith.mulf %c, %d fastmath<contract> : f32
    %r = arith.addf %acc, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}
