// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-convert-to-linalg))' -split-input-file | FileCheck %s -enable-var-scope

#q = affine_map<(i, j, d, e) -> (d, i)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#acc = affine_map<(i, j, d, e) -> (e, i)>
#row = affine_map<(i, j, d, e) -> (i)>

// Scores join the lists before they become weights in their own place. Loops are row, key, rank; what a rank does not keep
// goes on to the next in tensors over rows. Positions are those of the whole problem.

//   CHECK-DAG: #[[$SCORES:.+]] = affine_map<(d0, d1, d2) -> (d1, d0)>
//   CHECK-DAG: #[[$LIST:.+]] = affine_map<(d0, d1, d2) -> (d2, d0)>
//   CHECK-DAG: #[[$ROW:.+]] = affine_map<(d0, d1, d2) -> (d0)>
// CHECK-LABEL: func.func @rows_minor
//  CHECK-SAME:   %[[S:[^ :]+]]: tensor<3x16xf32>, %[[P:[^ :]+]]: tensor<3x16xi32>, %[[J0:[^ :]+]]: index
//       CHECK:   %[[QK:.+]] = linalg.generic {{.+}} attrs = {attn.role = "qk"}
//       CHECK:   %[[LISTS:.+]]:4 = linalg.generic {indexing_maps = [#[[$SCORES]], #[[$LIST]], #[[$LIST]], #[[$ROW]], #[[$ROW]]],
//  CHECK-SAME:     iterator_types = ["parallel", "reduction", "reduction"]} ins(%[[QK]] : tensor<7x16xf32>)
//  CHECK-SAME:     outs(%[[S]], %[[P]], {{.+}} : {{.+}}tensor<16xf32>, tensor<16xi32>) attrs = {attn.role = "rank"}
//  CHECK-NEXT:     ^bb0(%[[NEW:.+]]: f32, %[[HAVE:.+]]: f32, %[[HAVEAT:.+]]: i32, %[[LEFT:.+]]: f32, %[[LEFTAT:.+]]: i32):
//       CHECK:       %[[RANK:.+]] = linalg.index 2
//       CHECK:       %[[FIRST:.+]] = arith.cmpi eq, %[[RANK]], %{{.+}} : index
//       CHECK:       %[[KEY:.+]] = linalg.index 1
//       CHECK:       %[[KEYG:.+]] = arith.addi %[[KEY]], %[[J0]] : index
//       CHECK:       %[[AT:.+]] = arith.index_cast %[[KEYG]] : index to i32
//       CHECK:       %[[X:.+]] = arith.select %[[FIRST]], %[[NEW]], %[[LEFT]] : f32
//       CHECK:       %[[XAT:.+]] = arith.select %[[FIRST]], %[[AT]], %[[LEFTAT]] : i32
//   CHECK-DAG:       %[[LARGER:.+]] = arith.cmpf ugt, %[[X]], %[[HAVE]] : f32
//   CHECK-DAG:       %[[NUMBER:.+]] = arith.cmpf ord, %[[HAVE]], %[[HAVE]] : f32
//       CHECK:       %[[BEFORE:.+]] = arith.andi %[[LARGER]], %[[NUMBER]] : i1
//   CHECK-DAG:       %[[EQUAL:.+]] = arith.cmpf oeq, %[[X]], %[[HAVE]] : f32
//   CHECK-DAG:       %[[DISTANCE:.+]] = arith.subi %[[XAT]], %[[HAVEAT]] : i32
//       CHECK:       %[[EARLIER:.+]] = arith.cmpi slt, %[[DISTANCE]], %{{.+}} : i32
//       CHECK:       %[[TIE:.+]] = arith.andi %[[EQUAL]], %[[EARLIER]] : i1
//       CHECK:       %[[HERE:.+]] = arith.ori %[[BEFORE]], %[[TIE]] : i1
//   CHECK-DAG:       arith.select %[[HERE]], %[[X]], %[[HAVE]] : f32
//   CHECK-DAG:       arith.select %[[HERE]], %[[XAT]], %[[HAVEAT]] : i32
//   CHECK-DAG:       arith.select %[[HERE]], %[[HAVE]], %[[X]] : f32
//   CHECK-DAG:       arith.select %[[HERE]], %[[HAVEAT]], %[[XAT]] : i32
//       CHECK:   linalg.generic {{.+}} outs(%[[QK]], {{.+}}) attrs = {attn.role = "softmax"}
//       CHECK:   return %[[LISTS]]#0, %[[LISTS]]#1
func.func @rows_minor(%s: tensor<3x16xf32>, %p: tensor<3x16xi32>, %j: index, %q: tensor<8x16xf32>, %k: tensor<7x8xf32>,
                      %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %l: tensor<16xf32>)
    -> (tensor<3x16xf32>, tensor<3x16xi32>) {
  %c0 = arith.constant 0 : index
  %r:5 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    offsets(%c0, %j, %c0, %c0)
    outs(%acc, %m, %l, %s, %p : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>, tensor<3x16xf32>, tensor<3x16xi32>)
    maps [#q, #k, #v, #acc, #row] exponent_scale(1.000000e+00) normalizer(#attn.softmax) top_k(3)
  return %r#3, %r#4 : tensor<3x16xf32>, tensor<3x16xi32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#acc = affine_map<(i, j, d, e) -> (i, e)>
#row = affine_map<(i, j, d, e) -> (i)>

// Rows first: lists lie as acc does. A normalizer without state has them all the same.

//   CHECK-DAG: #[[$ROWKEY:.+]] = affine_map<(d0, d1, d2) -> (d0, d1)>
//   CHECK-DAG: #[[$ROWRANK:.+]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-LABEL: func.func @rows_major
//       CHECK:   linalg.generic {indexing_maps = [#[[$ROWKEY]], #[[$ROWRANK]], #[[$ROWRANK]], {{.+}}], {{.+}} attrs = {attn.role = "rank"}
func.func @rows_major(%s: tensor<2x5xf32>, %p: tensor<2x5xi32>, %q: tensor<2x8xf32>, %k: tensor<7x8xf32>,
                      %v: tensor<7x4xf32>, %acc: tensor<2x4xf32>) -> (tensor<2x5xf32>, tensor<2x5xi32>) {
  %r:3 = attn.online ins(%q, %k, %v : tensor<2x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %s, %p : tensor<2x4xf32>, tensor<2x5xf32>, tensor<2x5xi32>)
    maps [#q, #k, #v, #acc, #row] exponent_scale(1.000000e+00) normalizer(#attn.identity) top_k(5)
  return %r#1, %r#2 : tensor<2x5xf32>, tensor<2x5xi32>
}
