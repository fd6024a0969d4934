// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Seed 12, case 6912: a bias of [i, j, h, b] with one row i, of which tiles keep i and j and drop h and b: on buffers
// nothing tells which dimension of size 1 is which. The compiler says so; a row loop of unknown size compiles.
// RUN: not attn-compile %s -o %t.o 2>&1 | FileCheck %s
// CHECK: cannot tell dimensions of size 1 apart where some of them are dropped and others kept: give the one that is kept an unknown size
func.func @kernel(%q: tensor<1x?x2x24xf32>, %k: tensor<?x2x?x24xf32>, %v: tensor<?x2x?x5xf32>,
                  %bias: tensor<1x?x2x?xf32>) -> tensor<?x2x1x5xf32> {
  %c1 = arith.constant 1 : index
  %b = tensor.dim %q, %c1 : tensor<1x?x2x24xf32>
  %init = tensor.empty(%b) : tensor<?x2x1x5xf32>
  %r = attn.generic ins(%q, %k, %v : tensor<1x?x2x24xf32>, tensor<?x2x?x24xf32>, tensor<?x2x?x5xf32>)
    score_ins(%bias : tensor<1x?x2x?xf32>) outs(out %init : tensor<?x2x1x5xf32>)
    maps [affine_map<(b, h, i, j, d, e) -> (i, b, h, d)>, affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>,
          affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>, affine_map<(b, h, i, j, d, e) -> (i, j, h, b)>,
          affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>]
    scale(0.25) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %x: f32):
      %t = arith.addf %s, %x : f32
      attn.yield %t : f32
    }
  return %r : tensor<?x2x1x5xf32>
}
