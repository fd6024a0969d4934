// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-decompose-naively,convert-elementwise-to-linalg),one-shot-bufferize{bufferize-function-boundaries},convert-linalg-to-loops,canonicalize,expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-math-to-llvm,convert-math-to-libm,finalize-memref-to-llvm,convert-arith-to-llvm,convert-index-to-llvm,convert-cf-to-llvm,convert-func-to-llvm,reconcile-unrealized-casts)' \
// RUN:   | mlir-runner -e main -entry-point-result=void -shared-libs=%llvm_prefix/lib/libmlir_runner_utils.so,%llvm_prefix/lib/libmlir_c_runner_utils.so | FileCheck %s

// Small cases computed by hand: logarithms as scores give weights that are simple fractions.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
#row = affine_map<(i, j, d, e) -> (i)>
#pair = affine_map<(i, j, d, e) -> (i, j)>
#d = affine_map<(i, j, d, e) -> (d)>
#key = affine_map<(i, j, d, e) -> (j)>

func.func private @printMemrefF32(tensor<*xf32>)
func.func private @printMemrefI32(tensor<*xi32>)

// All results of softmax, sizes unknown. Row 0 keeps keys 1 and 2 with weights 1/4 and 3/4, whatever lies in row 0 of V.
// Row 1 keeps nothing. Row 2 keeps two equal keys, because the score of key 0 is -inf. Row 3 keeps a NaN.

