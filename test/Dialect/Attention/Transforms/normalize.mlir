// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,canonicalize,cse))' | FileCheck %s
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-normalize,canonicalize,cse))' | FileCheck %s

// Loops are numbered b, h, i, j, d, e, with g after h where heads share keys.

// CHECK-DAG: #[[Q:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d4)>
// CHECK-DAG: #[[K:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d3, d4)>
// CHECK-DAG: #[[V:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d3, d5)>
// CHECK-DAG: #[[O:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d5)>
// CHECK-DAG: #[[Q_BNHD:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d4)>
// CHECK-DAG: #[[K_BNHD:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d4)>
// CHECK-DAG: #[[V_BNHD:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d5)>
// CHECK-DAG: #[[O_BNHD:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d5)>
// CHECK-DAG: #[[ROWS:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2)>
// CHECK-DAG: #[[PAIRS:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3)>
// CHECK-DAG: #[[BIAS:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d1, d3)>
// CHECK-DAG: #[[MASK:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d2, d3)>
// CHECK-DAG: #[[GQ:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3, d5)>
// CHECK-DAG: #[[GK:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d4, d5)>
// CHECK-DAG: #[[GV:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d4, d6)>
// CHECK-DAG: #[[GO:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3, d6)>
// CHECK-DAG: #[[GBIAS:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d1, d2)>
// CHECK-DAG: #[[GROWS:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d2, d3)>

// As many heads of Q as of K: no view at all, and a scale of 1/sqrt(D).

// CHECK-LABEL: func.func @equal_heads
//  CHECK-SAME:   %[[Q_:[^ :]+]]: tensor<1x2x5x16xf16>, %[[K_:[^ :]+]]: tensor<1x2x7x16xf16>, %[[V_:[^ :]+]]: tensor<1x2x7x4xf16>
//       CHECK:   %[[INIT:.+]] = tensor.empty() : tensor<1x2x5x4xf16>
//       CHECK:   %[[R:.+]] = attn.generic ins(%[[Q_]], %[[K_]], %[[V_]]
//  CHECK-SAME:   outs(out %[[INIT]]
//  CHECK-SAME:   maps [#[[Q]], #[[K]], #[[V]], #[[O]]] scale(2.500000e-01) normalizer(#attn.softmax)
//       CHECK:   return %[[R]]
func.func @equal_heads(%q: tensor<1x2x5x16xf16>, %k: tensor<1x2x7x16xf16>,
                       %v: tensor<1x2x7x4xf16>) -> tensor<1x2x5x4xf16> {
  %o = attn.sdpa %q, %k, %v
    : (tensor<1x2x5x16xf16>, tensor<1x2x7x16xf16>, tensor<1x2x7x4xf16>) -> tensor<1x2x5x4xf16>
  return %o : tensor<1x2x5x4xf16>
}

// The other layout is other maps; lse and weights are [B,H,N] and [B,H,N,M] in both.

// CHECK-LABEL: func.func @bnhd
//       CHECK:   attn.generic {{.+}} outs(out %{{.+}} : tensor<1x5x2x4xf32>, lse %{{.+}} : tensor<1x2x5xf32>, weights %{{.+}} : tensor<1x2x5x7xf32>)
//  CHECK-SAME:   maps [#[[Q_BNHD]], #[[K_BNHD]], #[[V_BNHD]], #[[O_BNHD]], #[[ROWS]], #[[PAIRS]]]
func.func @bnhd(%q: tensor<1x5x2x16xf32>, %k: tensor<1x7x2x16xf32>, %v: tensor<1x7x2x4xf32>) -> tensor<1x2x5x7xf32> {
  %o, %lse, %w = attn.sdpa %q, %k, %v layout(bnhd) returns(out, lse, weights)
    : (tensor<1x5x2x16xf32>, tensor<1x7x2x16xf32>, tensor<1x7x2x4xf32>)
    -> tensor<1x5x2x4xf32>, tensor<1x2x5xf32>, tensor<1x2x5x7xf32>
  return %w : tensor<1x2x5x7xf32>
}

