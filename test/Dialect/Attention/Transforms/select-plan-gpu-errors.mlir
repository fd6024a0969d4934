// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan{shared-bytes=60000}))' -split-input-file -verify-diagnostics

func.func @head_size(%q: tensor<1x2x?x320xf16>, %k: tensor<1x2x?x320xf16>, %v: tensor<1x2x?x64xf16>)
    -> tensor<1x2x?x64xf16> {
  // expected-error @below {{cannot be compiled for a GPU yet: expects D and Dv of at most 256, got 320 and 64}}
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x320xf16>, tensor<1x2x?x320xf16>, tensor<1x2x?x64xf16>) -> tensor<1x2x?x64xf16>
  return %out : tensor<1x2x?x64xf16>
}

// -----

func.func @doubles(%q: tensor<1x2x?x64xf64>, %k: tensor<1x2x?x64xf64>, %v: tensor<1x2x?x64xf64>)
    -> tensor<1x2x?x64xf64> {
  // expected-error @below {{cannot be compiled for a GPU yet: f64 (f16, bf16 and f32 can)}}
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x64xf64>, tensor<1x2x?x64xf64>, tensor<1x2x?x64xf64>) -> tensor<1x2x?x64xf64>
  return %out : tensor<1x2x?x64xf64>
}

// -----

func.func @weights(%q: tensor<1x2x?x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x?x64xf16>)
    -> (tensor<1x2x?x64xf16>, tensor<1x2x?x?xf32>) {
  // expected-error @below {{cannot be compiled for a GPU yet: result 'weights' (out, lse and max can)}}
  %out, %w = attn.sdpa %q, %k, %v returns(out, weights)
    : (tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) -> tensor<1x2x?x64xf16>, tensor<1x2x?x?xf32>
  return %out, %w : tensor<1x2x?x64xf16>, tensor<1x2x?x?xf32>
}

// -----

func.func @top_k(%q: tensor<1x2x?x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x?x64xf16>)
    -> tensor<1x2x?x3xi32> {
  // expected-error @below {{cannot be compiled for a GPU yet: result 'topk_values' (out, lse and max can)}}
  %out, %w, %x = attn.sdpa %q, %k, %v returns(out, topk_values, topk_indices)
    : (tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
    -> tensor<1x2x?x64xf16>, tensor<1x2x?x3xf32>, tensor<1x2x?x3xi32>
  return %x : tensor<1x2x?x3xi32>
}

// -----

func.func @shared_memory(%q: tensor<1x2x?x256xf16>, %k: tensor<1x2x?x256xf16>, %v: tensor<1x2x?x256xf16>)
    -> tensor<1x2x?x256xf16> {
  // expected-error @below {{cannot be compiled for a GPU yet: 65536 bytes of shared memory are needed, and there are 60000}}
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x256xf16>, tensor<1x2x?x256xf16>, tensor<1x2x?x256xf16>) -> tensor<1x2x?x256xf16>
  return %out : tensor<1x2x?x256xf16>
}

// -----

func.func @produced(%q: tensor<5x64xf16>, %stored: tensor<9x64xi8>, %o: tensor<5x64xf16>) -> tensor<5x64xf16> {
  %init = tensor.empty() : tensor<9x64xf16>
  %k = linalg.generic {indexing_maps = [affine_map<(j, d) -> (j, d)>, affine_map<(j, d) -> (j, d)>],
                       iterator_types = ["parallel", "parallel"]}
    ins(%stored : tensor<9x64xi8>) outs(%init : tensor<9x64xf16>) {
  ^bb0(%integer: i8, %unused: f16):
    %float = arith.sitofp %integer : i8 to f16
    linalg.yield %float : f16
  } -> tensor<9x64xf16>
  // expected-error @below {{cannot be compiled for a GPU yet: operands that an elementwise op makes (those that are stored can)}}
  %0 = attn.generic ins(%q, %k, %k : tensor<5x64xf16>, tensor<9x64xf16>, tensor<9x64xf16>)
    outs(out %o : tensor<5x64xf16>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
  return %0 : tensor<5x64xf16>
}

// -----

func.func @sum_beside_attention(%x: tensor<70x24xf32>, %w: tensor<24x32xf32>) -> tensor<70x32xf32> {
  %init = tensor.empty() : tensor<70x32xf32>
  // expected-error @below {{cannot compute sums beside attention in a kernel of a GPU, which holds one attention: compute them before it is called}}
  %p = linalg.matmul ins(%x, %w : tensor<70x24xf32>, tensor<24x32xf32>) outs(%init : tensor<70x32xf32>) -> tensor<70x32xf32>
  return %p : tensor<70x32xf32>
}
