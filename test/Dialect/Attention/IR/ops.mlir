// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s -mlir-print-op-generic | attn-opt | FileCheck %s

// Every op and every clause of its syntax, printed as it is parsed.

// CHECK-LABEL: func.func @sdpa
//       CHECK:   attn.sdpa %{{[^ )]+}}, %{{[^ )]+}}, %{{[^ )]+}} : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
func.func @sdpa(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32> {
  %o = attn.sdpa %q, %k, %v
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return %o : tensor<1x8x5x48xf32>
}

// CHECK-LABEL: func.func @sdpa_all
//       CHECK:   %{{[^ )]+}}:3 = attn.sdpa %{{[^ )]+}}, %{{[^ )]+}}, %{{[^ )]+}} bias(%{{[^ )]+}} : tensor<5x1xf32>) mask(%{{[^ )]+}} : tensor<1x5x7xi1>)
//  CHECK-SAME:   causal(bottom_right) layout(bnhd) scale(2.500000e-01) returns(out, lse, weights)
func.func @sdpa_all(%q: tensor<3x5x8x64xbf16>, %k: tensor<3x7x2x64xbf16>, %v: tensor<3x7x2x48xbf16>,
                    %bias: tensor<5x1xf32>, %mask: tensor<1x5x7xi1>) -> tensor<3x5x8x48xbf16> {
  %o, %lse, %w = attn.sdpa %q, %k, %v bias(%bias : tensor<5x1xf32>) mask(%mask : tensor<1x5x7xi1>) causal(bottom_right)
    layout(bnhd) scale(0.25) returns(out, lse, weights)
    : (tensor<3x5x8x64xbf16>, tensor<3x7x2x64xbf16>, tensor<3x7x2x48xbf16>)
    -> tensor<3x5x8x48xbf16>, tensor<3x8x5xf32>, tensor<3x8x5x7xf32>
  return %o : tensor<3x5x8x48xbf16>
}

// Nothing needs to be known but D, and with a scale not even that. No heads at all are heads, too.

// CHECK-LABEL: func.func @sdpa_dynamic
//       CHECK:   attn.sdpa {{.+}} scale(1.000000e+00)
//       CHECK:   attn.sdpa
func.func @sdpa_dynamic(%q: tensor<?x?x?x?xf16>, %k: tensor<?x?x?x?xf16>, %v: tensor<?x?x?x?xf16>,
                        %q0: tensor<1x0x5x8xf16>, %k0: tensor<1x0x0x8xf16>) -> tensor<?x?x?x?xf16> {
  %o = attn.sdpa %q, %k, %v scale(1.0)
    : (tensor<?x?x?x?xf16>, tensor<?x?x?x?xf16>, tensor<?x?x?x?xf16>) -> tensor<?x?x?x?xf16>
  %o0 = attn.sdpa %q0, %k0, %k0 : (tensor<1x0x5x8xf16>, tensor<1x0x0x8xf16>, tensor<1x0x0x8xf16>) -> tensor<1x0x5x8xf16>
  return %o : tensor<?x?x?x?xf16>
}

// CHECK-LABEL: func.func @additive
//       CHECK:   attn.additive %{{[^ )]+}}, %{{[^ )]+}}, %{{[^ )]+}} weight(%{{[^ )]+}} : tensor<8xf32>) : (tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) -> tensor<2x5x4xf32>
//       CHECK:   attn.additive %{{.+}} weight(%{{.+}} : tensor<8xf32>) mask(%{{[^ )]+}} : tensor<2x1x?xi1>) returns(out, lse, weights)
func.func @additive(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %w: tensor<8xf32>,
                    %mask: tensor<2x1x?xi1>) -> tensor<2x5x4xf32> {
  %o = attn.additive %q, %k, %v weight(%w : tensor<8xf32>)
    : (tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) -> tensor<2x5x4xf32>
  %r:3 = attn.additive %q, %k, %v weight(%w : tensor<8xf32>) mask(%mask : tensor<2x1x?xi1>) returns(out, lse, weights)
    : (tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>)
    -> tensor<2x5x4xf32>, tensor<2x5xf32>, tensor<2x5x7xf32>
  return %o : tensor<2x5x4xf32>
}

// CHECK-LABEL: func.func @rope
//       CHECK:   attn.rope %{{[^ )]+}}, %{{[^ )]+}}, %{{[^ )]+}} : (tensor<2x3x5x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5x8xf32>
//       CHECK:   attn.rope %{{.+}} positions(%{{[^ )]+}} : tensor<?xi64>) interleaved layout(bnhd) : (tensor<2x3x5x8xf32>, tensor<?x3xbf16>,
func.func @rope(%x: tensor<2x3x5x8xf32>, %t: tensor<5x4xf32>, %u: tensor<?x3xbf16>, %p: tensor<?xi64>)
    -> tensor<2x3x5x8xf32> {
  %a = attn.rope %x, %t, %t : (tensor<2x3x5x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5x8xf32>
  %b = attn.rope %a, %u, %u positions(%p : tensor<?xi64>) interleaved layout(bnhd)
    : (tensor<2x3x5x8xf32>, tensor<?x3xbf16>, tensor<?x3xbf16>) -> tensor<2x3x5x8xf32>
  return %b : tensor<2x3x5x8xf32>
}

// CHECK-LABEL: func.func @multi_head
//       CHECK:   attn.multi_head %{{[^ )]+}} weights(%{{[^ )]+}} : tensor<6x32xf32>) out(%{{[^ )]+}} : tensor<16x6xf32>) heads(4, 2) : (tensor<2x?x6xf32>) -> tensor<2x?x6xf32>
//       CHECK:   attn.multi_head %{{[^ )]+}} memory(%{{[^ )]+}} : tensor<2x7x8xf32>) weights(%{{.+}} : tensor<16x6xf32>, tensor<16x8xf32>, tensor<20x8xf32>)
//  CHECK-SAME:     out(%{{[^ )]+}} : tensor<6x20xf32>) transposed bias(%{{.+}} : tensor<16xf32>, tensor<16xf32>, tensor<20xf32>) out_bias(%{{[^ )]+}} : tensor<6xf32>)
//  CHECK-SAME:     heads(4) norm layer(%{{.+}} : tensor<4xf32>, tensor<4xf32>) epsilon(1.000000e-03) mask(%{{[^ )]+}} : tensor<7xi1>) scale(5.000000e-01)
//       CHECK:   attn.multi_head %{{.+}} rope(%{{.+}} : tensor<9x2xf32>, tensor<9x2xf32>) positions(%{{[^ )]+}} : tensor<?xi32>) interleaved causal(top_left) :
func.func @multi_head(%x: tensor<2x?x6xf32>, %y: tensor<2x7x8xf32>, %w: tensor<6x32xf32>, %o: tensor<16x6xf32>,
    %wq: tensor<16x6xf32>, %wk: tensor<16x8xf32>, %wv: tensor<20x8xf32>, %u: tensor<6x20xf32>, %b: tensor<16xf32>,
    %bv: tensor<20xf32>, %bo: tensor<6xf32>, %g: tensor<4xf32>, %m: tensor<7xi1>, %t: tensor<9x2xf32>, %p: tensor<?xi32>)
    -> tensor<2x?x6xf32> {
  %0 = attn.multi_head %x weights(%w : tensor<6x32xf32>) out(%o : tensor<16x6xf32>) heads(4, 2)
    : (tensor<2x?x6xf32>) -> tensor<2x?x6xf32>
  %1 = attn.multi_head %0 memory(%y : tensor<2x7x8xf32>)
    weights(%wq, %wk, %wv : tensor<16x6xf32>, tensor<16x8xf32>, tensor<20x8xf32>) out(%u : tensor<6x20xf32>) transposed
    bias(%b, %b, %bv : tensor<16xf32>, tensor<16xf32>, tensor<20xf32>) out_bias(%bo : tensor<6xf32>) heads(4)
    norm layer(%g, %g : tensor<4xf32>, tensor<4xf32>) epsilon(1.0e-3) mask(%m : tensor<7xi1>) scale(0.5)
    : (tensor<2x?x6xf32>) -> tensor<2x?x6xf32>
  %2 = attn.multi_head %1 weights(%w : tensor<6x32xf32>) out(%o : tensor<16x6xf32>) heads(4, 2)
    rope(%t, %t : tensor<9x2xf32>, tensor<9x2xf32>) positions(%p : tensor<?xi32>) interleaved causal(top_left)
    : (tensor<2x?x6xf32>) -> tensor<2x?x6xf32>
  return %2 : tensor<2x?x6xf32>
}

// CHECK-LABEL: func.func @generic_all
//       CHECK:   %{{[^ )]+}}:7 = attn.generic ins(%{{[^ )]+}}, %{{[^ )]+}}, %{{[^ )]+}} : tensor<2x5x8xbf16>, tensor<2x7x8xbf16>, tensor<2x7x4xf16>)
//  CHECK-SAME:   similarity_ins(%{{[^ )]+}} : tensor<8xf32>) score_ins(%{{[^ )]+}} : tensor<5x7xbf16>)
//  CHECK-SAME:   mask_ins(%{{[^ )]+}}, %{{[^ )]+}} : tensor<2x5xi32>, tensor<2x7xi32>) normalizer_ins(%{{[^ )]+}} : tensor<2xf32>)
//  CHECK-SAME:   captures(%{{[^ )]+}}, %{{[^ )]+}} : index, tensor<?xf32>) offsets(%{{[^ )]+}}, %{{[^ )]+}}, %{{[^ )]+}}, %{{[^ )]+}}, %{{[^)]+}})
//  CHECK-SAME:   outs(out %{{[^ )]+}} : tensor<2x5x4xbf16>, lse %{{[^ )]+}} : tensor<5x2xf32>, max %{{[^ )]+}} : tensor<2x5xf32>,
//  CHECK-SAME:   entropy %{{[^ )]+}} : tensor<2x5xf32>, weights %{{[^ )]+}} : tensor<2x5x7xf32>,
//  CHECK-SAME:   topk_values %{{[^ )]+}} : tensor<2x5x3xf32>, topk_indices %{{[^ )]+}} : tensor<2x5x3xi32>)
//  CHECK-SAME:   scale(2.500000e-01) normalizer(#attn.softmax_sink) similarity {
//       CHECK:   attn.index 3
//       CHECK: } score {
//       CHECK:   tensor.extract
//       CHECK: } mask {
//       CHECK:   attn.yield %{{[^ )]+}} : i1
func.func @generic_all(%q: tensor<2x5x8xbf16>, %k: tensor<2x7x8xbf16>, %v: tensor<2x7x4xf16>, %x: tensor<8xf32>,
                       %bias: tensor<5x7xbf16>, %qid: tensor<2x5xi32>, %kid: tensor<2x7xi32>, %sink: tensor<2xf32>,
                       %n: index, %table: tensor<?xf32>, %o: tensor<2x5x4xbf16>, %lse: tensor<5x2xf32>,
                       %row: tensor<2x5xf32>, %w: tensor<2x5x7xf32>, %tv: tensor<2x5x3xf32>,
                       %ti: tensor<2x5x3xi32>) -> tensor<2x5x4xbf16> {
  %r:7 = attn.generic ins(%q, %k, %v : tensor<2x5x8xbf16>, tensor<2x7x8xbf16>, tensor<2x7x4xf16>)
    similarity_ins(%x : tensor<8xf32>) score_ins(%bias : tensor<5x7xbf16>)
    mask_ins(%qid, %kid : tensor<2x5xi32>, tensor<2x7xi32>) normalizer_ins(%sink : tensor<2xf32>)
    captures(%n, %table : index, tensor<?xf32>) offsets(%n, %n, %n, %n, %n)
    outs(out %o : tensor<2x5x4xbf16>, lse %lse : tensor<5x2xf32>, max %row : tensor<2x5xf32>,
         entropy %row : tensor<2x5xf32>, weights %w : tensor<2x5x7xf32>, topk_values %tv : tensor<2x5x3xf32>,
         topk_indices %ti : tensor<2x5x3xi32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (d)>,
          affine_map<(b, i, j, d, e) -> (i, j)>, affine_map<(b, i, j, d, e) -> (b, i)>,
          affine_map<(b, i, j, d, e) -> (b, j)>, affine_map<(b, i, j, d, e) -> (b)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>, affine_map<(b, i, j, d, e) -> (i, b)>,
          affine_map<(b, i, j, d, e) -> (b, i)>, affine_map<(b, i, j, d, e) -> (b, i)>,
          affine_map<(b, i, j, d, e) -> (b, i, j)>, affine_map<(b, i, j, d, e) -> (b, i)>,
          affine_map<(b, i, j, d, e) -> (b, i)>]
    scale(2.500000e-01) normalizer(#attn.softmax_sink)
    similarity {
    ^bb0(%a: f32, %b: f32, %y: f32, %m: index, %t: tensor<?xf32>):
      %d = attn.index 3
      %di = arith.index_cast %d : index to i32
      %df = arith.sitofp %di : i32 to f32
      %sum = arith.addf %a, %b : f32
      %tanh = math.tanh %sum : f32
      %p = arith.mulf %y, %tanh : f32
      %z = arith.mulf %p, %df : f32
      attn.yield %z : f32
    } score {
    ^bb0(%s: f32, %c: bf16, %m: index, %t: tensor<?xf32>):
      %i = attn.index 1
      %y = tensor.extract %t[%i] : tensor<?xf32>
      %cf = arith.extf %c : bf16 to f32
      %u = arith.addf %s, %cf : f32
      %z = arith.addf %u, %y : f32
      attn.yield %z : f32
    } mask {
    ^bb0(%a: i32, %b: i32, %m: index, %t: tensor<?xf32>):
      %same = arith.cmpi eq, %a, %b : i32
      attn.yield %same : i1
    }
  return %r#0 : tensor<2x5x4xbf16>
}

// Loops are known by who uses them: here keys come first and rows last, two batch loops and two row loops.

#q = affine_map<(j, e, h, d, b, g, i) -> (b, i, h, g, d)>
#k = affine_map<(j, e, h, d, b, g, i) -> (h, j, b, d)>
#v = affine_map<(j, e, h, d, b, g, i) -> (h, b, e, j)>
#o = affine_map<(j, e, h, d, b, g, i) -> (e, b, i, h, g)>

// CHECK-LABEL: func.func @generic_order
//       CHECK:   attn.generic {{.+}} normalizer(#attn.sigmoid)
//       CHECK:   attn.generic {{.+}} normalizer(#attn.identity)
func.func @generic_order(%q: tensor<?x5x2x?x8xf64>, %k: tensor<2x?x?x8xf32>, %v: tensor<2x?x4x?xf16>,
                         %o: tensor<4x?x5x2x?xf32>) -> tensor<4x?x5x2x?xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<?x5x2x?x8xf64>, tensor<2x?x?x8xf32>, tensor<2x?x4x?xf16>)
    outs(out %o : tensor<4x?x5x2x?xf32>) maps [#q, #k, #v, #o] normalizer(#attn.sigmoid)
  %1 = attn.generic ins(%q, %k, %v : tensor<?x5x2x?x8xf64>, tensor<2x?x?x8xf32>, tensor<2x?x4x?xf16>)
    outs(out %0 : tensor<4x?x5x2x?xf32>) maps [#q, #k, #v, #o] normalizer(#attn.identity)
    score {
    ^bb0(%s: f64):
      %j = attn.index 0
      attn.yield %s : f64
    }
  return %1 : tensor<4x?x5x2x?xf32>
}

#tq = affine_map<(h, i, j, d, e) -> (d, i)>
#tk = affine_map<(h, i, j, d, e) -> (j, d)>
#tv = affine_map<(h, i, j, d, e) -> (j, e)>
#slope = affine_map<(h, i, j, d, e) -> (h)>
#ta = affine_map<(h, i, j, d, e) -> (e, i)>
#ts = affine_map<(h, i, j, d, e) -> (i)>

// h is fixed: no operand that is contracted uses it, but attn.index knows where the tile is.

// CHECK-LABEL: func.func @online
//       CHECK:   attn.online guarded ins(%{{[^)]+}}) score_ins(%{{[^ )]+}} : tensor<1xf32>) offsets(%{{[^)]+}}) outs(%{{[^)]+}})
//  CHECK-SAME:   exponent_scale(1.4426950408889634) normalizer(#attn.softmax)
//  CHECK-SAME:   plan(<online, rows_minor, rows = 16, keys = 8, lanes = 8, register_tile = [2, 2]>) score {
//       CHECK: } mask {
//       CHECK:   attn.index 0
//       CHECK:   attn.online ins
//  CHECK-SAME:   scale(2.000000e+00) exponent_scale(1.000000e+00) normalizer(#attn.sigmoid)
func.func @online(%q: tensor<8x16xf32>, %k: tensor<?x8xbf16>, %v: tensor<?x4xbf16>, %slope: tensor<1xf32>, %n: index,
                  %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %l: tensor<16xf32>) -> tensor<4x16xf32> {
  %0:3 = attn.online guarded ins(%q, %k, %v : tensor<8x16xf32>, tensor<?x8xbf16>, tensor<?x4xbf16>)
    score_ins(%slope : tensor<1xf32>) offsets(%n, %n, %n, %n, %n)
    outs(%acc, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>) maps [#tq, #tk, #tv, #slope, #ta, #ts]
    exponent_scale(1.4426950408889634) normalizer(#attn.softmax)
    plan(<online, rows_minor, rows = 16, keys = 8, lanes = 8, register_tile = [2, 2]>)
    score {
    ^bb0(%s: f32, %x: f32):
      %z = arith.mulf %s, %x : f32
      attn.yield %z : f32
    } mask {
      %h = attn.index 0
      %j = attn.index 2
      %keep = arith.cmpi sle, %h, %j : index
      attn.yield %keep : i1
    }
  %1 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<?x8xbf16>, tensor<?x4xbf16>)
    outs(%0#0 : tensor<4x16xf32>) maps [#tq, #tk, #tv, #ta, #ts] scale(2.0) exponent_scale(1.0)
    normalizer(#attn.sigmoid)
  return %1 : tensor<4x16xf32>
}

// CHECK-LABEL: func.func @online_top_k
//       CHECK:   attn.online ins(%{{[^)]+}}) outs(%{{[^:]+}} : tensor<4x16xf32>, tensor<3x16xf32>, tensor<3x16xi32>)
//  CHECK-SAME:   exponent_scale(1.000000e+00) normalizer(#attn.identity) top_k(3)
func.func @online_top_k(%q: tensor<8x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %acc: tensor<4x16xf32>,
                        %s: tensor<3x16xf32>, %p: tensor<3x16xi32>) -> (tensor<3x16xf32>, tensor<3x16xi32>) {
  %0:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<?x8xf32>, tensor<?x4xf32>)
    outs(%acc, %s, %p : tensor<4x16xf32>, tensor<3x16xf32>, tensor<3x16xi32>) maps [#tq, #tk, #tv, #ta, #ts]
    exponent_scale(1.0) normalizer(#attn.identity) top_k(3)
  return %0#1, %0#2 : tensor<3x16xf32>, tensor<3x16xi32>
}

// CHECK-LABEL: func.func @sdpa_top_k
//       CHECK:   attn.sdpa {{.+}} returns(out, lse, topk_indices, topk_values)
func.func @sdpa_top_k(%q: tensor<?x8x?x64xbf16>, %k: tensor<?x2x?x64xbf16>, %v: tensor<?x2x?x48xbf16>)
    -> (tensor<?x8x?x5xi64>, tensor<?x8x?x5xf32>) {
  %o:4 = attn.sdpa %q, %k, %v returns(out, lse, topk_indices, topk_values)
    : (tensor<?x8x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x48xbf16>)
    -> tensor<?x8x?x48xbf16>, tensor<?x8x?xf32>, tensor<?x8x?x5xi64>, tensor<?x8x?x5xf32>
  return %o#2, %o#3 : tensor<?x8x?x5xi64>, tensor<?x8x?x5xf32>
}

#wq = affine_map<(i, j, d) -> (d, i)>
#wk = affine_map<(i, j, d) -> (j, d)>
#ws = affine_map<(i, j, d) -> (i)>
#wo = affine_map<(i, j, d) -> (j, i)>

// CHECK-LABEL: func.func @weights
//       CHECK:   attn.weights ins(%{{[^)]+}} : tensor<8x16xf32>, tensor<?x8xf32>) state(%{{[^)]+}}) outs(%{{[^ )]+}} : tensor<?x16xf32>)
//  CHECK-SAME:   exponent_scale(1.000000e+00) normalizer(#attn.softmax) mask {
func.func @weights(%q: tensor<8x16xf32>, %k: tensor<?x8xf32>, %m: tensor<16xf32>, %f: tensor<16xf32>,
                   %init: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %0 = attn.weights ins(%q, %k : tensor<8x16xf32>, tensor<?x8xf32>)
    state(%m, %m, %f : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) outs(%init : tensor<?x16xf32>)
    maps [#wq, #wk, #ws, #wo] exponent_scale(1.0) normalizer(#attn.softmax)
    mask {
      %i = attn.index 0
      %j = attn.index 1
      %keep = arith.cmpi sle, %j, %i : index
      attn.yield %keep : i1
    }
  return %0 : tensor<?x16xf32>
}

#fa = affine_map<(i, e) -> (e, i)>
#fs = affine_map<(i, e) -> (i)>
#fo = affine_map<(i, e) -> (i, e)>

// CHECK-LABEL: func.func @merge_finalize
//       CHECK:   attn.merge ins(%{{[^)]+}}) outs(%{{[^)]+}}) maps [#{{.+}}, #{{.+}}] normalizer(#attn.softmax_sink)
//       CHECK:   attn.finalize ins(%{{[^)]+}}) state(%{{[^)]+}}) normalizer_ins(%{{[^)]+}}) outs(%{{[^)]+}}) returns(lse, out, max)
//       CHECK:   attn.finalize ins(%{{[^)]+}}) outs(%{{[^)]+}}) maps
//       CHECK:   attn.finalize {{.+}} returns() maps
func.func @merge_finalize(%acc: tensor<4x?xf32>, %m: tensor<?xf32>, %sink: tensor<?xf16>,
                          %o: tensor<?x4xbf16>) -> tensor<?x4xbf16> {
  %0:3 = attn.merge ins(%acc, %m, %m : tensor<4x?xf32>, tensor<?xf32>, tensor<?xf32>)
    outs(%acc, %m, %m : tensor<4x?xf32>, tensor<?xf32>, tensor<?xf32>) maps [#fa, #fs] normalizer(#attn.softmax_sink)
  %1:4 = attn.finalize ins(%0#0 : tensor<4x?xf32>) state(%0#1, %0#2 : tensor<?xf32>, tensor<?xf32>)
    normalizer_ins(%sink : tensor<?xf16>)
    outs(%m, %o, %m, %m : tensor<?xf32>, tensor<?x4xbf16>, tensor<?xf32>, tensor<?xf32>) returns(lse, out, max)
    maps [#fa, #fs, #fs, #fs, #fo, #fs, #fs] normalizer(#attn.softmax_sink)
  %2:2 = attn.finalize ins(%acc : tensor<4x?xf32>) outs(%o, %m : tensor<?x4xbf16>, tensor<?xf32>)
    maps [#fa, #fs, #fo, #fs] normalizer(#attn.identity)
  %3 = attn.finalize ins(%acc : tensor<4x?xf32>) outs(%m : tensor<?xf32>) returns()
    maps [#fa, #fs, #fs] normalizer(#attn.identity)
  return %2#0 : tensor<?x4xbf16>
}
