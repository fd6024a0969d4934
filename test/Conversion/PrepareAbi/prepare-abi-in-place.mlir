// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize),attn-verify-stage{stage=normalize},func.func(attn-select-plan),attn-verify-stage{stage=plan},func.func(attn-tile-and-fuse),attn-verify-stage{stage=tile},func.func(attn-convert-to-linalg,attn-prepare-abi),attn-verify-stage{stage=linalg},empty-tensor-to-alloc-tensor,one-shot-bufferize{bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map},canonicalize,cse,canonicalize)' \
// RUN:   | FileCheck %s --implicit-check-not=memref.copy --implicit-check-not='memref.alloc(%{{.*}}x?x'

// From attn.sdpa down to buffers: every stage keeps its promise, and what the caller passes is read and written where
// it lies, whatever the layout, the heads, the results and the element type. Nothing is copied, and nothing is allocated
// whose size depends on a size of the problem: states of parts of the keys are counted by the parts alone.

// CHECK-LABEL: func.func @dense
//       CHECK:   memref.alloc() {{.*}}xf32>
func.func @dense(%q: tensor<?x?x?x64xf32>, %k: tensor<?x?x?x64xf32>, %v: tensor<?x?x?x32xf32>)
    -> tensor<?x?x?x32xf32> {
  %0 = attn.sdpa %q, %k, %v
    : (tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>, tensor<?x?x?x32xf32>) -> tensor<?x?x?x32xf32>
  return %0 : tensor<?x?x?x32xf32>
}

// CHECK-LABEL: func.func @causal
func.func @causal(%q: tensor<?x?x?x64xf32>, %k: tensor<?x?x?x64xf32>, %v: tensor<?x?x?x32xf32>)
    -> (tensor<?x?x?x32xf32>, tensor<?x?x?xf32>) {
  %0, %1 = attn.sdpa %q, %k, %v causal(bottom_right) returns(out, lse)
    : (tensor<?x?x?x64xf32>, tensor<?x?x?x64xf32>, tensor<?x?x?x32xf32>) -> tensor<?x?x?x32xf32>, tensor<?x?x?xf32>
  return %0, %1 : tensor<?x?x?x32xf32>, tensor<?x?x?xf32>
}

// CHECK-LABEL: func.func @gqa_bnhd
//       CHECK:   memref.expand_shape
func.func @gqa_bnhd(%q: tensor<2x?x8x64xf32>, %k: tensor<2x?x2x64xf32>, %v: tensor<2x?x2x32xf32>,
                    %bias: tensor<1x?x?xf32>)
    -> (tensor<2x?x8x32xf32>, tensor<2x8x?x?xf32>) {
  %0, %1 = attn.sdpa %q, %k, %v bias(%bias : tensor<1x?x?xf32>) causal(top_left) layout(bnhd) returns(out, weights)
    : (tensor<2x?x8x64xf32>, tensor<2x?x2x64xf32>, tensor<2x?x2x32xf32>) -> tensor<2x?x8x32xf32>, tensor<2x8x?x?xf32>
  return %0, %1 : tensor<2x?x8x32xf32>, tensor<2x8x?x?xf32>
}

// CHECK-LABEL: func.func @static_masked
func.func @static_masked(%q: tensor<1x4x77x64xf32>, %k: tensor<1x4x100x64xf32>, %v: tensor<1x4x100x32xf32>,
                         %m: tensor<77x100xi1>)
    -> tensor<1x4x77x32xf32> {
  %0 = attn.sdpa %q, %k, %v mask(%m : tensor<77x100xi1>)
    : (tensor<1x4x77x64xf32>, tensor<1x4x100x64xf32>, tensor<1x4x100x32xf32>) -> tensor<1x4x77x32xf32>
  return %0 : tensor<1x4x77x32xf32>
}

// CHECK-LABEL: func.func @bf16
func.func @bf16(%q: tensor<?x?x?x64xbf16>, %k: tensor<?x?x?x64xbf16>, %v: tensor<?x?x?x32xbf16>)
    -> tensor<?x?x?x32xbf16> {
  %0 = attn.sdpa %q, %k, %v
    : (tensor<?x?x?x64xbf16>, tensor<?x?x?x64xbf16>, tensor<?x?x?x32xbf16>) -> tensor<?x?x?x32xbf16>
  return %0 : tensor<?x?x?x32xbf16>
}
