// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan{shared-bytes=101376}))' | FileCheck %s
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan{shared-bytes=73728}))' | FileCheck %s --check-prefix=LITTLE

// Tensor cores for f16 and bf16: 4 warps, 64 keys up to D = 128, 32 beyond; K and V of two tiles, of one where two do
// not fit. Whatever has no tensor cores goes key by key and needs no shared memory.

// CHECK-LABEL: func.func @f16
//       CHECK:   #attn.plan<online, rows_major, rows = 64, keys = 64, lanes = 32, register_tile = [16, 8], precision = f16, warps = 4, stages = 2>
func.func @f16(%q: tensor<1x2x?x128xf16>, %k: tensor<1x2x?x128xf16>, %v: tensor<1x2x?x64xf16>) -> tensor<1x2x?x64xf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x128xf16>, tensor<1x2x?x128xf16>, tensor<1x2x?x64xf16>) -> tensor<1x2x?x64xf16>
  return %out : tensor<1x2x?x64xf16>
}

//  CHECK-LABEL: func.func @large
//        CHECK:   keys = 32, {{.+}} precision = bf16, warps = 4, stages = 2>
// LITTLE-LABEL: func.func @large
//       LITTLE:   keys = 32, {{.+}} precision = bf16, warps = 4, stages = 1>
func.func @large(%q: tensor<1x2x?x256xbf16>, %k: tensor<1x2x?x256xbf16>, %v: tensor<1x2x?x256xbf16>)
    -> tensor<1x2x?x256xbf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x256xbf16>, tensor<1x2x?x256xbf16>, tensor<1x2x?x256xbf16>) -> tensor<1x2x?x256xbf16>
  return %out : tensor<1x2x?x256xbf16>
}

// CHECK-LABEL: func.func @f32
//       CHECK:   #attn.plan<online, rows_major, rows = 64, keys = 64, lanes = 32, register_tile = [16, 8], warps = 4>
func.func @f32(%q: tensor<1x2x?x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32>
  return %out : tensor<1x2x?x64xf32>
}

// Decoding: the heads of a group are the rows of one warp, whose lanes fetch fewer keys where D is large, and keys are
// divided. So are those of 20 rows of one head; of 65 they are not.
// CHECK-LABEL: func.func @decode
//       CHECK:   rows = 16, keys = 64 split 128, {{.+}} warps = 1, stages = 2>
func.func @decode(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x?x64xf16>) -> tensor<1x8x1x64xf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) -> tensor<1x8x1x64xf16>
  return %out : tensor<1x8x1x64xf16>
}
// CHECK-LABEL: func.func @decode_large
//       CHECK:   rows = 16, keys = 32 split 64, {{.+}} warps = 1, stages = 2>
func.func @decode_large(%q: tensor<1x8x1x128xf16>, %k: tensor<1x2x?x128xf16>, %v: tensor<1x2x?x128xf16>)
    -> tensor<1x8x1x128xf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x8x1x128xf16>, tensor<1x2x?x128xf16>, tensor<1x2x?x128xf16>) -> tensor<1x8x1x128xf16>
  return %out : tensor<1x8x1x128xf16>
}
// CHECK-LABEL: func.func @some_rows
//       CHECK:   rows = 32, keys = 64 split 128, {{.+}} warps = 2, stages = 2>
func.func @some_rows(%q: tensor<1x2x20x128xf16>, %k: tensor<1x2x?x128xf16>, %v: tensor<1x2x?x128xf16>)
    -> tensor<1x2x20x128xf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x20x128xf16>, tensor<1x2x?x128xf16>, tensor<1x2x?x128xf16>) -> tensor<1x2x20x128xf16>
  return %out : tensor<1x2x20x128xf16>
}
// CHECK-LABEL: func.func @many_rows
//       CHECK:   rows = 64, keys = 64, lanes
func.func @many_rows(%q: tensor<1x2x65x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x?x64xf16>)
    -> tensor<1x2x65x64xf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x65x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) -> tensor<1x2x65x64xf16>
  return %out : tensor<1x2x65x64xf16>
}
