// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-plan-stages{vector-bits=512 vector-registers=32}))' -split-input-file | FileCheck %s -enable-var-scope --check-prefixes=CHECK,WIDE
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-plan-stages{vector-bits=512 vector-registers=32 bf16-dot}))' -split-input-file | FileCheck %s -enable-var-scope --check-prefixes=CHECK,PAIRS

#left = affine_map<(n, o, k) -> (n, k)>
#right = affine_map<(n, o, k) -> (k, o)>
#out = affine_map<(n, o, k) -> (n, o)>
#all = affine_map<(n, o) -> (n, o)>
#column = affine_map<(n, o) -> (o)>

// Bias and activation are computed where the product is: one stage, whose plan stands on its last op. A named op is
// written as linalg.generic.

// CHECK-LABEL: func.func @projection
//   CHECK-NOT:   attn.plan
//       CHECK:   linalg.generic
//       CHECK:     arith.mulf
//   CHECK-NOT:   attn.plan
//       CHECK:   linalg.generic {{.*}} attrs = {attn.plan = #attn.plan<product, rows_major, rows = 128, keys = 64, lanes = 16, register_tile = [4, 4]>}
//  CHECK-NEXT:   ^bb0
//  CHECK-NEXT:     arith.addf
func.func @projection(%x: tensor<33x7xf32>, %w: tensor<7x70xf32>, %bias: tensor<70xf32>) -> tensor<33x70xf32> {
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<33x70xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<33x70xf32>) -> tensor<33x70xf32>
  %p = linalg.matmul ins(%x, %w : tensor<33x7xf32>, tensor<7x70xf32>) outs(%zeros : tensor<33x70xf32>) -> tensor<33x70xf32>
  %r = linalg.generic {indexing_maps = [#all, #column, #all], iterator_types = ["parallel", "parallel"]}
    ins(%p, %bias : tensor<33x70xf32>, tensor<70xf32>) outs(%init : tensor<33x70xf32>) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %sum = arith.addf %a, %b : f32
    linalg.yield %sum : f32
  } -> tensor<33x70xf32>
  return %r : tensor<33x70xf32>
}

// -----

#all = affine_map<(n, o) -> (n, o)>
#row = affine_map<(n, o) -> (n)>

// Sums over rows and what is computed with them are one stage. What two stages read is one by itself.

