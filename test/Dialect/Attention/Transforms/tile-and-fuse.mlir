// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-tile-and-fuse,canonicalize,cse))' -split-input-file | FileCheck %s -enable-var-scope

// Sizes unknown, no mask: whole key tiles of static size, then what is left, both without mask. Q is packed with the
// rows last, zeros in the lanes that are no rows, and carries scale * log2(e) = 0.5 * 1.4427. In the end a check redoes
// the rows, guarded, if acc is not finite.

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

//   CHECK-DAG: #[[$TILES:.+]] = affine_map<()[s0] -> (s0 ceildiv 16)>
//   CHECK-DAG: #[[$START:.+]] = affine_map<()[s0] -> (s0 * 16)>
//   CHECK-DAG: #[[$ROWS:.+]] = affine_map<()[s0, s1] -> (16, s0 - s1 * 16)>
//   CHECK-DAG: #[[$WHOLE:.+]] = affine_map<()[s0] -> ((s0 floordiv 12) * 12)>
//   CHECK-DAG: #[[$LEFT:.+]] = affine_map<()[s0, s1] -> (12, s0 - s1)>
//   CHECK-DAG: #[[$QMAP:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d3, d1)>
//   CHECK-DAG: #[[$KMAP:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d2, d3)>
//   CHECK-DAG: #[[$VMAP:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d2, d4)>
//   CHECK-DAG: #[[$ACC:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d4, d1)>
//   CHECK-DAG: #[[$STATE:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d1)>
// CHECK-LABEL: func.func @dense
//  CHECK-SAME:   %[[Q:[^ :]+]]: tensor<?x?x4xf32>, %[[K:[^ :]+]]: tensor<?x?x4xf32>, %[[V:[^ :]+]]: tensor<?x?x3xf32>, %[[O:[^ :]+]]: tensor<?x?x3xf32>
//   CHECK-DAG:   %[[FACTOR:.+]] = arith.constant 0.72134
//   CHECK-DAG:   %[[B:.+]] = tensor.dim %[[Q]], %c0
//   CHECK-DAG:   %[[N:.+]] = tensor.dim %[[Q]], %c1
//   CHECK-DAG:   %[[M:.+]] = tensor.dim %[[K]], %c1
//       CHECK:   %[[NT:.+]] = affine.apply #[[$TILES]]()[%[[N]]]
//       CHECK:   scf.forall (%[[IB:.+]], %[[IT:.+]]) in (%[[B]], %[[NT]]) shared_outs(%[[OUT:.+]] = %[[O]])
//       CHECK:     %[[I0:.+]] = affine.apply #[[$START]]()[%[[IT]]]
//       CHECK:     %[[NQ:.+]] = affine.min #[[$ROWS]]()[%[[N]], %[[IT]]]
//       CHECK:     %[[OSLICE:.+]] = tensor.extract_slice %[[OUT]][%[[IB]], %[[I0]], 0] [1, %[[NQ]], 3]
//       CHECK:     %[[QSLICE:.+]] = tensor.extract_slice %[[Q]][%[[IB]], %[[I0]], 0] [1, %[[NQ]], 4] {{.+}} to tensor<?x4xf32>
//       CHECK:     %[[ZEROS:.+]] = linalg.fill {{.*}}attn.role = "pack"{{.*}} -> tensor<4x16xf32>
//       CHECK:     %[[LANES:.+]] = tensor.extract_slice %[[ZEROS]][0, 0] [4, %[[NQ]]]
//       CHECK:     %[[PACK:.+]] = linalg.generic {{.+}} ins(%[[QSLICE]] {{.+}} outs(%[[LANES]] {{.+}} attrs = {attn.operand = 0 : i64, attn.role = "pack"}
//       CHECK:       arith.mulf %{{.+}}, %[[FACTOR]]
//       CHECK:     %[[QT:.+]] = tensor.insert_slice %[[PACK]] into %[[ZEROS]][0, 0] [4, %[[NQ]]]
//       CHECK:     %[[SPLIT:.+]] = affine.apply #[[$WHOLE]]()[%[[M]]]
//       CHECK:     %[[ACC0:.+]] = linalg.fill {{.*}}"init"{{.*}} -> tensor<3x16xf32>
//       CHECK:     %[[FULL:.+]]:3 = scf.for %[[J:.+]] = %c0 to %[[SPLIT]] step %c12
//       CHECK:       %[[KT:.+]] = tensor.extract_slice %[[K]][%[[IB]], %[[J]], 0] [1, 12, 4] {{.+}} to tensor<12x4xf32>
//       CHECK:       %[[VT:.+]] = tensor.extract_slice %[[V]][%[[IB]], %[[J]], 0] [1, 12, 3] {{.+}} to tensor<12x3xf32>
//       CHECK:       attn.online ins(%[[QT]], %[[KT]], %[[VT]] : {{.+}}) offsets(%[[IB]], %[[I0]], %[[J]], %c0, %c0)
//  CHECK-SAME:         maps [#[[$QMAP]], #[[$KMAP]], #[[$VMAP]], #[[$ACC]], #[[$STATE]]] exponent_scale(1.000000e+00)
//   CHECK-NOT:         mask {
//       CHECK:     %[[ALL:.+]]:3 = scf.for %[[J:.+]] = %[[SPLIT]] to %[[M]] step %c12 iter_args(%{{.+}} = %[[FULL]]#0,
//       CHECK:       %[[NB:.+]] = affine.min #[[$LEFT]]()[%[[M]], %[[J]]]
//       CHECK:       tensor.extract_slice %[[K]][%[[IB]], %[[J]], 0] [1, %[[NB]], 4] {{.+}} to tensor<?x4xf32>
//       CHECK:       attn.online ins
//   CHECK-NOT:         mask {
//       CHECK:     linalg.generic {{.+}} ins(%[[ALL]]#0 {{.+}} attrs = {attn.role = "check"}
//       CHECK:     linalg.generic {{.+}} attrs = {attn.role = "check"}
//       CHECK:     %[[BAD:.+]] = arith.cmpf uno
//       CHECK:     %[[DONE:.+]]:3 = scf.if %[[BAD]]
//       CHECK:       linalg.fill {{.*}}"redo"
//       CHECK:       scf.for %{{.+}} = %c0 to %[[M]] step %c12
//       CHECK:         attn.online guarded ins
//       CHECK:     } else {
//       CHECK:       scf.yield %[[ALL]]#0, %[[ALL]]#1, %[[ALL]]#2
//   CHECK-DAG:     %[[MAX:.+]] = tensor.extract_slice %[[DONE]]#1[0] [%[[NQ]]]
//   CHECK-DAG:     %[[SUM:.+]] = tensor.extract_slice %[[DONE]]#2[0] [%[[NQ]]]
//   CHECK-DAG:     %[[ACCUMULATED:.+]] = tensor.extract_slice %[[DONE]]#0[0, 0] [3, %[[NQ]]]
//       CHECK:     %[[RES:.+]]:2 = attn.finalize ins(%[[ACCUMULATED]] : {{.+}}) state(%[[MAX]], %[[SUM]] : {{.+}}) outs(%[[OSLICE]],
//       CHECK:     tensor.parallel_insert_slice %[[RES]]#0 into %[[OUT]][%[[IB]], %[[I0]], 0] [1, %[[NQ]], 3]
//       CHECK:   } {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>}
func.func @dense(%q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x3xf32>,
                 %o: tensor<?x?x3xf32>) -> tensor<?x?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x3xf32>)
    outs(out %o : tensor<?x?x3xf32>) maps [#q, #k, #v, #o] scale(5.000000e-01) normalizer(#attn.softmax)
    {attn.plan = #plan}
  return %0 : tensor<?x?x3xf32>
}

// -----

// 32 rows and 24 keys are whole tiles: nothing to fill, no tail, no run-time size.

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @whole_tiles_have_no_tail
//       CHECK:   scf.forall ({{.+}}) in (5, 2)
//   CHECK-NOT:     affine.min
//   CHECK-NOT:     linalg.fill {{.*}}"pack"
//       CHECK:     linalg.generic {{.+}} outs(%{{.+}} : tensor<4x16xf32>) attrs = {{.*}}"pack"
//       CHECK:     scf.for %{{.+}} = %c0 to %c24 step %c12
//   CHECK-NOT:     tensor<?
//       CHECK:     attn.online ins
//   CHECK-NOT:     attn.online ins
func.func @whole_tiles_have_no_tail(%q: tensor<5x32x4xf32>, %k: tensor<5x24x4xf32>, %v: tensor<5x24x3xf32>,
                                    %o: tensor<5x32x3xf32>) -> tensor<5x32x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x32x4xf32>, tensor<5x24x4xf32>, tensor<5x24x3xf32>)
    outs(out %o : tensor<5x32x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
  return %0 : tensor<5x32x3xf32>
}

