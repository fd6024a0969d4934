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
  // expected-error @below {{expects result kinds of out, lse, weights, topk_values, topk_indices, got entropy}}
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

func.func @sdpa_c6_topk_alone(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects 'topk_values' and 'topk_indices' together, got only 'topk_indices'}}
  %o:2 = attn.sdpa %q, %k, %v returns(out, topk_indices)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<1x8x5x3xi32>
  return
}

// -----

func.func @sdpa_c6_topk_dynamic(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects 'topk_values' and 'topk_indices' to share one static k, got 'tensor<1x8x5x?xf32>' and 'tensor<1x8x5x?xi32>'}}
  %o:3 = attn.sdpa %q, %k, %v returns(out, topk_values, topk_indices)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<1x8x5x?xf32>, tensor<1x8x5x?xi32>
  return
}

// -----

func.func @sdpa_c7_topk_values_shape(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects result 'topk_values' to be 'f32' of shape [1, 8, 5, 3], got 'tensor<1x5x8x3xf32>'}}
  %o:3 = attn.sdpa %q, %k, %v returns(out, topk_values, topk_indices)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<1x5x8x3xf32>, tensor<1x8x5x3xi32>
  return
}

// -----

func.func @sdpa_c7_topk_values_rank_0(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects result 'topk_values' to be 'f32' of shape [1, 8, 5, ?], got 'tensor<f32>'}}
  %o:3 = attn.sdpa %q, %k, %v returns(out, topk_values, topk_indices)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<f32>, tensor<1x8x5x3xi32>
  return
}

// -----

