// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What seed5-case112.mlir means.
func.func @kernel(%q: tensor<2x?x50xf32> {attn.name = "q"},
                  %k: tensor<2x?x50xf32> {attn.name = "k"},
                  %v: tensor<2x?x4xf32> {attn.name = "v"},
                  %w: tensor<50xf32> {attn.name = "w"},
                  %m: tensor<2x1x?xi1> {attn.name = "m"})
    -> (tensor<2x?x4xf32> {attn.name = "out"}, tensor<2x?xf32> {attn.name = "lse"}) {
  %at_b = arith.constant 0 : index
  %n_b = tensor.dim %q, %at_b : tensor<2x?x50xf32>
  %at_i = arith.constant 1 : index
  %n_i = tensor.dim %q, %at_i : tensor<2x?x50xf32>
  %at_j = arith.constant 1 : index
  %n_j = tensor.dim %k, %at_j : tensor<2x?x50xf32>
  %out = tensor.empty(%n_i) : tensor<2x?x4xf32>
  %lse = tensor.empty(%n_i) : tensor<2x?xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<2x?x50xf32>, tensor<2x?x50xf32>, tensor<2x?x4xf32>) similarity_ins(%w : tensor<50xf32>) mask_ins(%m : tensor<2x1x?xi1>)
    outs(out %out : tensor<2x?x4xf32>, lse %lse : tensor<2x?xf32>) maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>, affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (d)>, affine_map<(b, i, j, d, e) -> (b, 0, j)>, affine_map<(b, i, j, d, e) -> (b, i, e)>, affine_map<(b, i, j, d, e) -> (b, i)>] normalizer(#attn.softmax)
    similarity {
    ^bb0(%qe: f32, %ke: f32, %we: f32):
      %sum = arith.addf %qe, %ke : f32
      %bent = math.tanh %sum : f32
      %term = arith.mulf %we, %bent : f32
      attn.yield %term : f32
    } mask {
    ^bb0(%keep: i1):
      attn.yield %keep : i1
    }
  return %r#0, %r#1 : tensor<2x?x4xf32>, tensor<2x?xf32>
}
