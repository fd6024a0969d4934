// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse,canonicalize,cse))' -split-input-file | FileCheck %s -enable-var-scope

// Few rows, in orientation rows_major: rows come first in Q, in acc and in what is over rows and keys, which is read where
// it lies; bf16 of K and V is not converted to scratch.

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#s = affine_map<(b, i, j, d, e) -> (i, j)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#plan = #attn.plan<online, rows_major, rows = 2, keys = 12, lanes = 8, register_tile = [2, 1]>

//   CHECK-DAG: #[[$ACC:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d4)>
//   CHECK-DAG: #[[$SCORE:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d2)>
//   CHECK-DAG: #[[$QMAP:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d1, d3)>
// CHECK-LABEL: func.func @few_rows_come_first
//  CHECK-SAME:   %[[BIAS:[^ ]+]]: tensor<2x?xf32>
//       CHECK:   linalg.generic {{.+}} outs(%{{.+}} : tensor<2x4xf32>) attrs = {attn.operand = 0 : i64, attn.role = "pack"}
//       CHECK:   linalg.fill {{.*}}"init"{{.*}} -> tensor<2x3xf32>
//       CHECK:   scf.for
//   CHECK-NOT:     linalg
//       CHECK:     tensor.extract_slice %[[BIAS]][0, %{{.+}}] [2, 12] {{.+}} to tensor<2x12xf32>
//   CHECK-NOT:     linalg
//       CHECK:     attn.online {{.+}} : tensor<2x4xf32>, tensor<12x4xbf16>, tensor<12x3xbf16>) score_ins
//  CHECK-SAME:       maps [#[[$QMAP]], #{{.+}}, #{{.+}}, #[[$SCORE]], #[[$ACC]],
func.func @few_rows_come_first(%q: tensor<5x2x4xbf16>, %k: tensor<5x?x4xbf16>, %v: tensor<5x?x3xbf16>,
                               %bias: tensor<2x?xf32>, %o: tensor<5x2x3xbf16>) -> tensor<5x2x3xbf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x2x4xbf16>, tensor<5x?x4xbf16>, tensor<5x?x3xbf16>)
    score_ins(%bias : tensor<2x?xf32>) outs(out %o : tensor<5x2x3xbf16>)
    maps [#q, #k, #v, #s, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    score {
    ^bb0(%x: f32, %y: f32):
      %sum = arith.addf %x, %y : f32
      attn.yield %sum : f32
    }
  return %0 : tensor<5x2x3xbf16>
}

// -----

// A row tile of few rows is done in scratch of few rows: one of the two bodies runs. Where the tile starts, and which
// keys it sees, follow from the whole tiles: from 32 times its number.

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#plan = #attn.plan<online, rows_minor, rows = 32 short 8, keys = 12, lanes = 8, register_tile = [4, 2]>

//   CHECK-DAG: #[[$ROWS:.+]] = affine_map<()[s0, s1] -> (32, s0 - s1 * 32)>
// CHECK-LABEL: func.func @short_row_tiles
//       CHECK:   scf.forall (%{{.+}}, %[[IT:.+]]) in
//       CHECK:     %[[ROWS:.+]] = affine.min #[[$ROWS]]()[%{{.+}}, %[[IT]]]
//       CHECK:     %[[SHORT:.+]] = arith.cmpi sle, %[[ROWS]], %c8
//       CHECK:     %[[DONE:.+]] = scf.if %[[SHORT]] -> (tensor<?x3xf32>) {
//       CHECK:       linalg.fill {{.*}}"init"{{.*}} -> tensor<3x8xf32>
//       CHECK:       attn.online {{.+}} tensor<4x8xf32>
//       CHECK:       attn.finalize
//       CHECK:     } else {
//       CHECK:       linalg.fill {{.*}}"init"{{.*}} -> tensor<3x32xf32>
//       CHECK:       attn.online {{.+}} tensor<4x32xf32>
//       CHECK:       attn.finalize
//       CHECK:     tensor.parallel_insert_slice %[[DONE]]
func.func @short_row_tiles(%q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x3xf32>,
                           %o: tensor<?x?x3xf32>) -> tensor<?x?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x3xf32>)
    outs(out %o : tensor<?x?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
      %i = attn.index 1
      %j = attn.index 2
      %keep = arith.cmpi sle, %j, %i : index
      attn.yield %keep : i1
    }
  return %0 : tensor<?x?x3xf32>
}
