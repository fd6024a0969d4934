// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -split-input-file -verify-diagnostics

// One case for each way to break a constraint; names carry the number of the constraint.

func.func @sdpa_rank(%q: tensor<8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{operand #0 must be [B,H,N,D] (or [B,N,H,D]) tensor of f16, bf16, f32 or f64, but got 'tensor<8x5x64xf32>'}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c1_batch(%q: tensor<1x8x5x64xf32>, %k: tensor<2x2x7x64xf32>, %v: tensor<?x2x7x48xf32>) {
  // expected-error @below {{expects 'query' and 'key' to share batch size B, got 1 and 2}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<2x2x7x64xf32>, tensor<?x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c2_head_size(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x32xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects 'query' and 'key' to share head size D, got 64 and 32}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x32xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c3_kv_heads(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x4x7x48xf32>) {
  // expected-error @below {{expects 'key' and 'value' to share Hkv, got 2 and 4}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x4x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c3_keys(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x6x48xf32>) {
  // expected-error @below {{expects 'key' and 'value' to share M, got 7 and 6}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x6x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c4_heads_not_multiple(%q: tensor<1x8x5x64xf32>, %k: tensor<1x3x7x64xf32>, %v: tensor<1x3x7x48xf32>) {
  // expected-error @below {{expects H to be a multiple of Hkv, got 8 and 3}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<1x3x7x64xf32>, tensor<1x3x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c4_no_kv_heads(%q: tensor<1x8x5x64xf32>, %k: tensor<1x0x7x64xf32>, %v: tensor<1x0x7x48xf32>) {
  // expected-error @below {{expects H to be a multiple of Hkv, got 8 and 0}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<1x0x7x64xf32>, tensor<1x0x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c5_bias_size(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>, %b: tensor<5x6xf32>) {
  // expected-error @below {{expects 'bias' to broadcast to [B, H, N, M] = [1, 8, 5, 7], got 'tensor<5x6xf32>'}}
  %o = attn.sdpa %q, %k, %v bias(%b : tensor<5x6xf32>)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c5_mask_rank(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>, %b: tensor<1x1x8x5x7xi1>) {
  // expected-error @below {{expects 'mask' to broadcast to [B, H, N, M] = [1, 8, 5, 7], got 'tensor<1x1x8x5x7xi1>'}}
  %o = attn.sdpa %q, %k, %v mask(%b : tensor<1x1x8x5x7xi1>)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c5_bias_rank_0(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>, %b: tensor<f32>) {
  // expected-error @below {{expects 'bias' to broadcast to [B, H, N, M] = [1, 8, 5, 7], got 'tensor<f32>'}}
  %o = attn.sdpa %q, %k, %v bias(%b : tensor<f32>)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c6_out_first(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects the first result kind to be out}}
  %o:2 = attn.sdpa %q, %k, %v returns(lse, out)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5xf32>, tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c6_twice(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects each result kind at most once, got out twice}}
  %o:2 = attn.sdpa %q, %k, %v returns(out, out)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c6_count(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects one kind per result, got 1 kinds and 2 results}}
  %o:2 = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<1x8x5xf32>
  return
}

// -----

func.func @sdpa_c6_kind(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects result kinds of out, lse, weights, got entropy}}
  %o:2 = attn.sdpa %q, %k, %v returns(out, entropy)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<1x8x5xf32>
  return
}

// -----

func.func @sdpa_c7_out_shape(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects result 'out' to be 'f32' of shape [1, 8, 5, 48], got 'tensor<1x5x8x48xf32>'}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x5x8x48xf32>
  return
}

// -----

func.func @sdpa_c7_lse_type(%q: tensor<1x8x5x64xf16>, %k: tensor<1x2x7x64xf16>, %v: tensor<1x2x7x48xf16>) {
  // expected-error @below {{expects result 'lse' to be 'f32' of shape [1, 8, 5], got 'tensor<1x8x5xf16>'}}
  %o:2 = attn.sdpa %q, %k, %v returns(out, lse)
    : (tensor<1x8x5x64xf16>, tensor<1x2x7x64xf16>, tensor<1x2x7x48xf16>) -> tensor<1x8x5x48xf16>, tensor<1x8x5xf16>
  return
}

// -----

func.func @sdpa_c7_weights_rank(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects result 'weights' to be 'f32' of shape [1, 8, 5, 7], got 'tensor<8x5x7xf32>'}}
  %o:2 = attn.sdpa %q, %k, %v returns(out, weights)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<8x5x7xf32>
  return
}

// -----