func.func @sdpa_c7_topk_indices_type(%q: tensor<1x8x5x64xf32>, %k: tensor<1x2x7x64xf32>, %v: tensor<1x2x7x48xf32>) {
  // expected-error @below {{expects result 'topk_indices' to be i32 or i64 of shape [1, 8, 5, 3], got 'tensor<1x8x5x3xf32>'}}
  %o:3 = attn.sdpa %q, %k, %v returns(out, topk_values, topk_indices)
    : (tensor<1x8x5x64xf32>, tensor<1x2x7x64xf32>, tensor<1x2x7x48xf32>) -> tensor<1x8x5x48xf32>, tensor<1x8x5x3xf32>, tensor<1x8x5x3xf32>
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

// -----

func.func @rope_c1_no_pairs(%x: tensor<2x3x5x8xf32>, %t: tensor<5x0xf32>) {
  // expected-error @below {{expects pairs to turn in 'cos' and 'sin', got C = 0}}
  %0 = attn.rope %x, %t, %t : (tensor<2x3x5x8xf32>, tensor<5x0xf32>, tensor<5x0xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c1_unknown_pairs(%x: tensor<2x3x5x8xf32>, %t: tensor<5x?xf32>) {
  // expected-error @below {{expects a static number C of pairs in 'cos' and 'sin'}}
  %0 = attn.rope %x, %t, %t : (tensor<2x3x5x8xf32>, tensor<5x?xf32>, tensor<5x?xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c1_wider_than_rows(%x: tensor<2x3x5x8xf32>, %t: tensor<5x5xf32>) {
  // expected-error @below {{expects 2 C elements to be turned of at most D, got C = 5 and D = 8}}
  %0 = attn.rope %x, %t, %t : (tensor<2x3x5x8xf32>, tensor<5x5xf32>, tensor<5x5xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c2_few_positions(%x: tensor<2x3x5x8xf32>, %t: tensor<4x4xf32>) {
  // expected-error @below {{expects tables of at least N positions, got P = 4 and N = 5: give 'positions' where rows share them}}
  %0 = attn.rope %x, %t, %t : (tensor<2x3x5x8xf32>, tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c2_no_positions(%x: tensor<2x3x5x8xf32>, %t: tensor<0x4xf32>, %p: tensor<5xi32>) {
  // expected-error @below {{expects tables of at least one position, got P = 0}}
  %0 = attn.rope %x, %t, %t positions(%p : tensor<5xi32>) : (tensor<2x3x5x8xf32>, tensor<0x4xf32>, tensor<0x4xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c3_rows(%x: tensor<2x3x5x8xf32>, %t: tensor<9x4xf32>, %p: tensor<2x3xi32>) {
  // expected-error @below {{expects 'input' and 'positions' to share N, got 5 and 3}}
  %0 = attn.rope %x, %t, %t positions(%p : tensor<2x3xi32>) : (tensor<2x3x5x8xf32>, tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c3_batch(%x: tensor<2x3x5x8xf32>, %t: tensor<9x4xf32>, %p: tensor<3x5xi32>) {
  // expected-error @below {{expects 'input' and 'positions' to share batch size B, got 2 and 3}}
  %0 = attn.rope %x, %t, %t positions(%p : tensor<3x5xi32>) : (tensor<2x3x5x8xf32>, tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c3_layout(%x: tensor<2x3x5x8xf32>, %t: tensor<9x4xf32>, %p: tensor<2x5xi32>) {
  // expected-error @below {{expects 'input' and 'positions' to share N, got 3 and 5}}
  %0 = attn.rope %x, %t, %t positions(%p : tensor<2x5xi32>) layout(bnhd) : (tensor<2x3x5x8xf32>, tensor<9x4xf32>, tensor<9x4xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c4_tables(%x: tensor<2x3x5x8xf32>, %t: tensor<5x4xf32>, %u: tensor<5x3xf32>) {
  // expected-error @below {{failed to verify that both tables have one type}}
  %0 = attn.rope %x, %t, %u : (tensor<2x3x5x8xf32>, tensor<5x4xf32>, tensor<5x3xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @rope_c4_result(%x: tensor<2x3x5x8xf32>, %t: tensor<5x4xf32>) {
  // expected-error @below {{failed to verify that the result has the type of the input}}
  %0 = attn.rope %x, %t, %t : (tensor<2x3x5x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5x8xf16>
  return
}

// -----

func.func @rope_positions(%x: tensor<2x3x5x8xf32>, %t: tensor<5x4xf32>, %p: tensor<5xf32>) {
  // expected-error @below {{operand #3 must be [N] or [B,N] tensor of i32, i64 or index, but got 'tensor<5xf32>'}}
  %0 = attn.rope %x, %t, %t positions(%p : tensor<5xf32>) : (tensor<2x3x5x8xf32>, tensor<5x4xf32>, tensor<5x4xf32>) -> tensor<2x3x5x8xf32>
  return
}

// -----

func.func @multi_head_c1_two_weights(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects 'weights' of Q, K and V, or one that is all three, got 2}}
  %0 = attn.multi_head %x weights(%wq, %wk : tensor<6x12xf32>, tensor<6x6xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c1_packed_memory(%x: tensor<2x5x6xf32>, %y: tensor<2x9x6xf32>, %wq: tensor<6x12xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects 'weights' of Q, K and V beside 'memory', got 1}}
  %0 = attn.multi_head %x memory(%y : tensor<2x9x6xf32>) weights(%wq : tensor<6x12xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c2_unknown(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x?xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects weights of static sizes, got 'tensor<6x?xf32>' for 'key weight'}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x?xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c2_width(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<5x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects 'input' and 'value weight' to share E, got 6 and 5}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<5x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c2_memory_width(%x: tensor<2x5x6xf32>, %y: tensor<2x8x9xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects 'memory' and 'key weight' to share Em, got 9 and 6}}
  %0 = attn.multi_head %x memory(%y : tensor<2x8x9xf32>) weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c3_heads(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects H to be a multiple of Hkv, got 4 and 3}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 3) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c3_columns(%x: tensor<2x5x6xf32>, %wq: tensor<6x13xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects the columns of 'query weight' to be a multiple of its 4 heads, got 13}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x13xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c3_packed_columns(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects the columns of 'packed weight' to be a multiple of its 8 heads, got 12}}
  %0 = attn.multi_head %x weights(%wq : tensor<6x12xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c3_head_size(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x8xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects 'query weight' and 'key weight' to share D, got 3 and 4}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x8xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c3_out_rows(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<9x7xf32>) {
  // expected-error @below {{expects 'out' to have H * Dv = 8 rows, got 9}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<9x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c4_bias_count(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %b: tensor<12xf32>) {
  // expected-error @below {{expects one 'bias' for each of 'weights', got 1 for 3}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) bias(%b : tensor<12xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c4_bias_size(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %b: tensor<12xf32>, %c: tensor<4xf32>) {
  // expected-error @below {{expects 'bias' #1 to have the 6 columns of its weight, got [12]}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) bias(%b, %b, %c : tensor<12xf32>, tensor<12xf32>, tensor<4xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c4_out_bias(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %b: tensor<12xf32>) {
  // expected-error @below {{expects 'out_bias' to have the 7 columns of 'out', got [12]}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) out_bias(%b : tensor<12xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c5_memory(%x: tensor<2x5x6xf32>, %y: tensor<2x8x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %t: tensor<5x1xf32>) {
  // expected-error @below {{expects no 'rope' beside 'memory': rows of X and of Y have no common positions}}
  %0 = attn.multi_head %x memory(%y : tensor<2x8x6xf32>) weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) rope(%t, %t : tensor<5x1xf32>, tensor<5x1xf32>) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c5_positions_alone(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %p: tensor<5xi32>) {
  // expected-error @below {{expects 'rope' where there is 'positions'}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) positions(%p : tensor<5xi32>) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c5_interleaved_alone(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects 'rope' where there is 'interleaved'}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) interleaved : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c5_pairs(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %t: tensor<5x2xf32>) {
  // expected-error @below {{expects 2 C elements to be turned of at most D, got C = 2 and D = 3}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) rope(%t, %t : tensor<5x2xf32>, tensor<5x2xf32>) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c5_few_positions(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %t: tensor<4x1xf32>) {
  // expected-error @below {{expects tables of at least N positions, got P = 4 and N = 5}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) rope(%t, %t : tensor<4x1xf32>, tensor<4x1xf32>) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c6_gains(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %g: tensor<3xf32>) {
  // expected-error @below {{expects two vectors of gains with 'norm', got 1}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) norm rms(%g : tensor<3xf32>) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c6_gain_size(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{expects gains of D = 3 elements, got 'tensor<4xf32>'}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) norm layer(%g, %g : tensor<4xf32>, tensor<4xf32>) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c7_mask(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>, %m: tensor<6xi1>) {
  // expected-error @below {{expects 'mask' to broadcast to [B, H, N, M] = [2, 4, 5, 5], got 'tensor<6xi1>'}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) mask(%m : tensor<6xi1>) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c8_elements(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xbf16>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects embeddings, weights, biases and gains of one element type, got 'f32' and 'bf16'}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xbf16>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c9_batch(%x: tensor<2x5x6xf32>, %y: tensor<3x8x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects 'input' and 'memory' to share batch size B, got 2 and 3}}
  %0 = attn.multi_head %x memory(%y : tensor<3x8x6xf32>) weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x7xf32>
  return
}

// -----

func.func @multi_head_c9_result(%x: tensor<2x5x6xf32>, %wq: tensor<6x12xf32>, %wk: tensor<6x6xf32>, %wv: tensor<6x4xf32>, %wo: tensor<8x7xf32>) {
  // expected-error @below {{expects the result to be 'f32' of shape [2, 5, 7], got 'tensor<2x5x6xf32>'}}
  %0 = attn.multi_head %x weights(%wq, %wk, %wv : tensor<6x12xf32>, tensor<6x6xf32>, tensor<6x4xf32>) out(%wo : tensor<8x7xf32>) heads(4, 2) : (tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  return
}
