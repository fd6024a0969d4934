// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -split-input-file -verify-diagnostics

func.func @online_c1_maps(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects 5 indexing maps (query, key, value, similarity, score, mask operands, acc, state), got 4}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c1_state_map(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects the map of 'state 0' to have one result per dimension of 'tensor<16xf32>', got 2}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i, e)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c1_unused_state_map(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects the map of 'state' to be a projected permutation without symbols, got affine_map<(d0, d1, d2, d3, d4) -> (d1 + 1)>}}
  %r = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc : tensor<4x16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i + 1)>]
    exponent_scale(1.0) normalizer(#attn.identity)
  return
}

// -----

func.func @online_c2_key(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects loop 0 to be batch (query, key, value, out), row (query, out), key (key, value), d (query, key) or e (value, out), got use in value}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (h, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c3_sizes(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<6x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects 'key' and 'value' to share the size of loop 2, got 7 and 6}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<6x4xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c3_fixed_size(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %x: tensor<2xf32>) {
  // expected-error @below {{expects 'score operand 0' to have size 1 along the fixed loop 0, got 2}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>) score_ins(%x : tensor<2xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (h)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c3_offsets(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %x: index) {
  // expected-error @below {{expects no offset or one per loop (5), got 1}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>) offsets(%x)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c3_region(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects region 'score' to take ('f32'), got ()}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax) score {
      %x = arith.constant 1.0 : f32
      attn.yield %x : f32
    }
  return
}

// -----

func.func @online_c4_count(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects 3 outs (acc, then the state), got 1}}
  %r = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc : tensor<4x16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c4_type(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %x: tensor<16xf16>) {
  // expected-error @below {{expects 'out 1' to hold the accumulator type 'f32', got 'f16'}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %x, %m : tensor<4x16xf32>, tensor<16xf16>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c4_state_over_e(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %x: tensor<4xf32>) {
  // expected-error @below {{expects 'state 0' to use loops of kind batch, row only, got loop 4 of kind e}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %x, %x : tensor<4x16xf32>, tensor<4xf32>, tensor<4xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>, affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (e)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @online_c5_count(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %s: tensor<3x16xf32>) {
  // expected-error @below {{expects 5 outs (acc, the state, then scores and positions of 'top_k'), got 4}}
  %r:4 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %m, %m, %s : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>, tensor<3x16xf32>)
    maps [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (e, i)>, affine_map<(i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax) top_k(3)
  return
}

// -----

func.func @online_c5_ranks(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %s: tensor<3x16xf32>, %p: tensor<3x16xi32>) {
  // expected-error @below {{expects the scores of 'top_k' to be 'tensor<2x16xf32>', got 'tensor<3x16xf32>'}}
  %r:5 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %m, %m, %s, %p : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>, tensor<3x16xf32>, tensor<3x16xi32>)
    maps [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (e, i)>, affine_map<(i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax) top_k(2)
  return
}

// -----

func.func @online_c5_orientation(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %s: tensor<3x16xf32>, %p: tensor<16x3xi32>) {
  // expected-error @below {{expects the positions of 'top_k' to be 'tensor<3x16xi32>', got 'tensor<16x3xi32>'}}
  %r:5 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %m, %m, %s, %p : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>, tensor<3x16xf32>, tensor<16x3xi32>)
    maps [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (e, i)>, affine_map<(i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax) top_k(3)
  return
}

// -----

func.func @online_c5_element_type(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %v: tensor<7x4xf32>, %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %s: tensor<3x16xf32>, %p: tensor<3x16xi64>) {
  // expected-error @below {{expects the positions of 'top_k' to be 'tensor<3x16xi32>', got 'tensor<3x16xi64>'}}
  %r:5 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<7x8xf32>, tensor<7x4xf32>)
    outs(%acc, %m, %m, %s, %p : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>, tensor<3x16xf32>, tensor<3x16xi64>)
    maps [affine_map<(i, j, d, e) -> (d, i)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (e, i)>, affine_map<(i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax) top_k(3)
  return
}

// -----

