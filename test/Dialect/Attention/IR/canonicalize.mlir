// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -canonicalize | FileCheck %s

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#row = affine_map<(i, j, d, e) -> (i)>
#key = affine_map<(i, j, d, e) -> (j)>

// CHECK-DAG: #[[ROW:.+]] = affine_map<(d0, d1, d2, d3) -> (d0)>
// CHECK-DAG: #[[KEY:.+]] = affine_map<(d0, d1, d2, d3) -> (d1)>

// Regions that state the default say nothing; constants inside of them are folded first.

// CHECK-LABEL: func.func @drops_default_regions
//       CHECK:   attn.generic
//   CHECK-NOT:   attn.yield
//       CHECK:   return
func.func @drops_default_regions(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>,
                                 %o: tensor<5x4xf32>) -> tensor<5x4xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) outs(out %o : tensor<5x4xf32>)
    maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    similarity {
    ^bb0(%a: f32, %b: f32):
      %p = arith.mulf %b, %a : f32
      attn.yield %p : f32
    } score {
    ^bb0(%s: f32):
      attn.yield %s : f32
    } mask {
      %c3 = arith.constant 3 : index
      %c4 = arith.constant 4 : index
      %keep = arith.cmpi sle, %c3, %c4 : index
      attn.yield %keep : i1
    }
  return %0 : tensor<5x4xf32>
}

// A mask that is constantly false stays: dropping it would keep every key.

// CHECK-LABEL: func.func @keeps_other_regions
//       CHECK:   score {
//       CHECK:   arith.mulf
//       CHECK:   mask {
//       CHECK:   attn.yield %false
func.func @keeps_other_regions(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>,
                               %o: tensor<5x4xf32>) -> tensor<5x4xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) outs(out %o : tensor<5x4xf32>)
    maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32):
      %p = arith.mulf %s, %s : f32
      attn.yield %p : f32
    } mask {
      %keep = arith.constant false
      attn.yield %keep : i1
    }
  return %0 : tensor<5x4xf32>
}

// Offsets of zero go only together: there is one per loop or none.

// CHECK-LABEL: func.func @drops_zero_offsets
//       CHECK:   attn.generic
//   CHECK-NOT:   offsets
//       CHECK:   attn.generic
//  CHECK-SAME:   offsets
func.func @drops_zero_offsets(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %o: tensor<5x4xf32>,
                              %n: index) -> tensor<5x4xf32> {
  %z = arith.constant 0 : index
  %0 = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) offsets(%z, %z, %z, %z)
    outs(out %o : tensor<5x4xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  %1 = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) offsets(%z, %n, %z, %z)
    outs(out %0 : tensor<5x4xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %1 : tensor<5x4xf32>
}

// What no region reads goes, with its map and its arguments; the others keep theirs.

// CHECK-LABEL: func.func @drops_unused_operands
//  CHECK-SAME:   %[[A:[^ :]+]]: tensor<5xf32>, %[[B:[^ :]+]]: tensor<7xf32>, %[[N:[^ :]+]]: index, %[[M:[^ :]+]]: i32
//       CHECK:   attn.generic
//   CHECK-NOT:   similarity_ins
//  CHECK-SAME:   score_ins(%[[B]] : tensor<7xf32>) mask_ins(%[[A]] : tensor<5xf32>) captures(%[[N]] : index)
//  CHECK-SAME:   maps [{{[^,]+}}, {{[^,]+}}, {{[^,]+}}, #[[KEY]], #[[ROW]], {{[^,]+}}]
//       CHECK:   ^bb0(%[[S:.+]]: f32, %[[Y:.+]]: f32, %{{.+}}: index):
//       CHECK:     arith.addf %[[S]], %[[Y]]
//       CHECK:   ^bb0(%[[X:.+]]: f32, %[[C:.+]]: index):
//       CHECK:     arith.index_cast %[[C]]
func.func @drops_unused_operands(%a: tensor<5xf32>, %b: tensor<7xf32>, %n: index, %m: i32, %q: tensor<5x8xf32>,
                                 %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %o: tensor<5x4xf32>) -> tensor<5x4xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    similarity_ins(%a : tensor<5xf32>) score_ins(%a, %b : tensor<5xf32>, tensor<7xf32>)
    mask_ins(%a, %b : tensor<5xf32>, tensor<7xf32>) captures(%m, %n : i32, index) outs(out %o : tensor<5x4xf32>)
    maps [#q, #k, #v, #row, #row, #key, #row, #key, #o] normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %x: f32, %y: f32, %i: i32, %c: index):
      %p = arith.addf %s, %y : f32
      attn.yield %p : f32
    } mask {
    ^bb0(%x: f32, %y: f32, %i: i32, %c: index):
      %c32 = arith.index_cast %c : index to i32
      %cf = arith.sitofp %c32 : i32 to f32
      %keep = arith.cmpf olt, %x, %cf : f32
      attn.yield %keep : i1
    }
  return %0 : tensor<5x4xf32>
}

// Casts that hide static sizes are looked through.

// CHECK-LABEL: func.func @folds_casts
//       CHECK:   attn.generic ins({{.+}} : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) outs(out %{{.+}} : tensor<5x4xf32>)
//       CHECK:     attn.index 1
//       CHECK:   tensor.cast
func.func @folds_casts(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>,
                       %o: tensor<5x4xf32>) -> tensor<?x4xf32> {
  %qc = tensor.cast %q : tensor<5x8xf32> to tensor<?x8xf32>
  %kc = tensor.cast %k : tensor<7x8xf32> to tensor<?x8xf32>
  %oc = tensor.cast %o : tensor<5x4xf32> to tensor<?x4xf32>
  %0 = attn.generic ins(%qc, %kc, %v : tensor<?x8xf32>, tensor<?x8xf32>, tensor<7x4xf32>)
    outs(out %oc : tensor<?x4xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    mask {
      %j = attn.index 1
      %c4 = arith.constant 4 : index
      %keep = arith.cmpi sle, %j, %c4 : index
      attn.yield %keep : i1
    }
  return %0 : tensor<?x4xf32>
}