// -----

// Causal: row tile `it` holds rows from 16 it to 16 it + 15, or to N - 1. Keys before 16 it + 1 are kept for each row,
// whole tiles of them carry no mask; keys behind the last row are not visited.

#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

//   CHECK-DAG: #[[$VISITED:.+]] = affine_map<()[s0, s1, s2] -> (s2, s1, s0 * 16 + 16)>
//   CHECK-DAG: #[[$KEPT:.+]] = affine_map<()[s0, s1, s2] -> (s2, s1, s0 * 16 + 1, s0 * 16 + 16)>
//   CHECK-DAG: #[[$WHOLE:.+]] = affine_map<()[s0] -> ((s0 floordiv 12) * 12)>
// CHECK-LABEL: func.func @causal_stops_at_diagonal
//       CHECK:   scf.forall (%{{.+}}, %[[IT:.+]]) in
//       CHECK:     %[[END:.+]] = affine.min #[[$VISITED]]()[%[[IT]], %[[N:.+]], %[[M:.+]]]
//       CHECK:     %[[KEEP:.+]] = affine.min #[[$KEPT]]()[%[[IT]], %[[N]], %[[M]]]
//       CHECK:     %[[FULL:.+]] = affine.max #{{.+}}()[%[[KEEP]]]
//       CHECK:     %[[SPLIT:.+]] = affine.apply #[[$WHOLE]]()[%[[FULL]]]
//       CHECK:     scf.for %{{.+}} = %c0 to %[[SPLIT]] step %c12
//       CHECK:       attn.online ins
//   CHECK-NOT:       mask {
//       CHECK:     scf.for %{{.+}} = %[[SPLIT]] to %[[END]] step %c12
//       CHECK:       attn.online ins
//  CHECK-SAME:       mask {
//       CHECK:         %[[I:.+]] = attn.index 1
//       CHECK:         %[[J:.+]] = attn.index 2
//       CHECK:         arith.cmpi sle, %[[J]], %[[I]]
//       CHECK:     scf.if
//       CHECK:       scf.for %{{.+}} = %c0 to %[[END]] step %c12
//       CHECK:         attn.online guarded ins
//  CHECK-SAME:         mask {
func.func @causal_stops_at_diagonal(%q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x3xf32>,
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

// -----

// Window i - 9 < j <= i: masked keys on both sides of the kept ones, so three loops, the second without mask. The
// first one starts at the window of the first row.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 4, lanes = 8, register_tile = [4, 2]>

//   CHECK-DAG: #[[$FIRST:.+]] = affine_map<()[s0] -> (0, s0 * 16 - 8)>
// CHECK-LABEL: func.func @window_starts_late
//       CHECK:   scf.forall (%[[IT:.+]]) in
//       CHECK:     %[[LOWER:.+]] = affine.max #[[$FIRST]]()[%[[IT]]]
//       CHECK:     scf.for %{{.+}} = %[[LOWER]] to %[[A:.+]] step %c4
//       CHECK:       attn.online {{.+}} mask {
//       CHECK:     scf.for %{{.+}} = %[[A]] to %[[B:.+]] step %c4
//       CHECK:       attn.online
//   CHECK-NOT:       mask {
//       CHECK:     scf.for %{{.+}} = %[[B]] to %[[C:[^ ]+]] step %c4
//       CHECK:       attn.online {{.+}} mask {
//       CHECK:     scf.if
//       CHECK:       scf.for %{{.+}} = %[[LOWER]] to %[[C]] step %c4
//       CHECK:         attn.online guarded {{.+}} mask {
func.func @window_starts_late(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>,
                              %o: tensor<?x3xf32>) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
      %c9 = arith.constant 9 : index
      %i = attn.index 0
      %j = attn.index 1
      %distance = arith.subi %i, %j : index
      %keep = arith.cmpi ult, %distance, %c9 : index
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// Padding by a captured length: the loop ends there, and no key needs the mask.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @length_needs_no_mask
//  CHECK-SAME:   %[[LENGTH:[^ ]+]]: i32
//       CHECK:     arith.index_cast %[[LENGTH]] : i32 to index
//   CHECK-NOT:   mask {
//   CHECK-NOT:   captures
//       CHECK:   return
func.func @length_needs_no_mask(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>,
                                %o: tensor<?x3xf32>, %length: i32) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>) captures(%length : i32)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
    ^bb0(%n: i32):
      %j = attn.index 1
      %end = arith.index_cast %n : i32 to index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// Document numbers: nothing is known of them before run time, so all keys are visited with the mask. Those of rows are