// Heads that share keys are split into [Hkv, G] in Q, bias and results, never in K and V; the group is a row loop.

// CHECK-LABEL: func.func @grouped_heads_are_rows
//  CHECK-SAME:   %[[Q_:[^ :]+]]: tensor<3x8x5x16xbf16>, %[[K_:[^ :]+]]: tensor<3x2x7x16xbf16>, %[[V_:[^ :]+]]: tensor<3x2x7x4xbf16>, %[[B_:[^ :]+]]: tensor<8x1x1xf32>
//   CHECK-DAG:   %[[QE:.+]] = tensor.expand_shape %[[Q_]] {{\[\[}}0], [1, 2], [3], [4]] {{.+}} into tensor<3x2x4x5x16xbf16>
//   CHECK-DAG:   %[[BS:.+]] = tensor.extract_slice %[[B_]][0, 0, 0] [8, 1, 1] [1, 1, 1] : tensor<8x1x1xf32> to tensor<8xf32>
//   CHECK-DAG:   %[[BE:.+]] = tensor.expand_shape %[[BS]] {{\[\[}}0, 1]] {{.+}} into tensor<2x4xf32>
//       CHECK:   %[[R:.+]]:2 = attn.generic ins(%[[QE]], %[[K_]], %[[V_]] {{.+}} score_ins(%[[BE]] : tensor<2x4xf32>)
//  CHECK-SAME:   maps [#[[GQ]], #[[GK]], #[[GV]], #[[GBIAS]], #[[GO]], #[[GROWS]]]
//       CHECK:   ^bb0(%[[S:.+]]: f32, %[[B:.+]]: f32):
//       CHECK:     %[[SUM:.+]] = arith.addf %[[S]], %[[B]]
//       CHECK:     attn.yield %[[SUM]]
//   CHECK-DAG:   tensor.collapse_shape %[[R]]#0 {{\[\[}}0], [1, 2], [3], [4]] : tensor<3x2x4x5x4xbf16> into tensor<3x8x5x4xbf16>
//   CHECK-DAG:   tensor.collapse_shape %[[R]]#1 {{\[\[}}0], [1, 2], [3]] : tensor<3x2x4x5xf32> into tensor<3x8x5xf32>
func.func @grouped_heads_are_rows(%q: tensor<3x8x5x16xbf16>, %k: tensor<3x2x7x16xbf16>, %v: tensor<3x2x7x4xbf16>,
                                  %bias: tensor<8x1x1xf32>) -> (tensor<3x8x5x4xbf16>, tensor<3x8x5xf32>) {
  %o, %lse = attn.sdpa %q, %k, %v bias(%bias : tensor<8x1x1xf32>) returns(out, lse)
    : (tensor<3x8x5x16xbf16>, tensor<3x2x7x16xbf16>, tensor<3x2x7x4xbf16>)
    -> tensor<3x8x5x4xbf16>, tensor<3x8x5xf32>
  return %o, %lse : tensor<3x8x5x4xbf16>, tensor<3x8x5xf32>
}

// A bias of another type is added in accumulator type; a causal mask and a given one both have to keep.

