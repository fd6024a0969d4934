// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan{shared-bytes=101376},attn-tile-and-fuse,attn-prepare-abi,attn-convert-to-fragment))' | FileCheck %s --enable-var-scope

// The inner loop of FlashAttention-2 on whole tiles. Dv is padded to whole fragments, keys that a tile lacks are masked;
// no scratch tile and no tensor is left.

// CHECK-LABEL: func.func @dense
//   CHECK-NOT:   tensor.
//       CHECK:   scf.forall
//       CHECK:     %[[Q:.+]] = fragment.alloc : <1x64x64xf16>
//       CHECK:     %[[K:.+]] = fragment.alloc : <2x64x64xf16>
//       CHECK:     %[[V:.+]] = fragment.alloc : <2x64x48xf16>
//       CHECK:     fragment.fetch %{{.+}} into %[[Q]]
//       CHECK:     fragment.splat {{.+}} -> <64x48xf32, accumulator>
// Whole tiles first.
//       CHECK:     scf.for
//       CHECK:       fragment.fetch %{{.+}} into %[[K]]
//       CHECK:       fragment.fetch %{{.+}} into %[[V]]
//       CHECK:       fragment.wait 1
//       CHECK:       %[[LEFT:.+]] = fragment.load %[[Q]]
//       CHECK:       %[[S:.+]] = fragment.dot transposed %[[LEFT]], %[[K]]
//       CHECK:       %[[LOGITS:.+]] = fragment.map(%[[S]])
//   CHECK-NOT:         arith.select
//       CHECK:       %[[TOP:.+]] = fragment.reduce max %[[LOGITS]]
//       CHECK:       math.exp2 %{{.+}} fastmath<afn>
//       CHECK:       %[[P:.+]] = fragment.map(%[[LOGITS]], %{{.+}})
//       CHECK:       fragment.reduce add %[[P]]
//       CHECK:       fragment.wait 0
//       CHECK:       fragment.convert %[[P]] : <64x64xf32, accumulator> -> <64x64xf16, operand>
//       CHECK:       fragment.dot %{{.+}}, %[[V]]
// Then what is left: keys that are not there become -inf.
//       CHECK:     scf.for
//       CHECK:       fragment.map
//       CHECK:         arith.cmpi slt
//       CHECK:         arith.select
// A NaN or an infinity in acc has the rows of a warp done again, key by key.
//       CHECK:     fragment.sum_rows
//       CHECK:     scf.if
//   CHECK-NOT:       fragment.dot
//       CHECK:       memref.load
//       CHECK:     fragment.store %{{.+}} : <64x48xf16, accumulator>, memref<?x40xf16
func.func @dense(%q: tensor<1x2x?x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x?x40xf16>)
    -> tensor<1x2x?x40xf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x40xf16>) -> tensor<1x2x?x40xf16>
  return %out : tensor<1x2x?x40xf16>
}

// f32 goes key by key from the start, with nothing in shared memory and nothing to do again.

// CHECK-LABEL: func.func @f32
//   CHECK-NOT:   fragment.alloc
//   CHECK-NOT:   fragment.dot
//   CHECK-NOT:   fragment.sum_rows
//       CHECK:   fragment.store
func.func @f32(%q: tensor<1x2x?x24xf32>, %k: tensor<1x2x?x24xf32>, %v: tensor<1x2x?x24xf32>)
    -> tensor<1x2x?x24xf32> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<1x2x?x24xf32>, tensor<1x2x?x24xf32>, tensor<1x2x?x24xf32>) -> tensor<1x2x?x24xf32>
  return %out : tensor<1x2x?x24xf32>
}

// The mask of a causal attention stands in the tiles on the diagonal as it was written.

// CHECK-LABEL: func.func @causal
//       CHECK:   scf.for
//       CHECK:     fragment.dot transposed
//   CHECK-NOT:     arith.cmpi sle
//       CHECK:   scf.for
//       CHECK:     fragment.dot transposed
//       CHECK:     arith.cmpi sle
func.func @causal(%q: tensor<1x2x?x32xbf16>, %k: tensor<1x2x?x32xbf16>, %v: tensor<1x2x?x32xbf16>)
    -> tensor<1x2x?x32xbf16> {
  %out = attn.sdpa %q, %k, %v causal(top_left)
    : (tensor<1x2x?x32xbf16>, tensor<1x2x?x32xbf16>, tensor<1x2x?x32xbf16>) -> tensor<1x2x?x32xbf16>
  return %out : tensor<1x2x?x32xbf16>
}

// Plans for a CPU are none of its business.

// CHECK-LABEL: func.func @cpu
//       CHECK:   attn.online
func.func @cpu(%q: tensor<1x2x16x32xf32>, %k: tensor<1x2x?x32xf32>, %v: tensor<1x2x?x32xf32>)
    -> tensor<1x2x16x32xf32> {
  %init = tensor.empty() : tensor<1x2x16x32xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<1x2x16x32xf32>, tensor<1x2x?x32xf32>, tensor<1x2x?x32xf32>)
    outs(out %init : tensor<1x2x16x32xf32>)
    maps [affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>, affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>,
          affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>, affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>]
    scale(0.5) normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_minor, rows = 16, keys = 32, lanes = 8, register_tile = [4, 2]>}
  return %out : tensor<1x2x16x32xf32>
}

// Keys divided among blocks: a part stores its state, or finishes where it is the only one; what follows merges.

// CHECK-LABEL: func.func @divided
//       CHECK:   %[[PARTS:.+]] = attn.num_splits
//       CHECK:   scf.forall
//       CHECK:     %[[ACC:.+]] = memref.alloc(%[[PARTS]]) : memref<?x16x32xf32>
//       CHECK:     scf.forall (%[[PART:.+]]) in (%[[PARTS]])
//       CHECK:       fragment.dot
//       CHECK:       scf.if
//       CHECK:         %[[SLOT:.+]] = memref.subview %[[ACC]][%[[PART]], 0, 0] [1, 16, 32]
//       CHECK:         fragment.store %{{.+}}, %[[SLOT]] : <16x32xf32, accumulator>
//       CHECK:       } else {
//       CHECK:         fragment.store %{{.+}} : <16x32xf16, accumulator>
//       CHECK:     } {attn.split}
//       CHECK:     scf.if
//       CHECK:       scf.for %[[I:.+]] = %{{.+}} to %[[PARTS]]
//       CHECK:         memref.subview %[[ACC]][%[[I]], 0, 0] [1, 16, 32]
//       CHECK:         %[[STATES:.+]]:4 = fragment.map
//       CHECK:         fragment.map(%{{.+}}, %[[STATES]]#2, %[[STATES]]#3)
//       CHECK:       fragment.store %{{.+}} : <16x32xf16, accumulator>
//   CHECK-NOT:     } else {
//       CHECK:   return
func.func @divided(%q: tensor<1x8x1x32xf16>, %k: tensor<1x2x?x32xf16>, %v: tensor<1x2x?x32xf16>) -> tensor<1x8x1x32xf16> {
  %out = attn.sdpa %q, %k, %v
       : (tensor<1x8x1x32xf16>, tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>) -> tensor<1x8x1x32xf16>
  return %out : tensor<1x8x1x32xf16>
}
