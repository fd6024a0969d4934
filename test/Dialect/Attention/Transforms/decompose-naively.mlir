// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-decompose-naively,canonicalize,cse))' | FileCheck %s

// What comes out is run, not read (test/Integration/CPU/decompose-naively.mlir); here is only what running cannot show.

#q = affine_map<(i, j, d, e) -> (i, d)>
#k = affine_map<(i, j, d, e) -> (j, d)>
#v = affine_map<(i, j, d, e) -> (j, e)>
#o = affine_map<(i, j, d, e) -> (i, e)>

// Five steps: scores, state (with the flag for NaN), its end, weights, out. Scores of masked keys are -inf, and what they
// would add to out is left out by a select.

// CHECK-LABEL: func.func @softmax
//  CHECK-SAME:   %[[O:[^ :]+]]: tensor<5x4xf16>, %[[LENGTH:[^ :]+]]: index)
//       CHECK:   linalg.generic {{.+}} iterator_types = ["parallel", "parallel", "reduction"]
//       CHECK:     arith.extf %{{.+}} : bf16 to f32
//       CHECK:     arith.mulf
//       CHECK:   %[[S:.+]] = linalg.generic {{.+}} iterator_types = ["parallel", "parallel"]
//       CHECK:     linalg.index 1
//       CHECK:     arith.cmpi slt, %{{.+}}, %[[LENGTH]]
//       CHECK:     arith.select
//       CHECK:   linalg.generic {{.+}} iterator_types = ["parallel", "reduction"]
//       CHECK:     math.exp
//   CHECK-NOT:   math.exp2
//       CHECK:   linalg.generic {{.+}} iterator_types = ["parallel"]
//       CHECK:     arith.divf
//       CHECK:   %[[W:.+]] = linalg.generic {{.+}} iterator_types = ["parallel", "parallel"]
//       CHECK:   linalg.generic {{.+}} iterator_types = ["parallel", "parallel", "reduction"]} ins(%[[S]], %[[W]],
//       CHECK:     arith.select
//       CHECK:   linalg.generic {{.+}} outs(%[[O]]
//   CHECK-NOT:   attn.{{[a-z]+ }}
func.func @softmax(%q: tensor<5x8xbf16>, %k: tensor<7x8xbf16>, %v: tensor<7x4xbf16>, %o: tensor<5x4xf16>,
                   %length: index) -> tensor<5x4xf16> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x8xbf16>, tensor<7x8xbf16>, tensor<7x4xbf16>)
    captures(%length : index) outs(out %o : tensor<5x4xf16>) maps [#q, #k, #v, #o] normalizer(#attn.softmax)
    mask {
    ^bb0(%n: index):
      %j = attn.index 1
      %keep = arith.cmpi slt, %j, %n : index
      attn.yield %keep : i1
    }
  return %0 : tensor<5x4xf16>
}

// Tile ops count in base 2. The fixed loop h is a position only: an operand over it loses that dimension.

// CHECK-LABEL: func.func @online
//       CHECK:   tensor.extract_slice %{{.+}}[0] [1] [1] : tensor<1xf32> to tensor<f32>
//       CHECK:   math.exp2
//   CHECK-NOT:   attn.{{[a-z]+ }}
func.func @online(%q: tensor<8x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x4xf32>, %slope: tensor<1xf32>,
                  %acc: tensor<4x16xf32>, %m: tensor<16xf32>, %l: tensor<16xf32>) -> tensor<4x16xf32> {
  %0:3 = attn.online ins(%q, %k, %v : tensor<8x16xf32>, tensor<?x8xf32>, tensor<?x4xf32>)
    score_ins(%slope : tensor<1xf32>) outs(%acc, %m, %l : tensor<4x16xf32>, tensor<16xf32>, tensor<16xf32>)
    maps [affine_map<(h, i, j, d, e) -> (d, i)>, affine_map<(h, i, j, d, e) -> (j, d)>,
          affine_map<(h, i, j, d, e) -> (j, e)>, affine_map<(h, i, j, d, e) -> (h)>,
          affine_map<(h, i, j, d, e) -> (e, i)>, affine_map<(h, i, j, d, e) -> (i)>]
    exponent_scale(1.0) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %x: f32):
      %z = arith.addf %s, %x : f32
      attn.yield %z : f32
    }
  return %0#0 : tensor<4x16xf32>
}
