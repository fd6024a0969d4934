// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-vectorize-tiles,canonicalize,cse))' -split-input-file -verify-diagnostics | FileCheck %s -enable-var-scope

// Lanes are rows: 16 keys are compared with the last rank, 4 rows at a time. Behind that, the largest of them that is left
// goes into its place in each lane, from the last rank to the first, until none enters in any lane.

// CHECK-LABEL: func.func @lanes_are_rows
//  CHECK-SAME:   %[[S:[^ :]+]]: memref<?x8xf32>, %[[L:[^ :]+]]: memref<3x8xf32>, %[[P:[^ :]+]]: memref<3x8xi32>
//       CHECK:   scf.for %[[I:.+]] = %c0 to %c8 step %c4
//       CHECK:     scf.for %[[J:.+]] = %c0 to %[[END:.+]] step %c16
//   CHECK-DAG:       %[[NEW:.+]] = vector.load %[[S]][%[[J]], %[[I]]] : memref<?x8xf32>, vector<4xf32>
//   CHECK-DAG:       %[[LAST:.+]] = vector.load %[[L]][%c2, %[[I]]] : memref<3x8xf32>, vector<4xf32>
//       CHECK:       arith.cmpf ugt, %[[NEW]], %[[LAST]]
//       CHECK:       %[[ANY:.+]] = vector.reduction <or>, {{.+}} : vector<4xi1> into i1
//       CHECK:       scf.if %[[ANY]] {
//       CHECK:         scf.while
//       CHECK:           vector.reduction <or>
//       CHECK:           scf.condition
//       CHECK:           vector.store {{.+}}, %[[L]][%c2, %[[I]]]
//       CHECK:           vector.store {{.+}}, %[[P]][%c2, %[[I]]]
//       CHECK:           vector.store {{.+}}, %[[L]][%c1, %[[I]]]
//       CHECK:           vector.store {{.+}}, %[[L]][%c0, %[[I]]]
//       CHECK:           scf.yield
//       CHECK:     scf.for %{{.+}} = %[[END]] to %{{.+}} step %c1
//   CHECK-NOT:       scf.while
//   CHECK-NOT:   linalg
//       CHECK:   return
func.func @lanes_are_rows(%s: memref<?x8xf32>, %l: memref<3x8xf32>, %p: memref<3x8xi32>, %x: memref<8xf32>,
                          %y: memref<8xi32>)
    attributes {attn.plan = #attn.plan<online, rows_minor, rows = 8, keys = 4, lanes = 4, register_tile = [2, 2]>} {
  linalg.generic {indexing_maps = [affine_map<(i, j, r) -> (j, i)>, affine_map<(i, j, r) -> (r, i)>,
                                   affine_map<(i, j, r) -> (r, i)>, affine_map<(i, j, r) -> (i)>,
                                   affine_map<(i, j, r) -> (i)>],
                  iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%s : memref<?x8xf32>)
      outs(%l, %p, %x, %y : memref<3x8xf32>, memref<3x8xi32>, memref<8xf32>, memref<8xi32>)
      attrs = {attn.role = "rank"} {
  ^bb0(%new: f32, %have: f32, %haveAt: i32, %left: f32, %leftAt: i32):
    %c0 = arith.constant 0 : index
    %r = linalg.index 2 : index
    %first = arith.cmpi eq, %r, %c0 : index
    %j = linalg.index 1 : index
    %at = arith.index_cast %j : index to i32
    %score = arith.select %first, %new, %left : f32
    %scoreAt = arith.select %first, %at, %leftAt : i32
    %here = arith.cmpf ogt, %score, %have : f32
    %a = arith.select %here, %score, %have : f32
    %b = arith.select %here, %scoreAt, %haveAt : i32
    %c = arith.select %here, %have, %score : f32
    %d = arith.select %here, %haveAt, %scoreAt : i32
    linalg.yield %a, %b, %c, %d : f32, i32, f32, i32
  }
  return
}

// -----

// Lanes are keys: one comparison for 4 of them, then those that enter go in one by one, with ranks as lanes: each takes
// what it has, what the rank before it has, or the key.

