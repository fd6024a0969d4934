// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-plan-stages))' -split-input-file -verify-diagnostics

#all = affine_map<(n, d) -> (n, d)>

func.func @two_results(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %init = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{cannot plan a linalg op beside attention: expects one result, got 2}}
  %r:2 = linalg.generic {indexing_maps = [#all, #all, #all], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<4x8xf32>) outs(%init, %init : tensor<4x8xf32>, tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    linalg.yield %a, %a : f32, f32
  } -> (tensor<4x8xf32>, tensor<4x8xf32>)
  return %r#0, %r#1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

#all = affine_map<(n, d) -> (n, d)>
#none = affine_map<(n, d) -> ()>

func.func @one_number(%x: tensor<4x8xf32>, %init: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{expects a result over all its parallel loops, at least one}}
  %r = linalg.generic {indexing_maps = [#all, #none], iterator_types = ["reduction", "reduction"]}
    ins(%x : tensor<4x8xf32>) outs(%init : tensor<f32>) {
  ^bb0(%a: f32, %s: f32):
    %sum = arith.addf %a, %s : f32
    linalg.yield %sum : f32
  } -> tensor<f32>
  return %r : tensor<f32>
}

// -----

#sum = affine_map<(n, d) -> (n + d)>
#all = affine_map<(n, d) -> (n, d)>

func.func @windows(%x: tensor<11xf32>) -> tensor<4x8xf32> {
  %init = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{expects each dimension of input #0 to be a loop of its own}}
  %r = linalg.generic {indexing_maps = [#sum, #all], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<11xf32>) outs(%init : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<4x8xf32>
  return %r : tensor<4x8xf32>
}

// -----

#left = affine_map<(n, o, k) -> (n, k)>
#right = affine_map<(n, o, k) -> (k, o)>
#out = affine_map<(n, o, k) -> (n, o)>

func.func @sum_in_bf16(%x: tensor<4x8xbf16>, %w: tensor<8x6xbf16>, %init: tensor<4x6xbf16>) -> tensor<4x6xbf16> {
  %r = linalg.generic {indexing_maps = [#left, #right, #out], iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%x, %w : tensor<4x8xbf16>, tensor<8x6xbf16>) outs(%init : tensor<4x6xbf16>) {
  ^bb0(%a: bf16, %b: bf16, %s: bf16):
    // expected-error @below {{cannot compute in 'bf16' beside attention: extend operands to f32, and round the result}}
    %term = arith.mulf %a, %b : bf16
    %sum = arith.addf %s, %term : bf16
    linalg.yield %sum : bf16
  } -> tensor<4x6xbf16>
  return %r : tensor<4x6xbf16>
}