// packed once for a row tile, those of keys are sliced with K.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#i = affine_map<(i, j, d, e) -> (i)>
#j = affine_map<(i, j, d, e) -> (j)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @unknown_mask_visits_all
//  CHECK-SAME:   %[[ROWDOC:[^ ]+]]: tensor<?xi32>, %[[KEYDOC:[^ ]+]]: tensor<?xi32>
//       CHECK:   %[[M:.+]] = tensor.dim %arg1, %c0
//       CHECK:   scf.forall
//       CHECK:     %[[SLICE:.+]] = tensor.extract_slice %[[ROWDOC]]
//       CHECK:     %[[PACKED:.+]] = tensor.insert_slice %[[SLICE]] into %{{.+}} into tensor<16xi32>
//       CHECK:     scf.for %[[J:.+]] = %c0 to %[[M]] step %c12
//       CHECK:       %[[TILE:.+]] = tensor.extract_slice %[[KEYDOC]][%[[J]]]
//       CHECK:       attn.online {{.+}} mask_ins(%[[PACKED]], %[[TILE]] : tensor<16xi32>, tensor<?xi32>) {{.+}} mask {
//   CHECK-NOT:     attn.online ins
//       CHECK:     attn.online guarded ins
func.func @unknown_mask_visits_all(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %o: tensor<?x3xf32>,
                                   %rows: tensor<?xi32>, %keys: tensor<?xi32>) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    mask_ins(%rows, %keys : tensor<?xi32>, tensor<?xi32>)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #i, #j, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
    ^bb0(%a: i32, %b: i32):
      %keep = arith.cmpi eq, %a, %b : i32
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// With a score region Q carries the scale alone, 0.5, and the exponent log2(e). A bias over rows and keys is packed with
// each key tile; of a tail the scratch holds the first keys.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#ij = affine_map<(i, j, d, e) -> (i, j)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @bias_is_packed_with_keys
//  CHECK-SAME:   %[[BIAS:[^ ]+]]: tensor<?x?xf32>
//       CHECK:   %[[SCALE:.+]] = arith.constant 5.000000e-01
//       CHECK:   scf.forall
//       CHECK:     arith.mulf %{{.+}}, %[[SCALE]]
//       CHECK:     scf.for %[[J:.+]] = %c0
//       CHECK:       %[[SLICE:.+]] = tensor.extract_slice %[[BIAS]][%[[I0:.+]], %[[J]]] [%[[NQ:.+]], 12]
//       CHECK:       linalg.generic {{.+}} ins(%[[SLICE]] : tensor<?x12xf32>) outs(%{{.+}} : tensor<12x?xf32>) attrs = {attn.operand = 3
//       CHECK:       %[[PACKED:.+]] = tensor.insert_slice {{.+}} into tensor<12x16xf32>
//       CHECK:       attn.online {{.+}} score_ins(%[[PACKED]] : tensor<12x16xf32>) {{.+}} exponent_scale(1.442695{{.+}}) {{.+}} score {
//       CHECK:     scf.for %[[J:.+]] =
//       CHECK:       %[[NB:.+]] = affine.min
//       CHECK:       %[[SCRATCH:.+]] = tensor.insert_slice {{.+}} into tensor<12x16xf32>
//       CHECK:       %[[PACKED:.+]] = tensor.extract_slice %[[SCRATCH]][0, 0] [%[[NB]], 16]
//       CHECK:       attn.online {{.+}} score_ins(%[[PACKED]] : tensor<?x16xf32>)
func.func @bias_is_packed_with_keys(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %o: tensor<?x3xf32>,
                                    %bias: tensor<?x?xf32>) -> tensor<?x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    score_ins(%bias : tensor<?x?xf32>)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #ij, #o] scale(5.000000e-01) normalizer(#attn.softmax)
    {attn.plan = #plan}
    score {
    ^bb0(%s: f32, %b: f32):
      %sum = arith.addf %s, %b : f32
      attn.yield %sum : f32
    }
  return %0 : tensor<?x3xf32>
}

