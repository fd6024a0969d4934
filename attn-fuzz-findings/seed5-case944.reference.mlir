// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What seed5-case944.mlir means.
func.func @kernel(%q: tensor<?x1x4xbf16> {attn.name = "q"},
                  %k: tensor<?x33x4xbf16> {attn.name = "k"},
                  %v: tensor<?x33x16xbf16> {attn.name = "v"},
                  %w: tensor<4xbf16> {attn.name = "w"},
                  %m: tensor<?x1x33xi1> {attn.name = "m"})
    -> (tensor<?x1x16xbf16> {attn.name = "out"}) {
  %at_b = arith.constant 0 : index
  %n_b = tensor.dim %q, %at_b : tensor<?x1x4xbf16>
  %at_i = arith.constant 1 : index
  %n_i = tensor.dim %q, %at_i : tensor<?x1x4xbf16>
  %at_j = arith.constant 1 : index
  %n_j = tensor.dim %k, %at_j : tensor<?x33x4xbf16>
  %out = tensor.empty(%n_b) : tensor<?x1x16xbf16>
  %r = attn.generic ins(%q, %k, %v : tensor<?x1x4xbf16>, tensor<?x33x4xbf16>, tensor<?x33x16xbf16>) similarity_ins(%w : tensor<4xbf16>) mask_ins(%m : tensor<?x1x33xi1>)
    outs(out %out : tensor<?x1x16xbf16>) maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>, affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (d)>, affine_map<(b, i, j, d, e) -> (b, j)>, affine_map<(b, i, j, d, e) -> (b, i, e)>] normalizer(#attn.softmax)
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
  return %r : tensor<?x1x16xbf16>
}
