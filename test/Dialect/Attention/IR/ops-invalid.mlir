// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -split-input-file -verify-diagnostics

// One case for each way to break a constraint; names carry the number of the constraint.

func.func @generic_c1_too_few_maps(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects 4 indexing maps (query, key, value, similarity, score, mask, normalizer operands, outs), got 3}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c1_no_maps(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o: tensor<2x5x4xf32>) {
  // expected-error @below {{expects 4 indexing maps (query, key, value, similarity, score, mask, normalizer operands, outs), got 0}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>)
    outs(out %o : tensor<2x5x4xf32>) maps [] normalizer(#attn.softmax)
  return
}

// -----

func.func @generic_c1_loops(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects the map of 'key' to have 5 loops as that of 'query', got 4}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c1_not_projected(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects the map of 'value' to be a projected permutation without symbols, got affine_map<(d0, d1, d2, d3, d4) -> (d0, d2 + 1, d4)>}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j + 1, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c1_constant(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects the map of 'out' to be a projected permutation without symbols, got affine_map<(d0, d1, d2, d3, d4) -> (0, d1, d4)>}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (0, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c1_repeated(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects the map of 'query' to be a projected permutation without symbols, got affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d1)>}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, i)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c1_symbol(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects the map of 'key' to be a projected permutation without symbols, got affine_map<(d0, d1, d2, d3, d4)[s0] -> (d0, d2, d3)>}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e)[s] -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c1_rank(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects the map of 'value' to have one result per dimension of 'tensor<2x7x4xf32>', got 2}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c1_topk_rank_0(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<f32>, %o2: tensor<i32>) {
  // expected-error @below {{expects the map of 'topk_values' to have one result per dimension of 'tensor<f32>' but the last, got 0}}
  %r:3 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, topk_values %o1 : tensor<f32>, topk_indices %o2 : tensor<i32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> ()>,
          affine_map<(b, i, j, d, e) -> ()>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c2_use(%q: tensor<2x5x8xf32>, %k: tensor<7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects loop 0 to be batch (query, key, value, out), row (query, out), key (key, value), d (query, key) or e (value, out), got use in query, value, out}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c2_unused(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects loop 5 to be batch (query, key, value, out), row (query, out), key (key, value), d (query, key) or e (value, out), got use in none of them}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e, x) -> (b, i, d)>,
          affine_map<(b, i, j, d, e, x) -> (b, j, d)>,
          affine_map<(b, i, j, d, e, x) -> (b, j, e)>,
          affine_map<(b, i, j, d, e, x) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c3_no_row(%q: tensor<2x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x4xf32>) {
  // expected-error @below {{expects at least one row loop, got none}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x4xf32>)
    maps [affine_map<(b, j, d, e) -> (b, d)>,
          affine_map<(b, j, d, e) -> (b, j, d)>,
          affine_map<(b, j, d, e) -> (b, j, e)>,
          affine_map<(b, j, d, e) -> (b, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c3_two_keys(%q: tensor<2x5x8xf32>, %k: tensor<2x7x3x8xf32>, %v: tensor<2x7x4x3xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects exactly one key loop, got 2: 2, 5}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x3x8xf32>, tensor<2x7x4x3xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e, x) -> (b, i, d)>,
          affine_map<(b, i, j, d, e, x) -> (b, j, x, d)>,
          affine_map<(b, i, j, d, e, x) -> (b, j, e, x)>,
          affine_map<(b, i, j, d, e, x) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c3_no_d(%q: tensor<2x5xf32>, %k: tensor<2x7xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects exactly one d loop, got 0}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5xf32>, tensor<2x7xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, e) -> (b, i)>,
          affine_map<(b, i, j, e) -> (b, j)>,
          affine_map<(b, i, j, e) -> (b, j, e)>,
          affine_map<(b, i, j, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c3_no_loops(%q: tensor<f32>, %k: tensor<f32>, %v: tensor<f32>, %o0: tensor<f32>) {
  // expected-error @below {{expects exactly one key loop, got 0}}
  %r = attn.generic ins(%q, %k, %v : tensor<f32>, tensor<f32>, tensor<f32>) 
    outs(out %o0 : tensor<f32>)
    maps [affine_map<() -> ()>,
          affine_map<() -> ()>,
          affine_map<() -> ()>,
          affine_map<() -> ()>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c4_sizes(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x6x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects 'key' and 'value' to share the size of loop 2, got 7 and 6}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x6x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c4_sizes_of_out(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x9x4xf32>) {
  // expected-error @below {{expects 'query' and 'out' to share the size of loop 1, got 5 and 9}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x9x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c5_score_over_e(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %x: tensor<4xf32>) {
  // expected-error @below {{expects 'score operand 0' to use loops of kind batch, row, key only, got loop 4 of kind e}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) score_ins(%x : tensor<4xf32>)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c5_mask_over_d(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %x: tensor<8xi1>) {
  // expected-error @below {{expects 'mask operand 0' to use loops of kind batch, row, key only, got loop 3 of kind d}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) mask_ins(%x : tensor<8xi1>)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (d)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c5_similarity_over_e(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %x: tensor<4xf32>) {
  // expected-error @below {{expects 'similarity operand 0' to use loops of kind batch, row, key, d only, got loop 4 of kind e}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) similarity_ins(%x : tensor<4xf32>)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c5_sink_over_keys(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %x: tensor<7xf32>) {
  // expected-error @below {{expects 'normalizer operand 0' to use loops of kind batch, row only, got loop 2 of kind key}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) normalizer_ins(%x : tensor<7xf32>)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (j)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax_sink) 
  return
}

// -----

func.func @generic_c6_out_first(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5xf32>, %o1: tensor<2x5x4xf32>) {
  // expected-error @below {{expects the first result kind to be out}}
  %r:2 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(lse %o0 : tensor<2x5xf32>, out %o1 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c6_twice(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5xf32>, %o2: tensor<2x5xf32>) {
  // expected-error @below {{expects each result kind at most once, got lse twice}}
  %r:3 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, lse %o1 : tensor<2x5xf32>, lse %o2 : tensor<2x5xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (b, i)>,
          affine_map<(b, i, j, d, e) -> (b, i)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c6_topk_alone(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5x3xf32>) {
  // expected-error @below {{expects 'topk_values' and 'topk_indices' together, got only 'topk_values'}}
  %r:2 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, topk_values %o1 : tensor<2x5x3xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (b, i)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c6_topk_size(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5x3xf32>, %o2: tensor<2x5x2xi32>) {
  // expected-error @below {{expects 'topk_values' and 'topk_indices' to share one static k, got 'tensor<2x5x3xf32>' and 'tensor<2x5x2xi32>'}}
  %r:3 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, topk_values %o1 : tensor<2x5x3xf32>, topk_indices %o2 : tensor<2x5x2xi32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (b, i)>,
          affine_map<(b, i, j, d, e) -> (b, i)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c6_topk_none(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5x0xf32>, %o2: tensor<2x5x0xi32>) {
  // expected-error @below {{expects 'topk_values' to have k of at least 1, got 0}}
  %r:3 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>)
    outs(out %o0 : tensor<2x5x4xf32>, topk_values %o1 : tensor<2x5x0xf32>, topk_indices %o2 : tensor<2x5x0xi32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>, affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (b, i, e)>, affine_map<(b, i, j, d, e) -> (b, i)>, affine_map<(b, i, j, d, e) -> (b, i)>]
    normalizer(#attn.softmax)
  return
}

// -----

func.func @generic_c6_topk_maps(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5x3xf32>, %o2: tensor<5x2x3xi32>) {
  // expected-error @below {{expects 'topk_values' and 'topk_indices' to have one map, got affine_map<(d0, d1, d2, d3, d4) -> (d0, d1)> and affine_map<(d0, d1, d2, d3, d4) -> (d1, d0)>}}
  %r:3 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>)
    outs(out %o0 : tensor<2x5x4xf32>, topk_values %o1 : tensor<2x5x3xf32>, topk_indices %o2 : tensor<5x2x3xi32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>, affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (b, i, e)>, affine_map<(b, i, j, d, e) -> (b, i)>, affine_map<(b, i, j, d, e) -> (i, b)>]
    normalizer(#attn.softmax)
  return
}

// -----

func.func @generic_c6_topk_dynamic(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5x?xf32>, %o2: tensor<2x5x?xi32>) {
  // expected-error @below {{expects 'topk_values' and 'topk_indices' to share one static k, got 'tensor<2x5x?xf32>' and 'tensor<2x5x?xi32>'}}
  %r:3 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, topk_values %o1 : tensor<2x5x?xf32>, topk_indices %o2 : tensor<2x5x?xi32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (b, i)>,
          affine_map<(b, i, j, d, e) -> (b, i)>]
    normalizer(#attn.softmax) 
  return
}

// -----

#map = affine_map<(i, j, d, e) -> (i, d)>
func.func @generic_c6_kind_missing(%q: tensor<5x8xf32>) {
  // expected-error @below {{expects one kind per result, got 0 kinds and 1 results}}
  %r = "attn.generic"(%q, %q, %q, %q) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 1>, result_kinds = [], indexing_maps = [#map], normalizer = #attn.softmax}> ({}, {}, {}) : (tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>) -> tensor<5x8xf32>
  return
}

// -----

func.func @generic_segments(%q: tensor<5x8xf32>) {
  // expected-error @below {{operand count (4) does not match with the total size (7) specified in attribute 'operandSegmentSizes'}}
  %r = "attn.generic"(%q, %q, %q, %q) <{operandSegmentSizes = array<i32: 1, 1, 1, 3, 0, 0, 0, 0, 0, 1>, result_kinds = [], indexing_maps = [], normalizer = #attn.softmax}> ({}, {}, {}) : (tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>) -> tensor<5x8xf32>
  return
}

// -----

#map = affine_map<(i, j, d, e) -> (i, d)>
func.func @generic_normalizer(%q: tensor<5x8xf32>) {
  // expected-error @below {{Invalid attribute `normalizer` in property conversion: 1 : i32}}
  %r = "attn.generic"(%q, %q, %q, %q) <{operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0, 0, 1>, result_kinds = [], indexing_maps = [#map], normalizer = 1 : i32}> ({}, {}, {}) : (tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>) -> tensor<5x8xf32>
  return
}

// -----

func.func @generic_c7_lse_over_keys(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x7xf32>) {
  // expected-error @below {{expects 'lse' to use loops of kind batch, row only, got loop 2 of kind key}}
  %r:2 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, lse %o1 : tensor<2x7xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (b, j)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c7_weights_without_batch(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<5x7xf32>) {
  // expected-error @below {{expects 'weights' to use every loop of kind batch, row, key, got no use of loop 0 of kind batch}}
  %r:2 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, weights %o1 : tensor<5x7xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (i, j)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c8_arguments(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %x: tensor<5xbf16>, %n: index) {
  // expected-error @below {{expects region 'score' to take ('f32', 'bf16', 'index'), got ('f32', 'f32')}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) score_ins(%x : tensor<5xbf16>) captures(%n : index)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (i)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) score {
    ^bb0(%s: f32, %y: f32):
      attn.yield %s : f32
    }
  return
}

// -----

func.func @generic_c8_no_arguments(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects region 'similarity' to take ('f32', 'f32'), got ()}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) similarity {
      %x = arith.constant 1.0 : f32
      attn.yield %x : f32
    }
  return
}

// -----

func.func @generic_c8_yield(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects region 'mask' to yield 'i1', got 'index'}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) mask {
      %j = attn.index 2
      attn.yield %j : index
    }
  return
}

// -----

func.func @generic_c8_accumulator(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf64>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects region 'score' to take ('f64'), got ('f32')}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf64>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) score {
    ^bb0(%s: f32):
      attn.yield %s : f32
    }
  return
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
func.func @generic_c8_no_terminator(%q: tensor<5x8xf32>) {
  %r = attn.generic ins(%q, %q, %q : tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>)
    outs(out %q : tensor<5x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) mask {
      // expected-error @below {{block with no terminator}}
      %t = arith.constant true
    }
  return
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
func.func @generic_c8_empty_block(%q: tensor<5x8xf32>) {
  // expected-error @below {{expects a non-empty block}}
  %r = attn.generic ins(%q, %q, %q : tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>)
    outs(out %q : tensor<5x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) mask {
    ^bb0:
    }
  return
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
func.func @generic_c8_two_blocks(%q: tensor<5x8xf32>) {
  // expected-error @below {{expects region #2 to have 0 or 1 blocks}}
  %r = attn.generic ins(%q, %q, %q : tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>)
    outs(out %q : tensor<5x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) mask {
      %t = arith.constant true
      attn.yield %t : i1
    ^bb1:
      %f = arith.constant true
      attn.yield %f : i1
    }
  return
}

// -----

func.func @generic_c9_capture(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %x: memref<4xf32>) {
  // expected-error @below {{expects 'capture 0' to be an integer, index, float or ranked tensor, got 'memref<4xf32>'}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) captures(%x : memref<4xf32>)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c10_offsets(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %x: index) {
  // expected-error @below {{expects no offset or one per loop (5), got 2}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) offsets(%x, %x)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c11_result(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5xf32>) {
  // expected-error @below {{expects results that normalizer #attn.sigmoid defines, got lse}}
  %r:2 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, lse %o1 : tensor<2x5xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (b, i)>]
    normalizer(#attn.sigmoid) 
  return
}

// -----

func.func @generic_c11_operands(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>) {
  // expected-error @below {{expects 1 operands of normalizer #attn.softmax_sink, got 0}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax_sink) 
  return
}

// -----

func.func @generic_c11_operand_type(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %x: tensor<5xi32>) {
  // expected-error @below {{expects 'normalizer operand 0' to hold f16, bf16, f32 or f64, got 'i32'}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) normalizer_ins(%x : tensor<5xi32>)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (i)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax_sink) 
  return
}

// -----

func.func @generic_c12_lse_type(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5xf16>) {
  // expected-error @below {{expects 'lse' to hold the accumulator type 'f32', got 'f16'}}
  %r:2 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, lse %o1 : tensor<2x5xf16>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (b, i)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c12_out_type(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xi32>) {
  // expected-error @below {{expects 'out' to hold f16, bf16, f32 or f64, got 'i32'}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xi32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c12_indices_type(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %o1: tensor<2x5x3xf32>, %o2: tensor<2x5x3xf32>) {
  // expected-error @below {{expects 'topk_indices' to hold integers, got 'f32'}}
  %r:3 = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) 
    outs(out %o0 : tensor<2x5x4xf32>, topk_values %o1 : tensor<2x5x3xf32>, topk_indices %o2 : tensor<2x5x3xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>,
          affine_map<(b, i, j, d, e) -> (b, i)>,
          affine_map<(b, i, j, d, e) -> (b, i)>]
    normalizer(#attn.softmax) 
  return
}

// -----

func.func @generic_c13_op(%q: tensor<2x5x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x4xf32>, %o0: tensor<2x5x4xf32>, %n: tensor<?xf32>) {
  // expected-error @below {{expects region 'mask' to hold only pure ops of arith, math, tensor.extract and attn.index, got 'tensor.dim'}}
  %r = attn.generic ins(%q, %k, %v : tensor<2x5x8xf32>, tensor<2x7x8xf32>, tensor<2x7x4xf32>) captures(%n : tensor<?xf32>)
    outs(out %o0 : tensor<2x5x4xf32>)
    maps [affine_map<(b, i, j, d, e) -> (b, i, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, d)>,
          affine_map<(b, i, j, d, e) -> (b, j, e)>,
          affine_map<(b, i, j, d, e) -> (b, i, e)>]
    normalizer(#attn.softmax) mask {
    ^bb0(%t: tensor<?xf32>):
      %c = arith.constant 0 : index
      // expected-note @below {{the op is here}}
      %m = tensor.dim %t, %c : tensor<?xf32>
      %keep = arith.cmpi eq, %m, %c : index
      attn.yield %keep : i1
    }
  return
}

// -----

func.func @index_c1_parent() {
  // expected-error @below {{expects to stand in a region of attn.generic, attn.online or attn.weights}}
  %i = attn.index 0
  return
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
func.func @index_c2_d_in_score(%q: tensor<5x8xf32>) {
  %r = attn.generic ins(%q, %q, %q : tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>)
    outs(out %q : tensor<5x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) score {
    ^bb0(%s: f32):
      // expected-error @below {{expects a batch, row or key loop, got loop 2 of kind d}}
      %x = attn.index 2
      attn.yield %s : f32
    }
  return
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
func.func @index_c2_e(%q: tensor<5x8xf32>) {
  %r = attn.generic ins(%q, %q, %q : tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>)
    outs(out %q : tensor<5x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) similarity {
    ^bb0(%s: f32, %t: f32):
      // expected-error @below {{expects a batch, row or key loop, or d, got loop 3 of kind e}}
      %x = attn.index 3
      attn.yield %s : f32
    }
  return
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
func.func @index_c2_beyond(%q: tensor<5x8xf32>) {
  %r = attn.generic ins(%q, %q, %q : tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>)
    outs(out %q : tensor<5x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) score {
    ^bb0(%s: f32):
      // expected-error @below {{expects a loop below 4, got 4}}
      %x = attn.index 4
      attn.yield %s : f32
    }
  return
}

// -----

func.func @index_negative() {
  // expected-error @below {{attribute 'loop' failed to satisfy constraint}}
  %i = attn.index -1
  return
}

// -----

// An attribute that nothing honours is a spelling mistake.

func.func @stray_attribute_sdpa(%q: tensor<1x2x5x8xf32>) -> tensor<1x2x5x8xf32> {
  // expected-error @below {{'attn.sdpa' op expects no attribute 'causl', which nothing would honour}}
  %o = attn.sdpa %q, %q, %q {causl = true} : (tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>) -> tensor<1x2x5x8xf32>
  return %o : tensor<1x2x5x8xf32>
}

// -----

func.func @stray_attribute_additive(%q: tensor<1x5x8xf32>, %w: tensor<8xf32>) -> tensor<1x5x8xf32> {
  // expected-error @below {{'attn.additive' op expects no attribute 'scale', which nothing would honour}}
  %o = attn.additive %q, %q, %q weight(%w : tensor<8xf32>) {scale = 0.5} : (tensor<1x5x8xf32>, tensor<1x5x8xf32>, tensor<1x5x8xf32>) -> tensor<1x5x8xf32>
  return %o : tensor<1x5x8xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>
func.func @stray_attribute_generic(%q: tensor<5x8xf32>) -> tensor<5x8xf32> {
  // expected-error @below {{'attn.generic' op expects no attribute 'attn.window', which nothing would honour}}
  %r = attn.generic ins(%q, %q, %q : tensor<5x8xf32>, tensor<5x8xf32>, tensor<5x8xf32>)
    outs(out %q : tensor<5x8xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax) {attn.window = 3}
  return %r : tensor<5x8xf32>
}

// -----

func.func @plan_of_another_kind(%q: tensor<1x2x5x8xf32>) -> tensor<1x2x5x8xf32> {
  // expected-error @below {{'attn.sdpa' op expects 'attn.plan' to be #attn.plan<..>, got 1 : i64}}
  %o = attn.sdpa %q, %q, %q {attn.plan = 1} : (tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>, tensor<1x2x5x8xf32>) -> tensor<1x2x5x8xf32>
  return %o : tensor<1x2x5x8xf32>
}
