// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-select-plan))' -split-input-file -verify-diagnostics

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>

func.func @unknown_head_size(%q: tensor<5x?xf32>, %k: tensor<7x?xf32>, %v: tensor<7x3xf32>,
                             %o: tensor<5x3xf32>) -> tensor<5x3xf32> {
  // expected-error @below {{cannot plan with 'D' of unknown size: compiling asks for a static one}}
  %0 = attn.generic ins(%q, %k, %v : tensor<5x?xf32>, tensor<7x?xf32>, tensor<7x3xf32>)
    outs(out %o : tensor<5x3xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<5x3xf32>
}

// -----

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>

func.func @unknown_value_head_size(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x?xf32>,
                                   %o: tensor<5x?xf32>) -> tensor<5x?xf32> {
  // expected-error @below {{cannot plan with 'Dv' of unknown size: compiling asks for a static one}}
  %0 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x?xf32>)
    outs(out %o : tensor<5x?xf32>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
  return %0 : tensor<5x?xf32>
}
