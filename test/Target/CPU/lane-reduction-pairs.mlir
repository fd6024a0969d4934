// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-vectorize-tiles{bf16-dot},canonicalize,cse))' | FileCheck %s -enable-var-scope

// Rows of Q and K hold their pairs already: 32 of their 40 elements are one instruction for each sum, the other 8 half a
// vector, converted. Without precision = bf16 in the plan all are converted.

// CHECK-LABEL: func.func @pairs
//  CHECK-SAME:   %[[K:[^ :]+]]: memref<?x40xbf16>, %[[Q:[^ :]+]]: memref<2x40xbf16>
//       CHECK:   scf.for
//   CHECK-DAG:     vector.load %[[K]]{{.+}}vector<32xbf16>
// CHECK-COUNT-2:   x86vector.avx512.dot {{.+}} : vector<32xbf16> -> vector<16xf32>
//       CHECK:     vector.load %[[K]]{{.+}}vector<8xbf16>
//       CHECK:     arith.extf {{.+}} : vector<8xbf16> to vector<8xf32>
//   CHECK-NOT:     x86vector.avx512.dot
//       CHECK:   return
// CHECK-LABEL: func.func @converted
//   CHECK-NOT:   x86vector.avx512.dot
//       CHECK:   arith.extf {{.+}} : vector<16xbf16> to vector<16xf32>
#key = affine_map<(i, j, d) -> (j, d)>
#query = affine_map<(i, j, d) -> (i, d)>
#score = affine_map<(i, j, d) -> (i, j)>
#loops = {indexing_maps = [#key, #query, #score], iterator_types = ["parallel", "parallel", "reduction"]}
func.func @pairs(%k: memref<?x40xbf16>, %q: memref<2x40xbf16>, %s: memref<2x?xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 2, keys = 16, lanes = 16, register_tile = [2, 4], precision = bf16>} {
  linalg.generic #loops ins(%k, %q : memref<?x40xbf16>, memref<2x40xbf16>) outs(%s : memref<2x?xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y fastmath<contract> : f32
    %r = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}

func.func @converted(%k: memref<?x40xbf16>, %q: memref<2x40xbf16>, %s: memref<2x?xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 2, keys = 16, lanes = 16, register_tile = [2, 4]>} {
  linalg.generic #loops ins(%k, %q : memref<?x40xbf16>, memref<2x40xbf16>) outs(%s : memref<2x?xf32>) {
  ^bb0(%a: bf16, %b: bf16, %c: f32):
    %x = arith.extf %a : bf16 to f32
    %y = arith.extf %b : bf16 to f32
    %p = arith.mulf %x, %y fastmath<contract> : f32
    %r = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}
