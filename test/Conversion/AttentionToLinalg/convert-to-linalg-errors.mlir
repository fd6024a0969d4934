// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-convert-to-linalg))' -split-input-file -verify-diagnostics

#q = affine_map<(i, j, d, e) -> (d, i)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#acc = affine_map<(i, j, d, e) -> (e, i)>
#row = affine_map<(i, j, d, e) -> (i)>

// Lanes are rows: their number must be known.

func.func @dynamic_rows(%q: tensor<8x?xf32>, %k: tensor<16x8xf32>, %v: tensor<16x4xf32>, %acc: tensor<4x?xf32>,
                        %m: tensor<?xf32>, %l: tensor<?xf32>) -> tensor<4x?xf32> {
  // expected-error @below {{cannot convert a row tile of unknown size: dimension 1 of 'query' is dynamic; attn-tile-and-fuse makes row tiles of the plan's size}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x?xf32>, tensor<16x8xf32>, tensor<16x4xf32>)
    outs(%acc, %m, %l : tensor<4x?xf32>, tensor<?xf32>, tensor<?xf32>)
    maps [#q, #k, #v, #acc, #row] exponent_scale(1.000000e+00) normalizer(#attn.softmax)
  return %r#0 : tensor<4x?xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (d, i)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#acc = affine_map<(i, j, d, e) -> (e, i)>
#row = affine_map<(i, j, d, e) -> (i)>

// The score scratch takes its size from the plan when the key tile does not say it.

func.func @tail_without_plan(%q: tensor<8x64xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %acc: tensor<4x64xf32>,
                             %m: tensor<64xf32>, %l: tensor<64xf32>) -> tensor<4x64xf32> {
  // expected-error @below {{cannot size the scores of a key tile of unknown size: give the op a plan, or the enclosing scf.forall an attribute 'attn.plan'}}
  %r:3 = attn.online ins(%q, %k, %v : tensor<8x64xf32>, tensor<?x8xf32>, tensor<?x4xf32>)
    outs(%acc, %m, %l : tensor<4x64xf32>, tensor<64xf32>, tensor<64xf32>)
    maps [#q, #k, #v, #acc, #row] exponent_scale(1.000000e+00) normalizer(#attn.softmax)
  return %r#0 : tensor<4x64xf32>
}