// CHECK-LABEL: func.func @bias_mask_and_causal
//       CHECK:   attn.generic {{.+}} score_ins(%{{.+}} : tensor<2x7xbf16>) mask_ins(%{{.+}} : tensor<5x7xi1>)
//  CHECK-SAME:   maps [#[[Q]], #[[K]], #[[V]], #[[BIAS]], #[[MASK]], #[[O]]] scale(5.000000e-01)
//       CHECK:   ^bb0(%[[S:.+]]: f32, %[[B:.+]]: bf16):
//       CHECK:     %[[EXT:.+]] = arith.extf %[[B]] : bf16 to f32
//       CHECK:     arith.addf %[[S]], %[[EXT]]
//       CHECK:   ^bb0(%[[M:.+]]: i1):
//   CHECK-DAG:     %[[C2:.+]] = arith.constant 2 : index
//   CHECK-DAG:     %[[I:.+]] = attn.index 2
//   CHECK-DAG:     %[[J:.+]] = attn.index 3
//       CHECK:     %[[LAST:.+]] = arith.addi %[[I]], %[[C2]]
//       CHECK:     %[[CAUSAL:.+]] = arith.cmpi sle, %[[J]], %[[LAST]]
//       CHECK:     arith.andi %[[CAUSAL]], %[[M]]
func.func @bias_mask_and_causal(%q: tensor<1x2x5x16xf32>, %k: tensor<1x2x7x16xf32>, %v: tensor<1x2x7x4xf32>,
                                %bias: tensor<1x2x1x7xbf16>, %mask: tensor<5x7xi1>) -> tensor<1x2x5x4xf32> {
  %o = attn.sdpa %q, %k, %v bias(%bias : tensor<1x2x1x7xbf16>) mask(%mask : tensor<5x7xi1>) causal(bottom_right)
    scale(0.5) : (tensor<1x2x5x16xf32>, tensor<1x2x7x16xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %o : tensor<1x2x5x4xf32>
}

// CHECK-LABEL: func.func @causal_top_left
//       CHECK:   mask {
//   CHECK-DAG:     %[[I:.+]] = attn.index 2
//   CHECK-DAG:     %[[J:.+]] = attn.index 3
//       CHECK:     arith.cmpi sle, %[[J]], %[[I]]
func.func @causal_top_left(%q: tensor<1x2x5x16xf32>, %k: tensor<1x2x7x16xf32>,
                           %v: tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32> {
  %o = attn.sdpa %q, %k, %v causal(top_left)
    : (tensor<1x2x5x16xf32>, tensor<1x2x7x16xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %o : tensor<1x2x5x4xf32>
}

// What types leave open is asserted once; M - N is a capture; H is split where it may differ from Hkv.

// CHECK-LABEL: func.func @dynamic
//  CHECK-SAME:   %[[Q_:[^ :]+]]: tensor<?x?x?x16xf32>, %[[K_:[^ :]+]]: tensor<?x?x?x16xf32>, %[[V_:[^ :]+]]: tensor<?x?x7x4xf32>
//   CHECK-DAG:   %[[N:.+]] = tensor.dim %[[Q_]], %c2
//   CHECK-DAG:   cf.assert %{{.+}}, "'query' and 'key' agree on B"
//   CHECK-DAG:   cf.assert %{{.+}}, "'query' and 'value' agree on B"
//   CHECK-DAG:   cf.assert %{{.+}}, "'key' and 'value' agree on Hkv"
//   CHECK-DAG:   cf.assert %{{.+}}, "'query' and 'mask' agree on N"
//   CHECK-DAG:   cf.assert %{{.+}}, "'key' and 'value' agree on M"
//   CHECK-DAG:   cf.assert %{{.+}}, "H is a multiple of Hkv"
//   CHECK-DAG:   %[[OFF:.+]] = arith.subi %c7, %[[N]]
//   CHECK-NOT:   cf.assert
//       CHECK:   attn.generic {{.+}} captures(%[[OFF]] : index) {{.+}} {attn.checked}
//   CHECK-NOT:   cf.assert
//       CHECK:   return
func.func @dynamic(%q: tensor<?x?x?x16xf32>, %k: tensor<?x?x?x16xf32>, %v: tensor<?x?x7x4xf32>,
                   %mask: tensor<?x7xi1>) -> tensor<?x?x?x4xf32> {
  %o = attn.sdpa %q, %k, %v mask(%mask : tensor<?x7xi1>) causal(bottom_right)
    : (tensor<?x?x?x16xf32>, tensor<?x?x?x16xf32>, tensor<?x?x7x4xf32>) -> tensor<?x?x?x4xf32>
  return %o : tensor<?x?x?x4xf32>
}

// attn.generic is checked, too.

// CHECK-LABEL: func.func @generic_is_checked
//   CHECK-DAG:   cf.assert %{{.+}}, "'query' and 'score operand 0' agree on loop 0"
//   CHECK-DAG:   cf.assert %{{.+}}, "'score operand 0' and 'out' agree on loop 0"
//   CHECK-DAG:   cf.assert %{{.+}}, "'key' and 'value' agree on loop 1"
//   CHECK-NOT:   cf.assert
//       CHECK:   attn.generic {{.+}} {attn.checked}
func.func @generic_is_checked(%q: tensor<?x8xf32>, %k: tensor<?x8xf32>, %v: tensor<7x4xf32>, %b: tensor<5xf32>,
                              %o: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x8xf32>, tensor<?x8xf32>, tensor<7x4xf32>)
    score_ins(%b : tensor<5xf32>) outs(out %o : tensor<?x4xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i)>, affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %x: f32):
      %z = arith.addf %s, %x : f32
      attn.yield %z : f32
    }
  return %0 : tensor<?x4xf32>
}