func.func @sdpa_c8_element_type(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf16>) {
  // expected-error @below {{expects 'query' and 'value' to share the element type, got 'f32' and 'f16'}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf16>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c8_mask_type(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>, %b: tensor<5x7xi8>) {
  // expected-error @below {{operand #3 must be ranked tensor of 1-bit signless integer values, but got 'tensor<5x7xi8>'}}
  %o = attn.sdpa %q, %k, %v mask(%b : tensor<5x7xi8>)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_c9_scale(%q: tensor<1x8x5x?xf32>, %k: tensor<1x2x7x?xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects 'scale' where D is unknown or 0}}
  %o = attn.sdpa %q, %k, %v 
    : (tensor<1x8x5x?xf32>, tensor<1x2x7x?xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>
  return
}

// -----

func.func @sdpa_unknown_kind(%q: tensor<1x8x5x64xf32>) {
  // expected-error @below {{unknown result kind 'sum' (expected out, lse, max, entropy, weights, topk_values, topk_indices)}}
  %o:2 = attn.sdpa %q, %q, %q returns(out, sum) : (tensor<1x8x5x64xf32>, tensor<1x8x5x64xf32>, tensor<1x8x5x64xf32>) -> tensor<1x8x5x64xf32>, tensor<1xf32>
  return
}

// -----

func.func @sdpa_unknown_layout(%q: tensor<1x8x5x64xf32>) {
  // expected-error @below {{unknown layout 'nbhd' (expected bhnd, bnhd)}}
  %o = attn.sdpa %q, %q, %q layout(nbhd) : (tensor<1x8x5x64xf32>, tensor<1x8x5x64xf32>, tensor<1x8x5x64xf32>) -> tensor<1x8x5x64xf32>
  return
}

// -----

func.func @additive_c1(%q: tensor<2x5x8xf32>, %k: tensor<3x7x8xf32>, %v: tensor<2x7x4xf32>, %w: tensor<8xf32>) {
  // expected-error @below {{expects 'query' and 'key' to share batch size B, got 2 and 3}}
  %o = attn.additive %q, %k, %v weight(%w : tensor<8xf32>) : (tensor<2x5x8xf32>, tensor<3x7x8xf32>, tensor<2x7x4xf32>) -> tensor<2x5x4xf32>
  return
}

// -----

func.func @additive_c2(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %w: tensor<9xf32>) {
  // expected-error @below {{expects 'query' and 'weight' to share D, got 8 and 9}}
  %o = attn.additive %q, %k, %v weight(%w : tensor<9xf32>) : (tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) -> tensor<2x5x4xf32>
  return
}

// -----

func.func @additive_c3(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x6x4xf32>, %w: tensor<8xf32>) {
  // expected-error @below {{expects 'key' and 'value' to share M, got 7 and 6}}
  %o = attn.additive %q, %k, %v weight(%w : tensor<8xf32>) : (tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x6x4xf32>) -> tensor<2x5x4xf32>
  return
}

// -----

func.func @additive_c4(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %w: tensor<8xf32>, %m: tensor<2x7xi1>) {
  // expected-error @below {{expects 'mask' to broadcast to [B, N, M] = [2, 5, 7], got 'tensor<2x7xi1>'}}
  %o = attn.additive %q, %k, %v weight(%w : tensor<8xf32>) mask(%m : tensor<2x7xi1>) : (tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) -> tensor<2x5x4xf32>
  return
}

// -----

func.func @additive_c5(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %w: tensor<8xf32>) {
  // expected-error @below {{expects the first result kind to be out}}
  %o = attn.additive %q, %k, %v weight(%w : tensor<8xf32>) returns(lse) : (tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) -> tensor<2x5xf32>
  return
}

// -----

func.func @additive_c6(%q: tensor<2x5x8xbf16>, %k: tensor<2x7x8xbf16>, %v: tensor<2x7x4xbf16>, %w: tensor<8xbf16>) {
  // expected-error @below {{expects result 'out' to be 'bf16' of shape [2, 5, 4], got 'tensor<2x5x4xf32>'}}
  %o = attn.additive %q, %k, %v weight(%w : tensor<8xbf16>) : (tensor<2x5x8xbf16>, tensor<2x7x8xbf16>, tensor<2x7x4xbf16>) -> tensor<2x5x4xf32>
  return
}

// -----

func.func @additive_c7(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %w: tensor<8xbf16>) {
  // expected-error @below {{expects 'query' and 'weight' to share the element type, got 'f32' and 'bf16'}}
  %o = attn.additive %q, %k, %v weight(%w : tensor<8xbf16>) : (tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) -> tensor<2x5x4xf32>
  return
}