//      CHECK: {{\[\[}}2.5,   5],
// CHECK-NEXT: [0,   0],
// CHECK-NEXT: [2,   4],
// CHECK-NEXT: [nan,   nan]]
//      CHECK: [1.38629,  -inf,  0.693147,  nan]
//      CHECK: [1.09861,  -inf,  0,  nan]
//      CHECK: [0.562335,  0,  0.693147,  nan]
//      CHECK: {{\[\[}}0,   0.25,   0.75],
// CHECK-NEXT: [0,   0,   0],
// CHECK-NEXT: [0,   0.5,   0.5],
// CHECK-NEXT: [nan,   nan,   nan]]
//      CHECK: {{\[\[}}0.75,   0.25],
// CHECK-NEXT: [0,   0],
// CHECK-NEXT: [0.5,   0.5],
// CHECK-NEXT: [nan,   nan]]
//      CHECK: {{\[\[}}2,   1],
// CHECK-NEXT: [-1,   -1],
// CHECK-NEXT: [1,   2],
// CHECK-NEXT: [-1,   -1]]
func.func @softmax(%q: tensor<?x1xf32>, %k: tensor<?x1xf32>, %v: tensor<?x2xf32>, %bias: tensor<?x?xf32>,
                   %mask: tensor<?x?xi1>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : tensor<?x1xf32>
  %m = tensor.dim %k, %c0 : tensor<?x1xf32>
  %o = tensor.empty(%n) : tensor<?x2xf32>
  %r = tensor.empty(%n) : tensor<?xf32>
  %w = tensor.empty(%n, %m) : tensor<?x?xf32>
  %tv = tensor.empty(%n) : tensor<?x2xf32>
  %ti = tensor.empty(%n) : tensor<?x2xi32>
  %s:7 = attn.generic ins(%q, %k, %v : tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x2xf32>)
    score_ins(%bias : tensor<?x?xf32>) mask_ins(%mask : tensor<?x?xi1>)
    outs(out %o : tensor<?x2xf32>, lse %r : tensor<?xf32>, max %r : tensor<?xf32>, entropy %r : tensor<?xf32>,
         weights %w : tensor<?x?xf32>, topk_values %tv : tensor<?x2xf32>, topk_indices %ti : tensor<?x2xi32>)
    maps [#q, #k, #v, #pair, #pair, #o, #row, #row, #row, #pair, #row, #row] normalizer(#attn.softmax)
    score {
    ^bb0(%x: f32, %b: f32):
      %y = arith.addf %x, %b : f32
      attn.yield %y : f32
    } mask {
    ^bb0(%z: i1):
      attn.yield %z : i1
    }
  %0 = tensor.cast %s#0 : tensor<?x2xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  %1 = tensor.cast %s#1 : tensor<?xf32> to tensor<*xf32>
  call @printMemrefF32(%1) : (tensor<*xf32>) -> ()
  %2 = tensor.cast %s#2 : tensor<?xf32> to tensor<*xf32>
  call @printMemrefF32(%2) : (tensor<*xf32>) -> ()
  %3 = tensor.cast %s#3 : tensor<?xf32> to tensor<*xf32>
  call @printMemrefF32(%3) : (tensor<*xf32>) -> ()
  %4 = tensor.cast %s#4 : tensor<?x?xf32> to tensor<*xf32>
  call @printMemrefF32(%4) : (tensor<*xf32>) -> ()
  %5 = tensor.cast %s#5 : tensor<?x2xf32> to tensor<*xf32>
  call @printMemrefF32(%5) : (tensor<*xf32>) -> ()
  %6 = tensor.cast %s#6 : tensor<?x2xi32> to tensor<*xi32>
  call @printMemrefI32(%6) : (tensor<*xi32>) -> ()
  return
}

// Sinks of ln 4, 0 and none (-inf) beside scores 0 and ln 3. The sink takes its share of the weights and counts in lse, not
// in max. Row 1 keeps no key: its sink changes nothing.

//      CHECK: {{\[\[}}7],
// CHECK-NEXT: [0],
// CHECK-NEXT: [14]]
//      CHECK: [2.07944,  -inf,  1.38629]
//      CHECK: [1.09861,  -inf,  1.09861]
//      CHECK: [0.627741,  0,  0.562335]
func.func @sink() {
  %q = arith.constant dense<1.0> : tensor<3x1xf32>
  %k = arith.constant dense<[[0.0], [1.0986123]]> : tensor<2x1xf32>
  %v = arith.constant dense<[[8.0], [16.0]]> : tensor<2x1xf32>
  %sink = arith.constant dense<[1.3862944, 0.0, 0xFF800000]> : tensor<3xf32>
  %o = tensor.empty() : tensor<3x1xf32>
  %r = tensor.empty() : tensor<3xf32>
  %s:4 = attn.generic ins(%q, %k, %v : tensor<3x1xf32>, tensor<2x1xf32>, tensor<2x1xf32>)
    normalizer_ins(%sink : tensor<3xf32>)
    outs(out %o : tensor<3x1xf32>, lse %r : tensor<3xf32>, max %r : tensor<3xf32>, entropy %r : tensor<3xf32>)
    maps [#q, #k, #v, #row, #o, #row, #row, #row] normalizer(#attn.softmax_sink)
    mask {
      %i = attn.index 0
      %c1 = arith.constant 1 : index
      %keep = arith.cmpi ne, %i, %c1 : index
      attn.yield %keep : i1
    }
  %0 = tensor.cast %s#0 : tensor<3x1xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  %1 = tensor.cast %s#1 : tensor<3xf32> to tensor<*xf32>
  call @printMemrefF32(%1) : (tensor<*xf32>) -> ()
  %2 = tensor.cast %s#2 : tensor<3xf32> to tensor<*xf32>
  call @printMemrefF32(%2) : (tensor<*xf32>) -> ()
  %3 = tensor.cast %s#3 : tensor<3xf32> to tensor<*xf32>
  call @printMemrefF32(%3) : (tensor<*xf32>) -> ()
  return
}

// Sigmoid of 0, -inf (not kept, so NaN in V does no harm), 100 and -100, in f64. Top-k ranks scores, not weights.

// CHECK: {{\[\[}}5]]
// CHECK: {{\[\[}}1,   0.5,   {{3.+e-44}}]]
// CHECK: {{\[\[}}2,   0,   3]]
func.func @sigmoid() {
  %q = arith.constant dense<1.0> : tensor<1x1xf64>
  %k = arith.constant dense<[[0.0], [0xFFF0000000000000], [100.0], [-100.0]]> : tensor<4x1xf64>
  %v = arith.constant dense<[[2.0], [0x7FC00000], [4.0], [5.0]]> : tensor<4x1xf32>
  %o = tensor.empty() : tensor<1x1xf32>
  %tv = tensor.empty() : tensor<1x3xf64>
  %ti = tensor.empty() : tensor<1x3xi32>
  %s:3 = attn.generic ins(%q, %k, %v : tensor<1x1xf64>, tensor<4x1xf64>, tensor<4x1xf32>)
    outs(out %o : tensor<1x1xf32>, topk_values %tv : tensor<1x3xf64>, topk_indices %ti : tensor<1x3xi32>)
    maps [#q, #k, #v, #o, #row, #row] normalizer(#attn.sigmoid)
  %0 = tensor.cast %s#0 : tensor<1x1xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  %values = arith.truncf %s#1 : tensor<1x3xf64> to tensor<1x3xf32>
  %1 = tensor.cast %values : tensor<1x3xf32> to tensor<*xf32>
  call @printMemrefF32(%1) : (tensor<*xf32>) -> ()
  %2 = tensor.cast %s#2 : tensor<1x3xi32> to tensor<*xi32>
  call @printMemrefI32(%2) : (tensor<*xi32>) -> ()
  return
}

// Every region, an element operand of each kind, a table and a scalar, offsets, four float types, keys before rows in
// the out. With similarity max(q - k, 0) * x over d and scale 2 the scores are [[82, 60, 40], [4, 2, 0]], with the table
// [[83, 62, 43], [5, 4, 3]]; row 10 sees keys below 10 + 12, so not key 22. Weights are the scores themselves.

// CHECK: {{\[\[}}703,   345]]
func.func @regions() {
  %q = arith.constant dense<[[1.0, 5.0], [2.0, 0.0]]> : tensor<2x2xf16>
  %k = arith.constant dense<[[0.0, 1.0], [1.0, 2.0], [3.0, 3.0]]> : tensor<3x2xbf16>
  %v = arith.constant dense<[[1.0], [10.0], [100.0]]> : tensor<3x1xbf16>
  %x = arith.constant dense<[1.0, 10.0]> : tensor<2xf32>
  %zero = arith.constant dense<0.0> : tensor<3xf16>
  %always = arith.constant dense<true> : tensor<2xi1>
  %table = arith.constant dense<[9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0,
                                 9.0, 1.0, 2.0, 3.0]> : tensor<23xf32>
  %n = arith.constant 12 : index
  %c0 = arith.constant 0 : index
  %c10 = arith.constant 10 : index
  %c20 = arith.constant 20 : index
  %o = tensor.empty() : tensor<1x2xf16>
  %s = attn.generic ins(%q, %k, %v : tensor<2x2xf16>, tensor<3x2xbf16>, tensor<3x1xbf16>)
    similarity_ins(%x : tensor<2xf32>) score_ins(%zero : tensor<3xf16>) mask_ins(%always : tensor<2xi1>)
    captures(%table, %n : tensor<23xf32>, index) offsets(%c10, %c20, %c0, %c0) outs(out %o : tensor<1x2xf16>)
    maps [#q, #k, #v, #d, #key, #row, affine_map<(i, j, d, e) -> (e, i)>] scale(2.0) normalizer(#attn.identity)
    similarity {
    ^bb0(%a: f32, %b: f32, %f: f32, %t: tensor<23xf32>, %m: index):
      %diff = arith.subf %a, %b : f32
      %z = arith.constant 0.0 : f32
      %max = arith.maximumf %diff, %z : f32
      %p = arith.mulf %max, %f : f32
      attn.yield %p : f32
    } score {
    ^bb0(%a: f32, %b: f16, %t: tensor<23xf32>, %m: index):
      %j = attn.index 1
      %add = tensor.extract %t[%j] : tensor<23xf32>
      %bf = arith.extf %b : f16 to f32
      %sum = arith.addf %a, %add : f32
      %both = arith.addf %sum, %bf : f32
      attn.yield %both : f32
    } mask {
    ^bb0(%z: i1, %t: tensor<23xf32>, %m: index):
      %i = attn.index 0
      %j = attn.index 1
      %end = arith.addi %i, %m : index
      %below = arith.cmpi slt, %j, %end : index
      %keep = arith.andi %below, %z : i1
      attn.yield %keep : i1
    }
  %f32 = arith.extf %s : tensor<1x2xf16> to tensor<1x2xf32>
  %0 = tensor.cast %f32 : tensor<1x2xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  return
}

// Merging, in base 2: row 0 joins m = 1, l = 2, acc = 4 with m = 0, l = 4, acc = 2; row 1 joins m = 3 with a group that saw
// no key; row 2 joins two of those.

// CHECK: {{\[\[}}1.25,   2,   0]]
// CHECK: [2.07944,  2.07944,  -inf]
// CHECK: [0.693147,  2.07944,  -inf]
func.func @merge() {
  %acc = arith.constant dense<[[4.0, 2.0, 0.0]]> : tensor<1x3xf32>
  %m = arith.constant dense<[1.0, 3.0, 0xFF800000]> : tensor<3xf32>
  %l = arith.constant dense<[2.0, 1.0, 0.0]> : tensor<3xf32>
  %acc1 = arith.constant dense<[[2.0, 0.0, 0.0]]> : tensor<1x3xf32>
  %m1 = arith.constant dense<[0.0, 0xFF800000, 0xFF800000]> : tensor<3xf32>
  %l1 = arith.constant dense<[4.0, 0.0, 0.0]> : tensor<3xf32>
  %s:3 = attn.merge ins(%acc, %m, %l : tensor<1x3xf32>, tensor<3xf32>, tensor<3xf32>)
    outs(%acc1, %m1, %l1 : tensor<1x3xf32>, tensor<3xf32>, tensor<3xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  %o = tensor.empty() : tensor<1x3xf32>
  %r = tensor.empty() : tensor<3xf32>
  %f:4 = attn.finalize ins(%s#0 : tensor<1x3xf32>) state(%s#1, %s#2 : tensor<3xf32>, tensor<3xf32>)
    outs(%o, %r, %r, %r : tensor<1x3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>) returns(out, lse, max)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (e, i)>,
          affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  %0 = tensor.cast %f#0 : tensor<1x3xf32> to tensor<*xf32>
  call @printMemrefF32(%0) : (tensor<*xf32>) -> ()
  %1 = tensor.cast %f#1 : tensor<3xf32> to tensor<*xf32>
  call @printMemrefF32(%1) : (tensor<*xf32>) -> ()
  %2 = tensor.cast %f#2 : tensor<3xf32> to tensor<*xf32>
  call @printMemrefF32(%2) : (tensor<*xf32>) -> ()
  return
}

func.func @main() {
  %q = arith.constant dense<1.0> : tensor<4x1xf32>
  %k = arith.constant dense<0.0> : tensor<3x1xf32>
  %v = arith.constant dense<[[0x7FC00000, 0x7F800000], [1.0, 2.0], [3.0, 6.0]]> : tensor<3x2xf32>
  %bias = arith.constant dense<[[9.0, 0.0, 1.0986123], [0.0, 0.0, 0.0], [0xFF800000, 0.0, 0.0], [0x7FC00000, 0.0, 0.0]]> : tensor<4x3xf32>
  %mask = arith.constant dense<[[false, true, true], [false, false, false], [true, true, true], [true, true, true]]> : tensor<4x3xi1>
  %qc = tensor.cast %q : tensor<4x1xf32> to tensor<?x1xf32>
  %kc = tensor.cast %k : tensor<3x1xf32> to tensor<?x1xf32>
  %vc = tensor.cast %v : tensor<3x2xf32> to tensor<?x2xf32>
  %bc = tensor.cast %bias : tensor<4x3xf32> to tensor<?x?xf32>
  %mc = tensor.cast %mask : tensor<4x3xi1> to tensor<?x?xi1>
  call @softmax(%qc, %kc, %vc, %bc, %mc) : (tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x2xf32>, tensor<?x?xf32>, tensor<?x?xi1>) -> ()
  call @sink() : () -> ()
  call @sigmoid() : () -> ()
  call @regions() : () -> ()
  call @merge() : () -> ()
  return
}
