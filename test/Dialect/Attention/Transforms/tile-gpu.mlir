// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan{shared-bytes=101376},attn-tile-and-fuse))' | FileCheck %s --enable-var-scope

// Tiles of a GPU have their rows first, and unlike those of few rows on a CPU a tail of them: Q is packed with zeros
// behind it, and only rows that exist are stored. Q keeps its type and its scale.

// CHECK-LABEL: func.func @tail_of_rows
//       CHECK:   scf.forall
//       CHECK:     %[[ROWS:.+]] = affine.min
//       CHECK:     linalg.fill {attn.operand = 0 : i64, attn.role = "pack"} {{.+}} -> tensor<64x32xf16>
//       CHECK:     attn.online ins({{.+}} : tensor<64x32xf16>, tensor<64x32xf16>, tensor<64x48xf16>)
//  CHECK-SAME:       outs({{.+}} : tensor<64x48xf32>, tensor<64xf32>, tensor<64xf32>)
//  CHECK-SAME:       scale(2.500000e-01) exponent_scale(1.4426950408889634)
//       CHECK:     attn.online guarded
//       CHECK:     %[[ACC:.+]] = tensor.extract_slice %{{.+}}[0, 0] [%[[ROWS]], 48] [1, 1] : tensor<64x48xf32> to tensor<?x48xf32>
//       CHECK:     attn.finalize ins(%[[ACC]]
func.func @tail_of_rows(%q: tensor<1x2x?x32xf16>, %k: tensor<1x2x?x32xf16>, %v: tensor<1x2x?x48xf16>)
    -> tensor<1x2x?x48xf16> {
  %out = attn.sdpa %q, %k, %v scale(0.25)
    : (tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>, tensor<1x2x?x48xf16>) -> tensor<1x2x?x48xf16>
  return %out : tensor<1x2x?x48xf16>
}

// Without tensor cores every key is guarded from the start: nothing is checked and done again.

// CHECK-LABEL: func.func @key_by_key
//       CHECK:   attn.online guarded
//   CHECK-NOT:   attn.role = "check"
//       CHECK:   attn.finalize
func.func @key_by_key(%q: tensor<1x2x?x32xf32>, %k: tensor<1x2x?x32xf32>, %v: tensor<1x2x?x32xf32>)
    -> tensor<1x2x?x32xf32> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x32xf32>, tensor<1x2x?x32xf32>, tensor<1x2x?x32xf32>) -> tensor<1x2x?x32xf32>
  return %out : tensor<1x2x?x32xf32>
}
