// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What seed5-case240.mlir means.
func.func @kernel(%q: tensor<?x?x7xf16> {attn.name = "q"},
                  %k: tensor<?x?x7xf16> {attn.name = "k"},
                  %v: tensor<?x?x32xf16> {attn.name = "v"},
                  %w: tensor<7xf16> {attn.name = "w"},
                  %m: tensor<?x1x?xi1> {attn.name = "m"})
    -> (tensor<?x?x32xf16> {attn.name = "out"}, tensor<?x?xf32> {attn.name = "lse"}, tensor<?x?x?xf32> {attn.name = "weights"}) {
  %at_b = arith.constant 0 : index
  %n_b = tensor.dim %q, %at_b : tensor<?x?x7xf16>
  %at_i = arith.constant 1 : index
  %n_i = tensor.dim %q, %at_i : tensor<?x?x7xf16>
  %at_j = arith.constant 1 : index
  %n_j = tensor.dim %k, %at_j : tensor<?x?x7xf16>
  %out = tensor.empty(%n_b, %n_i) : tensor<?x?x32xf16>
  %lse = tensor.empty(%n_b, %n_i) : tensor<?x?xf32>
  %weights = tensor.empty(%n_b, %n_i, %n_j) : tensor<?x?x?xf32>
  %r:3 = attn.generic ins(%q, %k, %v : tensor<?x?x7xf16>, tensor<?x?x7xf16>, tensor<?x?x32xf16>) similarity_ins(%w : tensor<7xf16>) mask_ins(%m : tensor<?x1x?xi1>)
    outs(out %out : tensor<?x?x32xf16>, lse %lse : tensor<?x?xf32>, weights %weights : tensor<?x?x?xf32>) maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>, affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (d)>, affine_map<(b, i, j, d, e) -> (b, 0, j)>, affine_map<(b, i, j, d, e) -> (b, i, e)>, affine_map<(b, i, j, d, e) -> (b, i)>, affine_map<(b, i, j, d, e) -> (b, i, j)>] normalizer(#attn.softmax)
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
  return %r#0, %r#1, %r#2 : tensor<?x?x32xf16>, tensor<?x?xf32>, tensor<?x?x?xf32>
}
