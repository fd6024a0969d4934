// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize))' -verify-diagnostics

func.func @repeats_beside_no_key(%q: tensor<1x2x3x4xf32>, %k: tensor<1x2x0x4xf32>, %bias: tensor<1x0xf32>)
    -> tensor<1x2x3x4xf32> {
  // expected-error @below {{cannot normalize 'bias' that repeats beside a static size 0: give that dimension an unknown size}}
  %o = attn.sdpa %q, %k, %k bias(%bias : tensor<1x0xf32>)
     : (tensor<1x2x3x4xf32>, tensor<1x2x0x4xf32>, tensor<1x2x0x4xf32>) -> tensor<1x2x3x4xf32>
  return %o : tensor<1x2x3x4xf32>
}
