// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize))' -split-input-file | FileCheck %s --check-prefix=NORMAL -enable-var-scope
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-plan-stages,attn-select-plan,attn-tile-stages,attn-tile-and-fuse),attn-verify-stage{stage=tile})' -split-input-file | FileCheck %s -enable-var-scope

// Four steps of bisection find the sequence of a row among 12; its range of keys is a number for its begin and one for its
// end, causal included. The mask is two comparisons with them.

// NORMAL-LABEL: func.func @ranges
//  NORMAL-SAME:   %[[Q:[^ :]+]]: tensor<?x4x16xf32>, %[[K:[^ :]+]]: tensor<?x4x16xf32>, %[[R:[^ :]+]]: tensor<13xi32>, %[[S:[^ :]+]]: tensor<13xi64>
//       NORMAL:   %[[SEQUENCES:.+]] = linalg.generic
//       NORMAL:     %[[ROW:.+]] = linalg.index 0
//   NORMAL-DAG:     arith.constant 8 : index
//       NORMAL:     %[[START:.+]] = tensor.extract %[[R]]
//       NORMAL:     arith.cmpi sle, %{{.+}}, %[[ROW]]
//       NORMAL:     arith.select
// NORMAL-COUNT-3:     tensor.extract %[[R]]
//   NORMAL-NOT:     tensor.extract
//       NORMAL:   %[[BEGINS:.+]] = linalg.generic {{.*}} ins(%[[SEQUENCES]] :
//       NORMAL:     tensor.extract %[[S]]
//   NORMAL-NOT:     tensor.extract
//       NORMAL:   %[[ENDS:.+]] = linalg.generic {{.*}} ins(%[[SEQUENCES]] :
//       NORMAL:     tensor.extract %[[S]]
//       NORMAL:     tensor.extract %[[R]]
//       NORMAL:   attn.generic {{.*}} mask_ins(%[[BEGINS]], %[[ENDS]] :
//       NORMAL:     ^bb0(%[[BEGIN:.+]]: i32, %[[END:.+]]: i32):
//       NORMAL:       %[[J:.+]] = attn.index 3
//       NORMAL:       %[[FROM:.+]] = arith.index_cast %[[BEGIN]]
//       NORMAL:       arith.cmpi sge, %[[J]], %[[FROM]]
//       NORMAL:       %[[TO:.+]] = arith.index_cast %[[END]]
//       NORMAL:       arith.cmpi slt, %[[J]], %[[TO]]

// The sequences of a row tile are found once, for both ends, for the mask and for the choice of tiles: in front of each key
// tile the ends of the ranges say whether anybody looks at it, and whether everybody looks at all of it.

// CHECK-LABEL: func.func @ranges
//   CHECK-NOT:   linalg.generic
//       CHECK:   scf.forall
//       CHECK:     %[[SEQUENCES:.+]] = linalg.generic {indexing_maps = [#{{[^ ,]+}}], iterator_types = ["parallel"]} outs({{.*}}xi32>) attrs = {attn.role = "produce"}
//       CHECK:     %[[BEGINS:.+]] = linalg.generic {{.*}} ins(%[[SEQUENCES]] : {{.*}} attrs = {attn.role = "produce"}
//       CHECK:     linalg.generic {{.*}} ins(%[[BEGINS]] : {{.*}}attn.role = "pack"
//       CHECK:     %[[ENDS:.+]] = linalg.generic {{.*}} ins(%[[SEQUENCES]] : {{.*}} attrs = {attn.role = "produce"}
//       CHECK:     linalg.generic {{.*}} ins(%[[ENDS]] : {{.*}}attn.role = "pack"
//       CHECK:     scf.for
//       CHECK:       tensor.extract %[[BEGINS]]
//       CHECK:     scf.for
//       CHECK:       tensor.extract %[[ENDS]]
//       CHECK:     scf.for
//   CHECK-NOT:       role = "produce"
//       CHECK:       scf.if
//       CHECK:         scf.if
//       CHECK:           attn.online ins(
//   CHECK-NOT:             mask
//       CHECK:           else
//       CHECK:           attn.online {{.*}} mask_ins(
func.func @ranges(%q: tensor<?x4x16xf32>, %k: tensor<?x4x16xf32>, %r: tensor<13xi32>, %s: tensor<13xi64>)
    -> tensor<?x4x16xf32> {
  %o = attn.packed %q, %k, %k rows(%r : tensor<13xi32>) keys(%s : tensor<13xi64>) causal(top_left)
    : (tensor<?x4x16xf32>, tensor<?x4x16xf32>, tensor<?x4x16xf32>) -> tensor<?x4x16xf32>
  return %o : tensor<?x4x16xf32>
}