// Scores of -inf are masked keys: their condition moves to the mask, with the operand that it reads. Nothing is left of
// the score region but the score.

// CHECK-LABEL: func.func @score_of_minus_infinity_is_a_mask
//  CHECK-SAME:   %[[LAST:[^ ]+]]: tensor<5xi32>
//       CHECK:   attn.generic
//   CHECK-NOT:     score
//  CHECK-SAME:     mask_ins(%[[LAST]] : tensor<5xi32>) captures(%{{.+}} : index)
//   CHECK-NOT:     score {
//       CHECK:   mask {
//  CHECK-NEXT:     ^bb0(%[[L:.+]]: i32, %[[W:.+]]: index):
//   CHECK-DAG:       %[[J:.+]] = attn.index 1
//   CHECK-DAG:       %[[END:.+]] = arith.index_cast %[[L]]
//   CHECK-DAG:       %[[INSIDE:.+]] = arith.cmpi sle, %[[J]], %[[END]]
//   CHECK-DAG:       %[[NEAR:.+]] = arith.cmpi slt, %{{.+}}, %[[W]]
//       CHECK:       %[[BOTH:.+]] = arith.andi %[[INSIDE]], %[[NEAR]]
//       CHECK:       attn.yield %[[BOTH]]
func.func @score_of_minus_infinity_is_a_mask(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>,
                                             %last: tensor<5xi32>, %w: index, %o: tensor<5x4xf32>) -> tensor<5x4xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    score_ins(%last : tensor<5xi32>) captures(%w : index) outs(out %o : tensor<5x4xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i)>, affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %l: i32, %width: index):
      %inf = arith.constant 0xFF800000 : f32
      %i = attn.index 0
      %j = attn.index 1
      %distance = arith.subi %i, %j : index
      %near = arith.cmpi slt, %distance, %width : index
      %end = arith.index_cast %l : i32 to index
      %outside = arith.cmpi sgt, %j, %end : index
      %inner = arith.select %near, %s, %inf : f32
      %outer = arith.select %outside, %inf, %inner : f32
      attn.yield %outer : f32
    }
  return %0 : tensor<5x4xf32>
}

// A condition on the score itself is none on rows and keys.

// CHECK-LABEL: func.func @score_decides_itself
//       CHECK:   attn.generic
//   CHECK-NOT:   mask {
//       CHECK:   return
func.func @score_decides_itself(%q: tensor<5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>,
                                %o: tensor<5x4xf32>) -> tensor<5x4xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x8xf32>, tensor<7x8xf32>, tensor<7x4xf32>) outs(out %o : tensor<5x4xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32):
      %inf = arith.constant 0xFF800000 : f32
      %zero = arith.constant 0.0 : f32
      %positive = arith.cmpf ogt, %s, %zero : f32
      %kept = arith.select %positive, %s, %inf : f32
      attn.yield %kept : f32
    }
  return %0 : tensor<5x4xf32>
}