// CHECK-LABEL: func.func @sums_and_readers
//       CHECK:   %[[TWICE:.+]] = linalg.generic {{.*}} attrs = {attn.plan = #attn.plan<rowwise, rows_major, rows = 64, keys = 1,
//       CHECK:   %[[SUM:.+]] = linalg.generic {indexing_maps = [#{{.+}}, #{{.+}}], iterator_types = ["parallel", "reduction"]} ins(%[[TWICE]] :
//   CHECK-NOT:   attn.plan
//       CHECK:   linalg.generic {{.*}} ins(%[[TWICE]], %[[SUM]] : {{.*}} attrs = {attn.plan = #attn.plan<rowwise, rows_major, rows = 64, keys = 1,
//       CHECK:   linalg.generic {{.*}} ins(%[[TWICE]] : {{.*}} attrs = {attn.plan
func.func @sums_and_readers(%x: tensor<33x70xf32>) -> (tensor<33x70xf32>, tensor<33x70xf32>) {
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<33x70xf32>
  %twice = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<33x70xf32>) outs(%init : tensor<33x70xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %sum = arith.addf %a, %a : f32
    linalg.yield %sum : f32
  } -> tensor<33x70xf32>
  %row = tensor.empty() : tensor<33xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%row : tensor<33xf32>) -> tensor<33xf32>
  %sums = linalg.generic {indexing_maps = [#all, #row], iterator_types = ["parallel", "reduction"]}
    ins(%twice : tensor<33x70xf32>) outs(%zeros : tensor<33xf32>) {
  ^bb0(%a: f32, %s: f32):
    %sum = arith.addf %a, %s : f32
    linalg.yield %sum : f32
  } -> tensor<33xf32>
  %centred = linalg.generic {indexing_maps = [#all, #row, #all], iterator_types = ["parallel", "parallel"]}
    ins(%twice, %sums : tensor<33x70xf32>, tensor<33xf32>) outs(%init : tensor<33x70xf32>) {
  ^bb0(%a: f32, %s: f32, %unused: f32):
    %difference = arith.subf %a, %s : f32
    linalg.yield %difference : f32
  } -> tensor<33x70xf32>
  %negated = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%twice : tensor<33x70xf32>) outs(%init : tensor<33x70xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %negative = arith.negf %a : f32
    linalg.yield %negative : f32
  } -> tensor<33x70xf32>
  return %centred, %negated : tensor<33x70xf32>, tensor<33x70xf32>
}

// -----

#q = affine_map<(h, i, j, d, e) -> (h, i, d)>
#k = affine_map<(h, i, j, d, e) -> (h, j, d)>
#v = affine_map<(h, i, j, d, e) -> (h, j, e)>
#o = affine_map<(h, i, j, d, e) -> (h, i, e)>
#all = affine_map<(h, j, d) -> (h, j, d)>

// A cheap producer of stored K stays with attention, as does a costly one of Q, made once for each row. A costly one of V
// would be made anew for each of two row tiles: it is a stage.

// CHECK-LABEL: func.func @producers_of_attention
//       CHECK:   linalg.generic
//       CHECK:     arith.negf
//   CHECK-NOT:   attn.plan
//       CHECK:   linalg.generic {{.*}} attrs = {attn.plan = #attn.plan<rowwise
//  CHECK-NEXT:   ^bb0
//  CHECK-NEXT:     math.tanh
//       CHECK:   linalg.generic
//       CHECK:     math.exp
//   CHECK-NOT:   attn.plan
func.func @producers_of_attention(%q: tensor<2x128x4xf32>, %k: tensor<2x9x4xf32>, %v: tensor<2x9x4xf32>)
    -> tensor<2x128x4xf32> {
  %keys = tensor.empty() : tensor<2x9x4xf32>
  %rows = tensor.empty() : tensor<2x128x4xf32>
  %made_k = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%k : tensor<2x9x4xf32>) outs(%keys : tensor<2x9x4xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %x = arith.negf %a : f32
    linalg.yield %x : f32
  } -> tensor<2x9x4xf32>
  %made_v = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%v : tensor<2x9x4xf32>) outs(%keys : tensor<2x9x4xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %x = math.tanh %a : f32
    linalg.yield %x : f32
  } -> tensor<2x9x4xf32>
  %made_q = linalg.generic {indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%q : tensor<2x128x4xf32>) outs(%rows : tensor<2x128x4xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %x = math.exp %a : f32
    linalg.yield %x : f32
  } -> tensor<2x128x4xf32>
  %r = attn.generic ins(%made_q, %made_k, %made_v : tensor<2x128x4xf32>, tensor<2x9x4xf32>, tensor<2x9x4xf32>)
    outs(out %rows : tensor<2x128x4xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %r : tensor<2x128x4xf32>
}

// -----

#left = affine_map<(n, o, k) -> (n, k)>
#turned = affine_map<(n, o, k) -> (k, n)>
#right = affine_map<(n, o, k) -> (k, o)>
#out = affine_map<(n, o, k) -> (n, o)>

// Products of bf16 are taken in pairs where the machine has an instruction for it and pairs of the left operand are
// neighbours in memory: of the second one, stored [in, rows], they are not.

// CHECK-LABEL: func.func @pairs
//        WIDE:   attn.plan = #attn.plan<product, {{.*}}, register_tile = [4, 4]>}
//       PAIRS:   attn.plan = #attn.plan<product, {{.*}}, register_tile = [4, 4], precision = bf16>}
//       CHECK:   attn.plan = #attn.plan<product, {{.*}}, register_tile = [4, 4]>}
func.func @pairs(%x: tensor<33x7xbf16>, %turned: tensor<7x33xbf16>, %w: tensor<7x70xbf16>)
    -> (tensor<33x70xf32>, tensor<33x70xf32>) {
  %zero = arith.constant 0.0 : f32
  %init = tensor.empty() : tensor<33x70xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%init : tensor<33x70xf32>) -> tensor<33x70xf32>
  %p = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<33x7xbf16>, tensor<7x70xbf16>) outs(%zeros : tensor<33x70xf32>) {
  ^bb0(%a: bf16, %b: bf16, %s: f32):
    %c = arith.extf %a : bf16 to f32
    %d = arith.extf %b : bf16 to f32
    %term = arith.mulf %c, %d : f32
    %sum = arith.addf %s, %term : f32
    linalg.yield %sum : f32
  } -> tensor<33x70xf32>
  %r = linalg.generic {indexing_maps = [#turned, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%turned, %w : tensor<7x33xbf16>, tensor<7x70xbf16>) outs(%zeros : tensor<33x70xf32>) {
  ^bb0(%a: bf16, %b: bf16, %s: f32):
    %c = arith.extf %a : bf16 to f32
    %d = arith.extf %b : bf16 to f32
    %term = arith.mulf %c, %d : f32
    %sum = arith.addf %s, %term : f32
    linalg.yield %sum : f32
  } -> tensor<33x70xf32>
  return %p, %r : tensor<33x70xf32>, tensor<33x70xf32>
}
