// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan{shared-bytes=101376},attn-tile-and-fuse,attn-convert-to-fragment))' -verify-diagnostics

// expected-error @below {{expects views as arguments: run attn-prepare-abi first}}
func.func @tensors(%q: tensor<1x2x?x32xf16>, %k: tensor<1x2x?x32xf16>, %v: tensor<1x2x?x32xf16>)
    -> tensor<1x2x?x32xf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>) -> tensor<1x2x?x32xf16>
  return %out : tensor<1x2x?x32xf16>
}
