// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where a small cache suggests few keys a tile, more of them are predicted to take less time, and chosen.
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan{l1-bytes=4096}),attn-explain-plan{l1-bytes=4096})' -o /dev/null | FileCheck %s --check-prefix=SMALL
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan),attn-explain-plan)' -o /dev/null | FileCheck %s --check-prefix=USUAL

func.func @attend(%q: tensor<1x2x64x64xf32>, %k: tensor<1x2x512x64xf32>, %v: tensor<1x2x512x64xf32>) -> tensor<1x2x64x64xf32> {
  %out = attn.sdpa %q, %k, %v : (tensor<1x2x64x64xf32>, tensor<1x2x512x64xf32>, tensor<1x2x512x64xf32>) -> tensor<1x2x64x64xf32>
  return %out : tensor<1x2x64x64xf32>
}

// SMALL:      keys          = 256      keys 256: predicted to take [[#]] % less time than what registers and caches suggest
// SMALL-NEXT: split         = 0        512 keys are no two parts of 512
// SMALL:      predicted: {{[5-9][0-9]}} % of the peak, by instructions
// SMALL-NOT:  keys 64 -

// USUAL:      keys          = 66       64 keys x 64 rows
// USUAL-NEXT: split         = 132
// USUAL:      predicted: {{[5-9][0-9]}} % of the peak, by instructions