func.func @weights_c1_maps(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %m: tensor<16xf32>, %w: tensor<7x16xf32>) {
  // expected-error @below {{expects 4 indexing maps (query, key, similarity, score, mask operands, state, init), got 3}}
  %r = attn.weights ins(%q, %k : tensor<8x16xf32>, tensor<7x8xf32>)
    state(%m, %m, %m : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) outs(%w : tensor<7x16xf32>)
    maps [affine_map<(i, j, d) -> (d, i)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @weights_c2_factor_missing(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %m: tensor<16xf32>, %w: tensor<7x16xf32>) {
  // expected-error @below {{expects 3 state operands (the state, then the factor), got 2}}
  %r = attn.weights ins(%q, %k : tensor<8x16xf32>, tensor<7x8xf32>)
    state(%m, %m : tensor<16xf32>, tensor<16xf32>) outs(%w : tensor<7x16xf32>)
    maps [affine_map<(i, j, d) -> (d, i)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i)>, affine_map<(i, j, d) -> (j, i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @weights_c3_key_missing(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %m: tensor<16xf32>, %w: tensor<7x16xf32>) {
  // expected-error @below {{expects loop 1 to be batch (query, key, out), row (query, out), key (key, out) or d (query, key), got use in key}}
  %r = attn.weights ins(%q, %k : tensor<8x16xf32>, tensor<7x8xf32>)
    state(%m, %m, %m : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) outs(%m : tensor<16xf32>)
    maps [affine_map<(i, j, d) -> (d, i)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i)>, affine_map<(i, j, d) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @weights_c3_state_over_keys(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %x: tensor<7xf32>, %w: tensor<7x16xf32>) {
  // expected-error @below {{expects 'state 0' to use loops of kind batch, row only, got loop 1 of kind key}}
  %r = attn.weights ins(%q, %k : tensor<8x16xf32>, tensor<7x8xf32>)
    state(%x, %x, %x : tensor<7xf32>, tensor<7xf32>, tensor<7xf32>) outs(%w : tensor<7x16xf32>)
    maps [affine_map<(i, j, d) -> (d, i)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (j)>, affine_map<(i, j, d) -> (j, i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @weights_c3_type(%q: tensor<8x16xf32>, %k: tensor<7x8xf32>, %m: tensor<16xf32>, %x: tensor<7x16xf16>) {
  // expected-error @below {{expects 'out 0' to hold the accumulator type 'f32', got 'f16'}}
  %r = attn.weights ins(%q, %k : tensor<8x16xf32>, tensor<7x8xf32>)
    state(%m, %m, %m : tensor<16xf32>, tensor<16xf32>, tensor<16xf32>) outs(%x : tensor<7x16xf16>)
    maps [affine_map<(i, j, d) -> (d, i)>, affine_map<(i, j, d) -> (j, d)>, affine_map<(i, j, d) -> (i)>, affine_map<(i, j, d) -> (j, i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
  return
}

// -----

func.func @merge_c1_ins(%acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects 3 ins (acc, then the state), got 2}}
  %r:3 = attn.merge ins(%acc, %m : tensor<4x16xf32>, tensor<16xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @merge_c1_outs(%acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects 3 outs (acc, then the state), got 2}}
  %r:2 = attn.merge ins(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    outs(%acc, %m : tensor<4x16xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @merge_c1_types(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %x: tensor<?xf32>) {
  // expected-error @below {{expects 'in 2' and 'out 2' to have one type, got 'tensor<16xf32>' and 'tensor<?xf32>'}}
  %r:3 = attn.merge ins(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    outs(%acc, %m, %x : tensor<4x16xf32>, tensor<16xf32>, tensor<?xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @merge_c1_accumulator(%acc: tensor<4x16xf16>, %m: tensor<16xf16>) {
  // expected-error @below {{expects 'out 0' to hold an accumulator type, f32 or f64, got 'f16'}}
  %r:3 = attn.merge ins(%acc, %m, %m : tensor<4x16xf16>, tensor<16xf16>, tensor<16xf16>)
    outs(%acc, %m, %m : tensor<4x16xf16>, tensor<16xf16>, tensor<16xf16>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @merge_c2_maps(%acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects 2 indexing maps (acc, state), got 1}}
  %r:3 = attn.merge ins(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @merge_c2_loops(%acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects 'state' to use loops of 'acc' only, got loop 2}}
  %r:3 = attn.merge ins(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(i, e, x) -> (e, i)>, affine_map<(i, e, x) -> (x)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @merge_c2_sizes(%acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects 'acc' and 'state 0' to share the size of loop 1, got 4 and 16}}
  %r:3 = attn.merge ins(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    outs(%acc, %m, %m : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (e)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c1_maps(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>) {
  // expected-error @below {{expects 4 indexing maps (acc, state, normalizer operands, outs), got 2}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%o, %m : tensor<16x4xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c1_sizes(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x5xf32>) {
  // expected-error @below {{expects 'acc' and 'out' to share the size of loop 1, got 4 and 5}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%o, %m : tensor<16x5xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c2_state(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>) {
  // expected-error @below {{expects 2 state operands, got 1}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m : tensor<16xf32>)
    outs(%o, %m : tensor<16x4xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c2_operands(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>) {
  // expected-error @below {{expects 1 normalizer operands, got 0}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%o, %m : tensor<16x4xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax_sink)
  return
}

// -----

func.func @finalize_c3_kinds(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>) {
  // expected-error @below {{expects one kind per result, got 2 kinds and 1 results}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%o, %m : tensor<16x4xf32>, tensor<16xf32>) returns(out, lse)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c3_kind(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>) {
  // expected-error @below {{expects result kinds of out, lse, max, entropy, got weights}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%o, %m : tensor<16x4xf32>, tensor<16xf32>) returns(weights)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c4_state_type(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>, %x: tensor<16xf64>) {
  // expected-error @below {{expects 'state 0' to hold the accumulator type 'f32', got 'f64'}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%x, %x : tensor<16xf64>, tensor<16xf64>)
    outs(%o, %m : tensor<16x4xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c4_factor_type(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>, %x: tensor<16xf16>) {
  // expected-error @below {{expects 'out 1' to hold the accumulator type, got 'f16'}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%o, %x : tensor<16x4xf32>, tensor<16xf16>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c4_out_type(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %x: tensor<16x4xi32>) {
  // expected-error @below {{expects 'out 0' to hold floats, got 'i32'}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%x, %m : tensor<16x4xi32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c5_acc_over_rows(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>) {
  // expected-error @below {{expects 'acc' to use one loop more than 'factor', got 2 and 2}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%o, %o : tensor<16x4xf32>, tensor<16x4xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i, e)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c5_out_over_rows(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>) {
  // expected-error @below {{expects 'out' to use the loops of 'acc', got no use of loop 1}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%m, %m : tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c3_state_without_entropy(%acc: tensor<4x16xf32>, %m: tensor<16xf32>) {
  // expected-error @below {{expects normalizer #attn.softmax<entropy = true> for result 'entropy', got #attn.softmax}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>)
    outs(%m, %m : tensor<16xf32>, tensor<16xf32>) returns(entropy)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax)
  return
}

// -----

func.func @finalize_c5_sink_over_e(%acc: tensor<4x16xf32>, %m: tensor<16xf32>, %o: tensor<16x4xf32>, %x: tensor<4xf32>) {
  // expected-error @below {{expects 'normalizer operand 0' to use the loops of 'factor', got use of loop 1}}
  %r:2 = attn.finalize ins(%acc : tensor<4x16xf32>) state(%m, %m : tensor<16xf32>, tensor<16xf32>) normalizer_ins(%x : tensor<4xf32>)
    outs(%o, %m : tensor<16x4xf32>, tensor<16xf32>)
    maps [affine_map<(i, e) -> (e, i)>, affine_map<(i, e) -> (i)>, affine_map<(i, e) -> (e)>, affine_map<(i, e) -> (i, e)>, affine_map<(i, e) -> (i)>] normalizer(#attn.softmax_sink)
  return
}
