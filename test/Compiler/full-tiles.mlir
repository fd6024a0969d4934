// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What runs in a tile of keys that no row masks: T5's bias over (h, i, j) is read as vectors along the keys and transposed
// in registers, never element by element; and the mask leaves nothing behind. Checked where tiles are vector code.

// RUN: attn-compile %s --cpu=x86-64-v4 --stop-after=target --mlir-print-ir-after=attn-verify-target -o /dev/null 2>&1 | FileCheck %s --implicit-check-not=vector.gather --implicit-check-not=vector.maskedload

// The row tile's part of the bias for 64 keys, in 4 x 4 blocks of 16 rows of 16 keys.
// CHECK-LABEL: func.func private @t5_task
//       CHECK: scf.for %[[J:.+]] = %c0 to %{{.+}} step %c64 {
//       CHECK:   %[[BIAS:.+]] = memref.subview %{{.+}}[%{{.+}}, %{{.+}}, %[[J]]] [1, 64, 64] [1, 1, 1] : memref<2x128x128xf32
//       CHECK:   scf.for %[[ROW:.+]] = %{{.+}} to %{{.+}} step %c16
//       CHECK:     scf.for %[[KEY:.+]] = %{{.+}} to %{{.+}} step %c16
// CHECK-COUNT-16:    vector.load %[[BIAS]][%{{.+}}, %[[KEY]]] : memref<64x64xf32, strided<[?, 1], offset: ?>>, vector<16xf32>
// CHECK-COUNT-64:    vector.shuffle
//   CHECK-NOT:   memref.load %[[BIAS]]
//   CHECK-NOT:   vector.load %[[BIAS]]
//       CHECK: func.func private @t5_tasks(
func.func @t5(%q: tensor<2x128x16xf32>, %k: tensor<2x128x16xf32>, %v: tensor<2x128x16xf32>,
              %bias: tensor<2x128x128xf32>) -> tensor<2x128x16xf32> {
  %init = tensor.empty() : tensor<2x128x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<2x128x16xf32>, tensor<2x128x16xf32>, tensor<2x128x16xf32>)
    score_ins(%bias : tensor<2x128x128xf32>) outs(out %init : tensor<2x128x16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (h, i, d)>, affine_map<(h, i, j, d, e) -> (h, j, d)>,
          affine_map<(h, i, j, d, e) -> (h, j, e)>, affine_map<(h, i, j, d, e) -> (h, i, j)>,
          affine_map<(h, i, j, d, e) -> (h, i, e)>]
    normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %t: f32):
      %sum = arith.addf %s, %t : f32
      attn.yield %sum : f32
    }
  return %out : tensor<2x128x16xf32>
}

// Causal: integers are compared on lanes in the loop over partial tiles, and nowhere in the loop over full ones.
// CHECK-LABEL: func.func private @causal_task
//       CHECK: scf.for %{{.+}} = %c0 to %[[END:.+]] step %c64 {
//   CHECK-NOT:   arith.cmpi
//   CHECK-NOT:   vector.step
//       CHECK: scf.for %{{.+}} = %[[END]] to %{{.+}} step %c64 {
//       CHECK:   arith.cmpi {{.+}} : vector<16xi
//       CHECK: func.func private @causal_tasks(
func.func @causal(%q: tensor<2x128x16xf32>, %k: tensor<2x128x16xf32>, %v: tensor<2x128x16xf32>)
    -> tensor<2x128x16xf32> {
  %init = tensor.empty() : tensor<2x128x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<2x128x16xf32>, tensor<2x128x16xf32>, tensor<2x128x16xf32>)
    outs(out %init : tensor<2x128x16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (h, i, d)>, affine_map<(h, i, j, d, e) -> (h, j, d)>,
          affine_map<(h, i, j, d, e) -> (h, j, e)>, affine_map<(h, i, j, d, e) -> (h, i, e)>]
    normalizer(#attn.softmax)
    mask {
      %i = attn.index 1
      %j = attn.index 2
      %past = arith.cmpi sle, %j, %i : index
      attn.yield %past : i1
    }
  return %out : tensor<2x128x16xf32>
}