// The similarity region says what is additive about it. A mask of size 1 along the rows repeats.

// CHECK-LABEL: func.func @additive
//  CHECK-SAME:   %[[Q_:[^ :]+]]: tensor<2x?x8xbf16>, %[[K_:[^ :]+]]: tensor<2x?x8xbf16>, %[[V_:[^ :]+]]: tensor<2x?x4xbf16>,
//  CHECK-SAME:   %[[W_:[^ :]+]]: tensor<8xbf16>, %[[M_:[^ :]+]]: tensor<2x1x?xi1>)
//   CHECK-DAG:   %[[SLICE:.+]] = tensor.extract_slice %[[M_]][0, 0, 0] [2, 1, %{{.+}}] [1, 1, 1] : tensor<2x1x?xi1> to tensor<2x?xi1>
//   CHECK-DAG:   cf.assert %{{.+}}, "'key' and 'value' agree on M"
//   CHECK-DAG:   cf.assert %{{.+}}, "'key' and 'mask' agree on M"
//       CHECK:   attn.generic ins(%[[Q_]], %[[K_]], %[[V_]] {{.+}} similarity_ins(%[[W_]] : tensor<8xbf16>) mask_ins(%[[SLICE]] : tensor<2x?xi1>)
//  CHECK-SAME:     normalizer(#attn.softmax)
//       CHECK:   ^bb0(%[[QD:.+]]: f32, %[[KD:.+]]: f32, %[[WD:.+]]: bf16):
//   CHECK-DAG:     %[[WF:.+]] = arith.extf %[[WD]] : bf16 to f32
//   CHECK-DAG:     %[[SUM:.+]] = arith.addf %[[QD]], %[[KD]] : f32
//       CHECK:     %[[TANH:.+]] = math.tanh %[[SUM]] : f32
//       CHECK:     %[[TERM:.+]] = arith.mulf %[[WF]], %[[TANH]] : f32
//       CHECK:     attn.yield %[[TERM]] : f32
//       CHECK:   mask {
func.func @additive(%q: tensor<2x?x8xbf16>, %k: tensor<2x?x8xbf16>, %v: tensor<2x?x4xbf16>, %w: tensor<8xbf16>,
                    %mask: tensor<2x1x?xi1>) -> tensor<2x?x4xbf16> {
  %o = attn.additive %q, %k, %v weight(%w : tensor<8xbf16>) mask(%mask : tensor<2x1x?xi1>)
    : (tensor<2x?x8xbf16>, tensor<2x?x8xbf16>, tensor<2x?x4xbf16>) -> tensor<2x?x4xbf16>
  return %o : tensor<2x?x4xbf16>
}

// -----

// Every element is computed by itself, from the other element of its pair; positions lie within the tables.