// -----

// A similarity of one's own sees Q as it is, in accumulator type: the scale stays on the op. It needs neither row nor
// key of v, which is sliced whole.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#d = affine_map<(i, j, d, e) -> (d)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @similarity_keeps_scale
//       CHECK:   linalg.generic {{.+}} ins(%{{.+}} : tensor<?x4xf16>) outs(%{{.+}} : tensor<4x?xf32>) {{.*}}"pack"
//  CHECK-NEXT:   ^bb0(%[[IN:.+]]: f16, %{{.+}}: f32):
//  CHECK-NEXT:     %[[WIDE:.+]] = arith.extf %[[IN]] : f16 to f32
//  CHECK-NEXT:     linalg.yield %[[WIDE]]
//       CHECK:   attn.online ins({{.+}} : tensor<4x16xf32>, tensor<12x4xf32>, tensor<12x3xf32>) similarity_ins(%{{.+}} : tensor<4xf32>)
//  CHECK-SAME:     scale(5.000000e-01) exponent_scale(1.442695{{.+}}) {{.+}} similarity {
func.func @similarity_keeps_scale(%q: tensor<?x4xf16>, %k: tensor<?x4xf16>, %v: tensor<?x3xf16>, %o: tensor<?x3xf16>,
                                  %weight: tensor<4xf32>) -> tensor<?x3xf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf16>, tensor<?x4xf16>, tensor<?x3xf16>)
    similarity_ins(%weight : tensor<4xf32>)
    outs(out %o : tensor<?x3xf16>) maps [#q, #k, #v, #d, #o] scale(5.000000e-01) normalizer(#attn.softmax)
    {attn.plan = #plan}
    similarity {
    ^bb0(%a: f32, %b: f32, %w: f32):
      %sum = arith.addf %a, %b : f32
      %tanh = math.tanh %sum : f32
      %product = arith.mulf %tanh, %w : f32
      attn.yield %product : f32
    }
  return %0 : tensor<?x3xf16>
}

// -----

// Decoding: one query row, position 20, for 5 heads of a group. The tile's rows are the heads; i is fixed, so the causal
// mask only says where keys end, and no tile carries it.

#q = affine_map<(h, g, i, j, d, e) -> (h, g, i, d)>
#k = affine_map<(h, g, i, j, d, e) -> (h, j, d)>
#v = affine_map<(h, g, i, j, d, e) -> (h, j, e)>
#o = affine_map<(h, g, i, j, d, e) -> (h, g, i, e)>
#plan = #attn.plan<online, rows_minor, rows = 8, keys = 12, lanes = 8, register_tile = [4, 1]>

// CHECK-LABEL: func.func @decode_rows_are_heads
//       CHECK:   scf.forall (%[[H:.+]]) in (7)
//       CHECK:     tensor.extract_slice %arg0[%[[H]], 0, 0, 0] [1, 5, 1, 4] [1, 1, 1, 1] : tensor<7x5x1x4xf32> to tensor<5x4xf32>
//       CHECK:     attn.online
//   CHECK-NOT:     mask {
//       CHECK:   return
func.func @decode_rows_are_heads(%q: tensor<7x5x1x4xf32>, %k: tensor<7x?x4xf32>, %v: tensor<7x?x3xf32>,
                                 %o: tensor<7x5x1x3xf32>, %position: index) -> tensor<7x5x1x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<7x5x1x4xf32>, tensor<7x?x4xf32>, tensor<7x?x3xf32>)
    captures(%position : index) outs(out %o : tensor<7x5x1x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    {attn.plan = #plan}
    mask {
    ^bb0(%p: index):
      %i = attn.index 2
      %j = attn.index 3
      %last = arith.addi %i, %p : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %0 : tensor<7x5x1x3xf32>
}

// -----

// Positions in the whole problem: offsets of the op are added to those of the tile, and move the bounds.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

//   CHECK-DAG: #[[$ROW:.+]] = affine_map<()[s0, s1] -> (s0 + s1 * 16)>
//   CHECK-DAG: #[[$SUM:.+]] = affine_map<()[s0, s1] -> (s0 + s1)>
// CHECK-LABEL: func.func @offsets_are_added
//  CHECK-SAME:   %[[I:[^ ]+]]: index, %[[J:[^ ]+]]: index
//       CHECK:   scf.forall (%[[IT:.+]]) in
//   CHECK-DAG:     %[[ROWPOS:.+]] = affine.apply #[[$ROW]]()[%[[I]], %[[IT]]]
//       CHECK:     scf.for %[[KEY:.+]] = %c0
//       CHECK:       %[[KEYPOS:.+]] = affine.apply #[[$SUM]]()[%[[KEY]], %[[J]]]
//       CHECK:       attn.online {{.+}} offsets(%{{.+}}, %[[KEYPOS]], %c0, %c0)
func.func @offsets_are_added(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %o: tensor<?x3xf32>,
                             %i0: index, %j0: index) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %0 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    offsets(%i0, %j0, %c0, %c0)
    outs(out %o : tensor<?x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
    mask {
      %i = attn.index 0
      %j = attn.index 1
      %keep = arith.cmpi sle, %j, %i : index
      attn.yield %keep : i1
    }
  return %0 : tensor<?x3xf32>
}

// -----

// Weights take a second visit of the keys, with the state and the factor of the finished rows. Keys that are not visited
// keep the 0 of the fill.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#i = affine_map<(i, j, d, e) -> (i)>
#ij = affine_map<(i, j, d, e) -> (i, j)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @weights_take_a_second_visit
//       CHECK:   scf.forall {{.+}} shared_outs(%[[O:.+]] = %{{.+}}, %[[LSE:.+]] = %{{.+}}, %[[MAX:.+]] = %{{.+}}, %[[W:.+]] = %{{.+}})
//       CHECK:     %[[WSLICE:.+]] = tensor.extract_slice %[[W]]
//       CHECK:     %[[STATE:.+]]:3 = scf.if
//       CHECK:     %[[RES:.+]]:4 = attn.finalize {{.+}} returns(out, lse, max)
//       CHECK:     %[[FACTOR:.+]] = tensor.insert_slice %[[RES]]#3 into {{.+}} into tensor<16xf32>
//       CHECK:     %[[ZEROS:.+]] = linalg.fill {attn.role = "unpack"} {{.+}} outs(%[[WSLICE]]
//       CHECK:     %[[FULL:.+]] = scf.for %[[J:.+]] = %c0 to {{.+}} iter_args(%[[ARG:.+]] = %[[ZEROS]])
//       CHECK:       %[[TILE:.+]] = attn.weights ins({{.+}}) offsets({{.+}}) state(%[[STATE]]#1, %[[STATE]]#2, %[[FACTOR]] {{.+}} outs(%{{.+}} : tensor<12x16xf32>)
//       CHECK:       %[[VALID:.+]] = tensor.extract_slice %[[TILE]][0, 0] [12, %[[NQ:.+]]] [1, 1]
//       CHECK:       %[[PART:.+]] = tensor.extract_slice %[[ARG]][0, %[[J]]] [%[[NQ]], 12] [1, 1]
//       CHECK:       linalg.generic {{.+}} ins(%[[VALID]] : tensor<12x?xf32>) outs(%[[PART]] : tensor<?x12xf32>) attrs = {attn.role = "unpack"}
//       CHECK:     %[[ALL:.+]] = scf.for {{.+}} iter_args(%{{.+}} = %[[FULL]])
//       CHECK:       attn.weights
//   CHECK-DAG:     tensor.parallel_insert_slice %[[RES]]#0 into %[[O]]
//   CHECK-DAG:     tensor.parallel_insert_slice %[[RES]]#1 into %[[LSE]]
//   CHECK-DAG:     tensor.parallel_insert_slice %[[RES]]#2 into %[[MAX]]
//   CHECK-DAG:     tensor.parallel_insert_slice %[[ALL]] into %[[W]]
func.func @weights_take_a_second_visit(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>,
    %o: tensor<?x3xf32>, %lse: tensor<?xf32>, %max: tensor<?xf32>, %w: tensor<?x?xf32>)
    -> (tensor<?x3xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x?xf32>) {
  %0:4 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    outs(out %o : tensor<?x3xf32>, lse %lse : tensor<?xf32>, max %max : tensor<?xf32>, weights %w : tensor<?x?xf32>)
    maps [#q, #k, #v, #o, #i, #i, #ij] normalizer(#attn.softmax) {attn.plan = #plan}
  return %0#0, %0#1, %0#2, %0#3 : tensor<?x3xf32>, tensor<?xf32>, tensor<?xf32>, tensor<?x?xf32>
}

// -----

// Top-k: one visit of the keys, with two lists of 3 ranks beside the state. In the end their scores become weights. Sizes
// are all unknown but D, Dv and k, so that anything over rows and keys would show as tensor<?x?..> here.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#i = affine_map<(i, j, d, e) -> (i)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @top_k_goes_along
//   CHECK-NOT:   tensor<?x?x
//   CHECK-DAG:   %[[NONE:.+]] = arith.constant 0xFF800000 : f32
//   CHECK-DAG:   %[[BEFORE:.+]] = arith.constant -1 : i32
//       CHECK:   scf.forall {{.+}} shared_outs(%[[O:.+]] = %{{.+}}, %[[V:.+]] = %{{.+}}, %[[X:.+]] = %{{.+}})
//       CHECK:     linalg.fill {attn.role = "init"} ins(%[[NONE]] : f32) outs(%{{.+}} : tensor<3x16xf32>)
//       CHECK:     linalg.fill {attn.role = "init"} ins(%[[BEFORE]] : i32) outs(%{{.+}} : tensor<3x16xi32>)
//       CHECK:     scf.for {{.+}} -> (tensor<3x16xf32>, tensor<16xf32>, tensor<16xf32>, tensor<3x16xf32>, tensor<3x16xi32>)
//       CHECK:       attn.online ins({{.+}} top_k(3) plan
//       CHECK:     %[[STATE:.+]]:5 = scf.if
//       CHECK:       linalg.fill {attn.role = "redo"} ins(%[[NONE]] : f32)
//       CHECK:       attn.online guarded {{.+}} top_k(3) plan
//       CHECK:     attn.finalize ins(
//       CHECK:     %[[SCORES:.+]] = tensor.extract_slice %[[STATE]]#3[0, 0] [3, %[[N:.+]]] [1, 1]
//       CHECK:     %[[TOP:.+]] = tensor.extract_slice %[[STATE]]#3[0, 0] [1, %[[N]]] [1, 1] : tensor<3x16xf32> to tensor<?xf32>
//       CHECK:     %[[VALUES:.+]] = linalg.generic {{.+}} ins(%[[SCORES]], %[[TOP]], {{.+}} : tensor<3x?xf32>, {{.+}} outs({{.+}} : tensor<?x3xf32>) attrs = {attn.role = "unpack"}
//       CHECK:     %[[KEYS:.+]] = tensor.extract_slice %[[STATE]]#4
//       CHECK:     %[[INDICES:.+]] = linalg.generic {{.+}} ins(%[[KEYS]], {{.+}} : tensor<3x?xi32>, {{.+}} outs({{.+}} : tensor<?x3xi32>) attrs = {attn.role = "unpack"}
//   CHECK-NOT:     attn.weights
//   CHECK-DAG:     tensor.parallel_insert_slice %[[VALUES]] into %[[V]]
//   CHECK-DAG:     tensor.parallel_insert_slice %[[INDICES]] into %[[X]]
func.func @top_k_goes_along(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x3xf32>, %o: tensor<?x3xf32>,
    %h: tensor<?x3xf32>, %x: tensor<?x3xi32>) -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xi32>) {
  %0:3 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
    outs(out %o : tensor<?x3xf32>, topk_values %h : tensor<?x3xf32>, topk_indices %x : tensor<?x3xi32>)
    maps [#q, #k, #v, #o, #i, #i] normalizer(#attn.softmax) {attn.plan = #plan}
  return %0#0, %0#1, %0#2 : tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xi32>
}

// -----

// No keys: results without keys, and weights that hold nothing.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#ij = affine_map<(i, j, d, e) -> (i, j)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @no_keys
//   CHECK-NOT:   attn.online
//       CHECK:   attn.finalize
//   CHECK-NOT:   attn.weights
//       CHECK:   return
func.func @no_keys(%q: tensor<21x4xf32>, %k: tensor<0x4xf32>, %v: tensor<0x3xf32>, %o: tensor<21x3xf32>,
                   %w: tensor<21x0xf32>) -> (tensor<21x3xf32>, tensor<21x0xf32>) {
  %0:2 = attn.generic ins(%q, %k, %v : tensor<21x4xf32>, tensor<0x4xf32>, tensor<0x3xf32>)
    outs(out %o : tensor<21x3xf32>, weights %w : tensor<21x0xf32>) maps [#q, #k, #v, #o, #ij]
    normalizer(#attn.softmax) {attn.plan = #plan}
  return %0#0, %0#1 : tensor<21x3xf32>, tensor<21x0xf32>
}

// -----

// Other ops are left alone.

// CHECK-LABEL: func.func @no_attention
//  CHECK-NEXT:   linalg.matmul
//  CHECK-NEXT:   return
func.func @no_attention(%a: tensor<5x4xf32>, %b: tensor<4x3xf32>, %c: tensor<5x3xf32>) -> tensor<5x3xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<5x4xf32>, tensor<4x3xf32>) outs(%c : tensor<5x3xf32>) -> tensor<5x3xf32>
  return %0 : tensor<5x3xf32>
}

// -----

// 16-bit keys and values are converted once per key tile, in the key loop and into scratch of the tile's size.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 8, register_tile = [4, 2]>

// CHECK-LABEL: func.func @widens_narrow_keys
//       CHECK:   scf.for
//       CHECK:     %[[K_TILE:.+]] = tensor.extract_slice %{{.+}} : tensor<24x4xbf16> to tensor<12x4xbf16>
//       CHECK:     %[[K:.+]] = linalg.generic {{.+}} ins(%[[K_TILE]] : tensor<12x4xbf16>) outs(%{{.+}} : tensor<12x4xf32>) attrs = {attn.role = "widen"}
//       CHECK:       arith.extf
//       CHECK:     %[[V:.+]] = linalg.generic {{.+}} outs(%{{.+}} : tensor<12x3xf32>) attrs = {attn.role = "widen"}
//       CHECK:     attn.online ins(%{{.+}}, %[[K]], %[[V]] : tensor<4x16xf32>, tensor<12x4xf32>, tensor<12x3xf32>)
func.func @widens_narrow_keys(%q: tensor<32x4xbf16>, %k: tensor<24x4xbf16>, %v: tensor<24x3xbf16>,
                              %o: tensor<32x3xbf16>) -> tensor<32x3xbf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<32x4xbf16>, tensor<24x4xbf16>, tensor<24x3xbf16>)
    outs(out %o : tensor<32x3xbf16>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.plan = #plan}
  return %0 : tensor<32x3xbf16>
}

// -----

// With products of bf16 nothing is widened, and Q is not scaled. Only rows that have to be redone are computed as without.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#plan = #attn.plan<online, rows_minor, rows = 16, keys = 12, lanes = 16, register_tile = [4, 1], precision = bf16>

// CHECK-LABEL: func.func @multiplies_in_bf16
//       CHECK:   %[[Q:.+]] = linalg.generic {{.+}} outs(%{{.+}} : tensor<4x16xbf16>) {{.*}}"pack"
//  CHECK-NEXT:   ^bb0(%[[IN:.+]]: bf16, %{{.+}}: bf16):
//  CHECK-NEXT:     linalg.yield %[[IN]]
//       CHECK:   scf.for
//       CHECK:     %[[K:.+]] = tensor.extract_slice %{{.+}} : tensor<24x4xbf16> to tensor<12x4xbf16>
//       CHECK:     %[[V:.+]] = tensor.extract_slice %{{.+}} : tensor<24x3xbf16> to tensor<12x3xbf16>
//       CHECK:     attn.online ins(%[[Q]], %[[K]], %[[V]] : {{.+}} scale(5.000000e-01) exponent_scale(1.442695
//       CHECK:   scf.if
//       CHECK:     linalg.generic {{.+}} outs(%{{.+}} : tensor<4x16xf32>) {{.*}}"pack"
//       CHECK:     attn.online guarded ins({{.+}} : tensor<4x16xf32>, tensor<?x4xf32>, tensor<?x3xf32>)
func.func @multiplies_in_bf16(%q: tensor<16x4xbf16>, %k: tensor<24x4xbf16>, %v: tensor<24x3xbf16>,
                              %o: tensor<16x3xbf16>) -> tensor<16x3xbf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<16x4xbf16>, tensor<24x4xbf16>, tensor<24x3xbf16>)
    outs(out %o : tensor<16x3xbf16>) maps [#q, #k, #v, #o] scale(5.000000e-01) normalizer(#attn.softmax)
    {attn.plan = #plan}
  return %0 : tensor<16x3xbf16>
}
