// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-decompose-naively))' -verify-diagnostics

func.func @named_op(%q: tensor<1x2x5x16xf32>, %k: tensor<1x2x7x16xf32>, %v: tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32> {
  // expected-error @below {{cannot decompose 'attn.sdpa': run attn-normalize first}}
  %o = attn.sdpa %q, %k, %v
    : (tensor<1x2x5x16xf32>, tensor<1x2x7x16xf32>, tensor<1x2x7x4xf32>) -> tensor<1x2x5x4xf32>
  return %o : tensor<1x2x5x4xf32>
}