// CHECK-LABEL: func.func @rope
//  CHECK-SAME:   %[[X:[^ :]+]]: tensor<?x3x5x9xbf16>, %[[COS:[^ :]+]]: tensor<?x2xf32>, %[[SIN:[^ :]+]]: tensor<?x2xf32>, %[[P:[^ :]+]]: tensor<?x5xi32>)
//   CHECK-DAG:   cf.assert %{{.+}}, "'cos' and 'sin' agree on P"
//   CHECK-DAG:   cf.assert %{{.+}}, "'input' and 'positions' agree on B"
//   CHECK-DAG:   cf.assert %{{.+}}, "'cos' has a position"
//       CHECK:   linalg.generic {indexing_maps = [#[[ALL:[^ ,]+]], #{{[^ ,]+}}, #[[ALL]]], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%[[X]], %[[P]] :
//       CHECK:   ^bb0(%[[E:.+]]: bf16, %[[AT:.+]]: i32, %{{.+}}: bf16):
//   CHECK-DAG:     %[[B:.+]] = linalg.index 0
//   CHECK-DAG:     %[[H:.+]] = linalg.index 1
//   CHECK-DAG:     %[[I:.+]] = linalg.index 2
//   CHECK-DAG:     %[[D:.+]] = linalg.index 3
//       CHECK:     %[[LOW:.+]] = arith.maxsi %{{.+}}, %c0
//       CHECK:     %[[AT_:.+]] = arith.minsi %[[LOW]], %{{.+}}
//       CHECK:     %[[TURNED:.+]] = arith.cmpi ult, %[[D]], %c4
//       CHECK:     %[[OTHER:.+]] = arith.xori %[[D]], %c1
//       CHECK:     %[[PARTNER:.+]] = arith.select %[[TURNED]], %[[OTHER]], %[[D]]
//       CHECK:     tensor.extract %[[X]][%[[B]], %[[H]], %[[I]], %[[PARTNER]]]
//       CHECK:     tensor.extract %[[COS]][%[[AT_]], %[[PAIR:.+]]]
//       CHECK:     tensor.extract %[[SIN]][%[[AT_]], %[[PAIR]]]
//       CHECK:     %[[NARROW:.+]] = arith.truncf %{{.+}} : f32 to bf16
//       CHECK:     %[[R:.+]] = arith.select %[[TURNED]], %[[NARROW]], %[[E]]
//       CHECK:     linalg.yield %[[R]]
func.func @rope(%x: tensor<?x3x5x9xbf16>, %cos: tensor<?x2xf32>, %sin: tensor<?x2xf32>, %p: tensor<?x5xi32>)
    -> tensor<?x3x5x9xbf16> {
  %r = attn.rope %x, %cos, %sin positions(%p : tensor<?x5xi32>) interleaved
    : (tensor<?x3x5x9xbf16>, tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x3x5x9xbf16>
  return %r : tensor<?x3x5x9xbf16>
}

// -----

// One product makes Q, K and V side by side; heads are views of it. Products are summed in f32 and rounded behind the bias;
// weights stay as they are stored. What norms the queries has the group of heads as a loop.

// CHECK-LABEL: func.func @multi_head
//  CHECK-SAME:   %[[X:[^ :]+]]: tensor<2x?x6xbf16>, %[[W:[^ :]+]]: tensor<32x6xbf16>, %[[B:[^ :]+]]: tensor<32xbf16>, %[[WO:[^ :]+]]: tensor<5x16xbf16>, %[[G:[^ :]+]]: tensor<4xbf16>)
//       CHECK:   %[[SUM:.+]] = linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%[[X]], %[[W]] : {{.*}} outs(%{{.+}} : tensor<2x?x32xf32>)
//       CHECK:   %[[ROWS:.+]] = linalg.generic {{.*}} ins(%[[SUM]], %[[B]] : {{.*}} outs(%{{.+}} : tensor<2x?x32xbf16>)
//       CHECK:     arith.truncf
//       CHECK:   %[[QROWS:.+]] = tensor.extract_slice %[[ROWS]][0, 0, 0] [2, %{{.+}}, 16]
//       CHECK:   %[[KROWS:.+]] = tensor.extract_slice %[[ROWS]][0, 0, 16] [2, %{{.+}}, 8]
//       CHECK:   %[[KHEADS:.+]] = tensor.expand_shape %[[KROWS]] {{.*}} into tensor<2x?x2x4xbf16>
//       CHECK:   %[[VROWS:.+]] = tensor.extract_slice %[[ROWS]][0, 0, 24] [2, %{{.+}}, 8]
//       CHECK:   %[[V:.+]] = tensor.expand_shape %[[VROWS]] {{.*}} into tensor<2x?x2x4xbf16>
//       CHECK:   %[[K:.+]] = linalg.generic {{.*}} ins(%[[KHEADS]], %{{.+}}, %[[G]] :
//       CHECK:     math.sqrt
//       CHECK:   %[[QHEADS:.+]] = tensor.expand_shape %[[QROWS]] {{.*}} into tensor<2x?x2x2x4xbf16>
//       CHECK:   %[[Q:.+]] = linalg.generic {{.*}} ins(%[[QHEADS]], %{{.+}}, %[[G]] : {{.*}} outs(%{{.+}} : tensor<2x?x2x2x4xbf16>)
//       CHECK:   %[[O:.+]] = attn.generic ins(%[[Q]], %[[K]], %[[V]] : {{.*}} scale(5.000000e-01)
//       CHECK:   %[[JOINED:.+]] = tensor.collapse_shape %[[O]] {{.*}} into tensor<2x?x16xbf16>
//       CHECK:   linalg.generic {{.*}} ins(%[[JOINED]], %[[WO]] : {{.*}} outs(%{{.+}} : tensor<2x?x5xf32>)
func.func @multi_head(%x: tensor<2x?x6xbf16>, %w: tensor<32x6xbf16>, %b: tensor<32xbf16>, %o: tensor<5x16xbf16>, %g: tensor<4xbf16>)
    -> tensor<2x?x5xbf16> {
  %r = attn.multi_head %x weights(%w : tensor<32x6xbf16>) out(%o : tensor<5x16xbf16>) transposed bias(%b : tensor<32xbf16>)
    heads(4, 2) norm rms(%g, %g : tensor<4xbf16>, tensor<4xbf16>) causal(top_left) : (tensor<2x?x6xbf16>) -> tensor<2x?x5xbf16>
  return %r : tensor<2x?x5xbf16>
}

// -----

// Sizes that a linalg op's operands share are compared as those of attention are: a kernel would read beyond the factors.

// CHECK-LABEL: func.func @producer
//  CHECK-SAME:   (%{{.+}}: tensor<3x8xf32>, %[[K:.+]]: tensor<?x8xi8>, %[[F:.+]]: tensor<?xf32>
//       CHECK:   %[[SIZE:.+]] = tensor.dim %[[K]], %c0
//       CHECK:   %[[FACTORS:.+]] = tensor.dim %[[F]], %c0
//       CHECK:   %[[SAME:.+]] = arith.cmpi eq, %[[SIZE]], %[[FACTORS]]
//       CHECK:   cf.assert %[[SAME]], "'input 0' and 'input 1' agree on loop 0"
//       CHECK:   linalg.generic
#element = affine_map<(j, d) -> (j, d)>
#token = affine_map<(j, d) -> (j)>
func.func @producer(%q: tensor<3x8xf32>, %k: tensor<?x8xi8>, %factor: tensor<?xf32>, %o: tensor<3x8xf32>)
    -> tensor<3x8xf32> {
  %c0 = arith.constant 0 : index
  %size = tensor.dim %k, %c0 : tensor<?x8xi8>
  %init = tensor.empty(%size) : tensor<?x8xf32>
  %made = linalg.generic {indexing_maps = [#element, #token, #element], iterator_types = ["parallel", "parallel"]}
    ins(%k, %factor : tensor<?x8xi8>, tensor<?xf32>) outs(%init : tensor<?x8xf32>) {
  ^bb0(%stored: i8, %f: f32, %unused: f32):
    %float = arith.sitofp %stored : i8 to f32
    %value = arith.mulf %float, %f : f32
    linalg.yield %value : f32
  } -> tensor<?x8xf32>
  %r = attn.generic ins(%q, %made, %made : tensor<3x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>)
    outs(out %o : tensor<3x8xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
  return %r : tensor<3x8xf32>
}
