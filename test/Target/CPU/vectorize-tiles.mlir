// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-vectorize-tiles,canonicalize,cse))' -split-input-file -verify-diagnostics | FileCheck %s -enable-var-scope

// 2 x 2 accumulators of 4 lanes stay in registers over all of the reduction; the fill is their initial value, not a store.

// CHECK-LABEL: func.func @contraction
//  CHECK-SAME:   %[[K:[^ :]+]]: memref<4x6xf32>, %[[Q:[^ :]+]]: memref<6x8xf32>, %[[S:[^ :]+]]: memref<4x8xf32>
//   CHECK-NOT:   attn.plan
//   CHECK-NOT:   linalg
//       CHECK:   scf.for
//       CHECK:     %[[ACC:.+]]:4 = scf.for {{.+}} step %{{.+}} iter_args(%{{.+}} = %[[ZERO:.+]], %{{.+}} = %[[ZERO]], %{{.+}} = %[[ZERO]], %{{.+}} = %[[ZERO]]) -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>)
//   CHECK-NOT:       vector.store
//       CHECK:     }
// CHECK-COUNT-4:   vector.store {{.+}}, %[[S]]
func.func @contraction(%k: memref<4x6xf32>, %q: memref<6x8xf32>, %s: memref<4x8xf32>)
    attributes {attn.plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 4, register_tile = [2, 2]>} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<4x8xf32>)
  linalg.generic {indexing_maps = [affine_map<(j, i, d) -> (j, d)>, affine_map<(j, i, d) -> (d, i)>,
                                   affine_map<(j, i, d) -> (j, i)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<4x6xf32>, memref<6x8xf32>) outs(%s : memref<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %r = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// K is read where it lies, with any strides: the lines of the block of rows that comes four blocks later are asked for.

// CHECK-LABEL: func.func @asks_for_later_rows
//  CHECK-SAME:   %[[K:[^ :]+]]: memref<16x32xf32, strided
//       CHECK:   scf.for %[[ROW:.+]] =
//   CHECK-DAG:     %[[ROW8:.+]] = arith.addi %[[ROW]], %c8
//   CHECK-DAG:     %[[ROW9:.+]] = arith.addi %[[ROW]], %c9
//   CHECK-DAG:     memref.prefetch %[[K]][%[[ROW8]], %c0], read
//   CHECK-DAG:     memref.prefetch %[[K]][%[[ROW8]], %c16], read
//   CHECK-DAG:     memref.prefetch %[[K]][%[[ROW9]], %c0], read
//   CHECK-DAG:     memref.prefetch %[[K]][%[[ROW9]], %c16], read
//       CHECK:     scf.for
//   CHECK-NOT:   memref.prefetch
func.func @asks_for_later_rows(%k: memref<16x32xf32, strided<[?, 1]>>, %q: memref<32x8xf32>, %s: memref<16x8xf32>)
    attributes {attn.plan = #attn.plan<online, rows_minor, rows = 8, keys = 16, lanes = 4, register_tile = [2, 2]>} {
  linalg.generic {indexing_maps = [affine_map<(j, i, d) -> (j, d)>, affine_map<(j, i, d) -> (d, i)>,
                                   affine_map<(j, i, d) -> (j, i)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<16x32xf32, strided<[?, 1]>>, memref<32x8xf32>) outs(%s : memref<16x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %r = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// On a tile of fewer vectors than the register tile has, a block takes as many more rows.

// CHECK-LABEL: func.func @one_vector_of_rows
//       CHECK:   scf.for {{.+}} -> (vector<4xf32>, vector<4xf32>, vector<4xf32>, vector<4xf32>)
// CHECK-COUNT-4: vector.store
func.func @one_vector_of_rows(%k: memref<4x6xf32>, %q: memref<6x4xf32>, %s: memref<4x4xf32>)
    attributes {attn.plan = #attn.plan<online, rows_minor, rows = 8 short 4, keys = 4, lanes = 4, register_tile = [2, 2]>} {
  linalg.generic {indexing_maps = [affine_map<(j, i, d) -> (j, d)>, affine_map<(j, i, d) -> (d, i)>,
                                   affine_map<(j, i, d) -> (j, i)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%k, %q : memref<4x6xf32>, memref<6x4xf32>) outs(%s : memref<4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %p = arith.mulf %a, %b fastmath<contract> : f32
    %r = arith.addf %c, %p fastmath<contract> : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// What the reduction does not move along is loaded before it, once.

// CHECK-LABEL: func.func @loads_invariants_once
//  CHECK-SAME:   %[[S:[^ :]+]]: memref<6x4xf32>, %[[M:[^ :]+]]: memref<4xf32>
//       CHECK:   vector.load %[[M]]
//       CHECK:   scf.for
//   CHECK-NOT:     vector.load %[[M]]
//       CHECK:     vector.load %[[S]]
//       CHECK:     vector.store {{.+}}, %[[S]]
func.func @loads_invariants_once(%s: memref<6x4xf32>, %m: memref<4xf32>, %l: memref<4xf32>)
    attributes {attn.plan = #attn.plan<online, rows_minor, rows = 4, keys = 6, lanes = 4, register_tile = [2, 1]>} {
  linalg.generic {indexing_maps = [affine_map<(j, i) -> (i)>, affine_map<(j, i) -> (j, i)>, affine_map<(j, i) -> (i)>],
                  iterator_types = ["reduction", "parallel"]}
      ins(%m : memref<4xf32>) outs(%s, %l : memref<6x4xf32>, memref<4xf32>) {
  ^bb0(%a: f32, %x: f32, %sum: f32):
    %d = arith.subf %x, %a : f32
    %t = arith.addf %sum, %d : f32
    linalg.yield %d, %t : f32, f32
  }
  return
}

// -----

// Rows that lie across the lanes go through registers: four loads, two rounds of shuffles, four stores a block.

// CHECK-LABEL: func.func @transposes_in_registers
// CHECK-COUNT-4: vector.load
// CHECK-COUNT-8: vector.shuffle
// CHECK-COUNT-4: vector.store
//   CHECK-NOT:   memref.load
func.func @transposes_in_registers(%in: memref<8x4xf32>, %out: memref<4x8xf32>)
    attributes {attn.plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 4, register_tile = [2, 2]>} {
  linalg.generic {indexing_maps = [affine_map<(d, i) -> (i, d)>, affine_map<(d, i) -> (d, i)>],
                  iterator_types = ["parallel", "parallel"]}
      ins(%in : memref<8x4xf32>) outs(%out : memref<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  }
  return
}

// -----

// A mask of positions that fit 32 bits is computed in 32-bit lanes; one that may not is computed in 64.

// CHECK-LABEL: func.func @mask_in_lanes
//       CHECK:   arith.cmpi sle, {{.+}} : vector<4xi32>
//       CHECK:   arith.cmpi slt, {{.+}} : vector<4xi64>
func.func @mask_in_lanes(%s: memref<3x4xf32>, %unknown: index)
    attributes {attn.plan = #attn.plan<online, rows_minor, rows = 4, keys = 3, lanes = 4, register_tile = [1, 1]>} {
  %zero = arith.constant 0.0 : f32
  linalg.generic {indexing_maps = [affine_map<(j, i) -> (j, i)>], iterator_types = ["parallel", "parallel"]}
      outs(%s : memref<3x4xf32>) {
  ^bb0(%x: f32):
    %j = linalg.index 0 : index
    %i = linalg.index 1 : index
    %near = arith.cmpi sle, %j, %i : index
    %far = arith.addi %i, %unknown : index
    %before = arith.cmpi slt, %j, %far : index
    %keep = arith.andi %near, %before : i1
    %r = arith.select %keep, %x, %zero : f32
    linalg.yield %r : f32
  }
  return
}

// -----

// expected-error @below {{expects the attribute 'attn.plan', which says how large the registers are}}
func.func @no_plan(%s: memref<4xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<4xf32>)
  return
}
