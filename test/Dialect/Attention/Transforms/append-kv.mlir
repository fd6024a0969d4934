// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize))' -split-input-file | FileCheck %s --check-prefix=NORMAL -enable-var-scope
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-plan-stages,attn-tile-stages))' -split-input-file | FileCheck %s -enable-var-scope
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-decompose-naively))' -split-input-file | FileCheck %s --check-prefix=NAIVE -enable-var-scope

// An append stays what it is, behind assertions for what types leave open; a second run adds none. Its rows are copied by
// a stage: into a slice of the cache, at the position of the sequence, and nowhere else. In front of it a loop looks
// whether all positions fit.

// NORMAL-LABEL: func.func @copy
//       NORMAL:   cf.assert %{{.+}}, "'rows' and 'positions' agree on B"
//       NORMAL:   cf.assert %{{.+}}, "'cache' and 'positions' agree on B"
//   NORMAL-NOT:   cf.assert
//       NORMAL:   attn.append_kv {{.*}} {attn.checked}

// CHECK-LABEL: func.func @copy
//  CHECK-SAME:   %[[ROWS:[^ :]+]]: tensor<?x4x48x8xf16>, %[[CACHE:[^ :]+]]: tensor<?x4x?x8xf16>, %[[AT:[^ :]+]]: tensor<2xi32>)
//   CHECK-NOT:   linalg.
//       CHECK:   %[[LAST:.+]] = arith.subi %{{.+}}, %c48
//       CHECK:   %[[FITS:.+]] = scf.for %[[S:[^ ]+]] = %c0{{.*}} to %c2{{.*}} step %c1{{.*}} iter_args(%[[SO_FAR:.+]] = %true
//       CHECK:     %[[STORED:.+]] = tensor.extract %[[AT]][%[[S]]]
//       CHECK:     %[[P:.+]] = arith.index_cast %[[STORED]]
//   CHECK-DAG:     %[[LOW:.+]] = arith.cmpi sge, %[[P]], %c0
//   CHECK-DAG:     %[[HIGH:.+]] = arith.cmpi sle, %[[P]], %[[LAST]]
//       CHECK:     %[[INSIDE:.+]] = arith.andi %{{.+}}, %{{.+}}
//       CHECK:     %[[ALL:.+]] = arith.andi %[[SO_FAR]], %[[INSIDE]]
//       CHECK:     scf.yield %[[ALL]]
//       CHECK:   cf.assert %[[FITS]], "rows at 'positions' fit into 'cache'"
//       CHECK:   %[[RESULT:.+]] = scf.forall (%[[B:[^ ,]+]], %[[H:[^ ,]+]], %{{.+}}) in (%{{.+}}, 4, 1) shared_outs(%[[GROWN:.+]] = %[[CACHE]])
//       CHECK:     %[[MINE:.+]] = tensor.extract %[[AT]][%[[B]]]
//       CHECK:     %[[POSITION:.+]] = arith.index_cast %[[MINE]]
//       CHECK:     %[[PLACE:.+]] = tensor.extract_slice %[[GROWN]][%[[B]], %[[H]], %[[POSITION]], 0] [1, 1, 48, 8]
//       CHECK:     %[[NEW:.+]] = tensor.extract_slice %[[ROWS]][%[[B]], %[[H]], 0, 0] [1, 1, 48, 8]
//       CHECK:     %[[DONE:.+]] = linalg.generic {{.*}} ins(%[[NEW]] : {{.*}} outs(%[[PLACE]] : {{.*}} attrs = {attn.role = "stage"}
//       CHECK:     tensor.parallel_insert_slice %[[DONE]] into %[[GROWN]][%[[B]], %[[H]], %[[POSITION]], 0] [1, 1, 48, 8]
//       CHECK:   } {attn.in_place, attn.plan = {{.+}}
//       CHECK:   return %[[RESULT]]

// NAIVE-LABEL: func.func @copy
//       NAIVE:   cf.assert %{{.+}}, "rows at 'positions' fit into 'cache'"
//       NAIVE:   scf.for %[[B:[^ ]+]] = {{.*}} iter_args(%[[GROWN:.+]] = %{{.+}}) -> (tensor<?x4x?x8xf16>)
//       NAIVE:     tensor.insert_slice %{{.+}} into %[[GROWN]][%[[B]], 0, %{{.+}}, 0] [1, 4, 48, 8]
func.func @copy(%rows: tensor<?x4x48x8xf16>, %cache: tensor<?x4x?x8xf16>, %at: tensor<2xi32>) -> tensor<?x4x?x8xf16> {
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>)
    : (tensor<?x4x48x8xf16>, tensor<?x4x?x8xf16>) -> tensor<?x4x?x8xf16>
  return %0 : tensor<?x4x?x8xf16>
}

// -----

// What makes the rows element by element writes them into the cache itself; what is made for others too is copied.

#all = affine_map<(b, t, h, d) -> (b, t, h, d)>

// CHECK-LABEL: func.func @quantised
//   CHECK-NOT:   linalg.generic
//       CHECK:   scf.forall (%{{.+}}, %[[T:[^ ,]+]], %{{.+}}) in (2, %{{.+}}, 1)
//       CHECK:     %[[AT:.+]] = arith.addi %[[T]], %{{.+}} : index
//       CHECK:     tensor.extract_slice %{{.+}}[%{{.+}}, %[[AT]], 0, 0] [1, 1, 4, 8] [1, 1, 1, 1] : tensor<2x9x4x8xi8>
//       CHECK:     linalg.generic {{.*}} attrs = {attn.role = "stage"}
//       CHECK:       arith.fptosi
//   CHECK-NOT:   linalg.generic
//       CHECK:   return
func.func @quantised(%rows: tensor<2x?x4x8xf32>, %cache: tensor<2x9x4x8xi8>, %at: tensor<2xindex>) -> tensor<2x9x4x8xi8> {
  %c1 = arith.constant 1 : index
  %t = tensor.dim %rows, %c1 : tensor<2x?x4x8xf32>
  %init = tensor.empty(%t) : tensor<2x?x4x8xi8>
  %narrow = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%rows : tensor<2x?x4x8xf32>) outs(%init : tensor<2x?x4x8xi8>) {
  ^bb0(%x: f32, %unused: i8):
    %i = arith.fptosi %x : f32 to i8
    linalg.yield %i : i8
  } -> tensor<2x?x4x8xi8>
  %0 = attn.append_kv %narrow, %cache at(%at : tensor<2xindex>) layout(bnhd)
    : (tensor<2x?x4x8xi8>, tensor<2x9x4x8xi8>) -> tensor<2x9x4x8xi8>
  return %0 : tensor<2x9x4x8xi8>
}
