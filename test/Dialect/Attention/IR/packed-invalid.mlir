// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -split-input-file -verify-diagnostics

// One case for each way to break a constraint; names carry the number of the constraint.

func.func @packed_rank(%q: tensor<1x9x4x64xf32>, %k: tensor<9x4x64xf32>, %s: tensor<3xi32>) {
  // expected-error @below {{operand #0 must be [N,H,D] tensor of f16, bf16, f32 or f64, but got 'tensor<1x9x4x64xf32>'}}
  %o = attn.packed %q, %k, %k rows(%s : tensor<3xi32>) keys(%s : tensor<3xi32>)
    : (tensor<1x9x4x64xf32>, tensor<9x4x64xf32>, tensor<9x4x64xf32>) -> tensor<9x4x64xf32>
  return
}

// -----

func.func @packed_c1_head_size(%q: tensor<9x4x64xf32>, %k: tensor<9x4x32xf32>, %s: tensor<3xi32>) {
  // expected-error @below {{expects 'query' and 'key' to share head size D, got 64 and 32}}
  %o = attn.packed %q, %k, %k rows(%s : tensor<3xi32>) keys(%s : tensor<3xi32>)
    : (tensor<9x4x64xf32>, tensor<9x4x32xf32>, tensor<9x4x32xf32>) -> tensor<9x4x32xf32>
  return
}

// -----

func.func @packed_c2_keys(%q: tensor<9x4x64xf32>, %k: tensor<9x4x64xf32>, %v: tensor<8x4x64xf32>, %s: tensor<3xi32>) {
  // expected-error @below {{expects 'key' and 'value' to share M, got 9 and 8}}
  %o = attn.packed %q, %k, %v rows(%s : tensor<3xi32>) keys(%s : tensor<3xi32>)
    : (tensor<9x4x64xf32>, tensor<9x4x64xf32>, tensor<8x4x64xf32>) -> tensor<9x4x64xf32>
  return
}

// -----

func.func @packed_c2_heads(%q: tensor<9x4x64xf32>, %k: tensor<9x3x64xf32>, %s: tensor<3xi32>) {
  // expected-error @below {{expects H to be a multiple of Hkv, got 4 and 3}}
  %o = attn.packed %q, %k, %k rows(%s : tensor<3xi32>) keys(%s : tensor<3xi32>)
    : (tensor<9x4x64xf32>, tensor<9x3x64xf32>, tensor<9x3x64xf32>) -> tensor<9x4x64xf32>
  return
}

// -----

func.func @packed_c3_sequences(%q: tensor<9x4x64xf32>, %s: tensor<3xi32>, %t: tensor<4xi32>) {
  // expected-error @below {{expects 'rows' and 'keys' to share S + 1, got 3 and 4}}
  %o = attn.packed %q, %q, %q rows(%s : tensor<3xi32>) keys(%t : tensor<4xi32>)
    : (tensor<9x4x64xf32>, tensor<9x4x64xf32>, tensor<9x4x64xf32>) -> tensor<9x4x64xf32>
  return
}

// -----

func.func @packed_c3_no_sum(%q: tensor<9x4x64xf32>, %s: tensor<0xi32>, %t: tensor<?xi32>) {
  // expected-error @below {{expects 'rows' to hold 1 to 65536 sums, got 0}}
  %o = attn.packed %q, %q, %q rows(%s : tensor<0xi32>) keys(%t : tensor<?xi32>)
    : (tensor<9x4x64xf32>, tensor<9x4x64xf32>, tensor<9x4x64xf32>) -> tensor<9x4x64xf32>
  return
}

// -----

func.func @packed_c3_too_many(%q: tensor<9x4x64xf32>, %s: tensor<?xi32>, %t: tensor<65537xi32>) {
  // expected-error @below {{expects 'keys' to hold 1 to 65536 sums, got 65537}}
  %o = attn.packed %q, %q, %q rows(%s : tensor<?xi32>) keys(%t : tensor<65537xi32>)
    : (tensor<9x4x64xf32>, tensor<9x4x64xf32>, tensor<9x4x64xf32>) -> tensor<9x4x64xf32>
  return
}

// -----

func.func @packed_c4_weights(%q: tensor<9x4x64xf32>, %s: tensor<3xi32>) {
  // expected-error @below {{expects result kinds out and lse, got weights}}
  %o, %w = attn.packed %q, %q, %q rows(%s : tensor<3xi32>) keys(%s : tensor<3xi32>) returns(out, weights)
    : (tensor<9x4x64xf32>, tensor<9x4x64xf32>, tensor<9x4x64xf32>) -> tensor<9x4x64xf32>, tensor<4x9x9xf32>
  return
}

// -----

func.func @packed_c5_lse(%q: tensor<9x4x64xf32>, %s: tensor<3xi32>) {
  // expected-error @below {{expects result 'lse' to be 'f32' of shape [4, 9], got 'tensor<9x4xf32>'}}
  %o, %l = attn.packed %q, %q, %q rows(%s : tensor<3xi32>) keys(%s : tensor<3xi32>) returns(out, lse)
    : (tensor<9x4x64xf32>, tensor<9x4x64xf32>, tensor<9x4x64xf32>) -> tensor<9x4x64xf32>, tensor<9x4xf32>
  return
}

// -----

func.func @packed_c6_element(%q: tensor<9x4x64xf32>, %k: tensor<9x4x64xf16>, %s: tensor<3xi32>) {
  // expected-error @below {{expects 'query' and 'key' to share the element type, got 'f32' and 'f16'}}
  %o = attn.packed %q, %k, %q rows(%s : tensor<3xi32>) keys(%s : tensor<3xi32>)
    : (tensor<9x4x64xf32>, tensor<9x4x64xf16>, tensor<9x4x64xf32>) -> tensor<9x4x64xf32>
  return
}

// -----

func.func @packed_c7_scale(%q: tensor<9x4x?xf32>, %s: tensor<3xi32>) {
  // expected-error @below {{expects 'scale' where D is unknown or 0}}
  %o = attn.packed %q, %q, %q rows(%s : tensor<3xi32>) keys(%s : tensor<3xi32>)
    : (tensor<9x4x?xf32>, tensor<9x4x?xf32>, tensor<9x4x?xf32>) -> tensor<9x4x?xf32>
  return
}
