// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse))' -split-input-file | FileCheck %s -enable-var-scope

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>

// A loop over parts of the keys, each with a state of its own in tensors over all parts, whose rows are whole cache
// lines; then a loop that merges them. One part needs no merge.

// CHECK-LABEL: func.func @split
//       CHECK:   %[[LIMIT:.+]] = affine.apply #{{.+}}()[%{{.+}}]
//       CHECK:   %[[PARTS:.+]] = attn.num_splits at_most(%[[LIMIT]])
//       CHECK:   scf.forall (%{{.+}}, %{{.+}}) in (2, 1)
//       CHECK:     %[[ACC:.+]] = tensor.empty(%[[PARTS]]) : tensor<?x12x16xf32>
//       CHECK:     %[[ALL:.+]]:3 = scf.forall (%[[PART:.+]]) in (%[[PARTS]]) shared_outs(%[[A:.+]] = %[[ACC]],
//       CHECK:       tensor.extract_slice %[[A]][%[[PART]], 0, 0] [1, 12, 16]
//       CHECK:       arith.divui %{{.+}}, %[[PARTS]]
//       CHECK:       scf.for
//       CHECK:         attn.online
//       CHECK:       scf.for
//       CHECK:         attn.online
//       CHECK:       tensor.parallel_insert_slice %{{.+}} into %[[A]][%[[PART]], 0, 0] [1, 12, 16]
//       CHECK:     } {attn.split}
//       CHECK:     %[[MANY:.+]] = arith.cmpi sgt, %[[PARTS]], %{{.+}}
//       CHECK:     scf.if %[[MANY]]
//       CHECK:       scf.for %[[I:.+]] = %{{.+}} to %[[PARTS]]
//       CHECK:         tensor.extract_slice %[[ALL]]#0[%[[I]], 0, 0]
//       CHECK:         attn.merge
//       CHECK:       attn.finalize
//       CHECK:     } else {
//   CHECK-NOT:       attn.merge
//       CHECK:       tensor.extract_slice %[[ALL]]#0[0, 0, 0]
//       CHECK:       attn.finalize
func.func @split(%q: tensor<2x16x8xf32>, %k: tensor<2x?x8xf32>, %v: tensor<2x?x12xf32>, %o: tensor<2x16x12xf32>)
    -> tensor<2x16x12xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<2x16x8xf32>, tensor<2x?x8xf32>, tensor<2x?x12xf32>)
    outs(out %o : tensor<2x16x12xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 16 split 32, lanes = 8, register_tile = [6, 2]>}
  return %0 : tensor<2x16x12xf32>
}

// -----

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>

// So few keys are never two parts: nobody is asked.

// CHECK-LABEL: func.func @one_part
//   CHECK-NOT:   attn.num_splits
//   CHECK-NOT:   attn.merge
//       CHECK:   return
func.func @one_part(%q: tensor<2x16x8xf32>, %k: tensor<2x63x8xf32>, %o: tensor<2x16x8xf32>) -> tensor<2x16x8xf32> {
  %0 = attn.generic ins(%q, %k, %k : tensor<2x16x8xf32>, tensor<2x63x8xf32>, tensor<2x63x8xf32>)
    outs(out %o : tensor<2x16x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 16 split 32, lanes = 8, register_tile = [6, 2]>}
  return %0 : tensor<2x16x8xf32>
}