// CHECK-LABEL: func.func @lanes_are_keys
//  CHECK-SAME:   %[[S:[^ :]+]]: memref<2x?xf32>, %[[L:[^ :]+]]: memref<2x3xf32>, %[[P:[^ :]+]]: memref<2x3xi32>
//       CHECK:   scf.for %[[I:.+]] = %c0 to %c2 step %c1
//       CHECK:     scf.for %[[J:.+]] = %c0 to %[[END:.+]] step %c4
//       CHECK:       %[[NEW:.+]] = vector.load %[[S]][%[[I]], %[[J]]] : memref<2x?xf32>, vector<4xf32>
//       CHECK:       %[[LAST:.+]] = memref.load %[[L]][%[[I]], %c2]
//       CHECK:       vector.broadcast %[[LAST]] : f32 to vector<4xf32>
//       CHECK:       vector.reduction <or>
//       CHECK:       scf.if
//       CHECK:         scf.for
//       CHECK:           scf.if
//       CHECK:             %[[HERE:.+]] = vector.load %[[L]][%[[I]], %c1] : memref<2x3xf32>, vector<2xf32>
//       CHECK:             %[[ABOVE:.+]] = vector.load %[[L]][%[[I]], %c0] : memref<2x3xf32>, vector<2xf32>
//       CHECK:             vector.store {{.+}}, %[[P]][%[[I]], %c1] : memref<2x3xi32>, vector<2xi32>
//       CHECK:             memref.store {{.+}}, %[[P]][%[[I]], %c0]
//       CHECK:     scf.for %{{.+}} = %[[END]] to %{{.+}} step %c1
//       CHECK:       scf.if
func.func @lanes_are_keys(%s: memref<2x?xf32>, %l: memref<2x3xf32>, %p: memref<2x3xi32>, %x: memref<2xf32>,
                          %y: memref<2xi32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 2, keys = 4, lanes = 4, register_tile = [2, 2]>} {
  linalg.generic {indexing_maps = [affine_map<(i, j, r) -> (i, j)>, affine_map<(i, j, r) -> (i, r)>,
                                   affine_map<(i, j, r) -> (i, r)>, affine_map<(i, j, r) -> (i)>,
                                   affine_map<(i, j, r) -> (i)>],
                  iterator_types = ["parallel", "reduction", "reduction"]}
      ins(%s : memref<2x?xf32>)
      outs(%l, %p, %x, %y : memref<2x3xf32>, memref<2x3xi32>, memref<2xf32>, memref<2xi32>)
      attrs = {attn.role = "rank"} {
  ^bb0(%new: f32, %have: f32, %haveAt: i32, %left: f32, %leftAt: i32):
    %c0 = arith.constant 0 : index
    %r = linalg.index 2 : index
    %first = arith.cmpi eq, %r, %c0 : index
    %j = linalg.index 1 : index
    %at = arith.index_cast %j : index to i32
    %score = arith.select %first, %new, %left : f32
    %scoreAt = arith.select %first, %at, %leftAt : i32
    %here = arith.cmpf ogt, %score, %have : f32
    %a = arith.select %here, %score, %have : f32
    %b = arith.select %here, %scoreAt, %haveAt : i32
    %c = arith.select %here, %have, %score : f32
    %d = arith.select %here, %haveAt, %scoreAt : i32
    linalg.yield %a, %b, %c, %d : f32, i32, f32, i32
  }
  return
}

// -----

func.func @not_a_ranking(%s: memref<2x8xf32>, %l: memref<8xf32>)
    attributes {attn.plan = #attn.plan<online, rows_major, rows = 2, keys = 4, lanes = 4, register_tile = [2, 2]>} {
  // expected-error @below {{expects scores, two lists of static length and what goes on between ranks, over a row, a key and a rank, in role 'rank'}}
  linalg.generic {indexing_maps = [affine_map<(i, j) -> (j, i)>, affine_map<(i, j) -> (i)>],
                  iterator_types = ["parallel", "reduction"]}
      ins(%s : memref<2x8xf32>) outs(%l : memref<8xf32>) attrs = {attn.role = "rank"} {
  ^bb0(%a: f32, %b: f32):
    %c = arith.addf %a, %b : f32
    linalg.yield %c : f32
  }
  return
}
