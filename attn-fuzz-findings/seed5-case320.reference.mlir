// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What seed5-case320.mlir means.
func.func @kernel(%q: tensor<2x17x16xf16> {attn.name = "q"},
                  %k: tensor<2x129x16xf16> {attn.name = "k"},
                  %v: tensor<2x129x7xf16> {attn.name = "v"},
                  %w: tensor<16xf16> {attn.name = "w"})
    -> (tensor<2x17x7xf16> {attn.name = "out"}) {
  %at_b = arith.constant 0 : index
  %n_b = tensor.dim %q, %at_b : tensor<2x17x16xf16>
  %at_i = arith.constant 1 : index
  %n_i = tensor.dim %q, %at_i : tensor<2x17x16xf16>
  %at_j = arith.constant 1 : index
  %n_j = tensor.dim %k, %at_j : tensor<2x129x16xf16>
  %out = tensor.empty() : tensor<2x17x7xf16>
  %r = attn.generic ins(%q, %k, %v : tensor<2x17x16xf16>, tensor<2x129x16xf16>, tensor<2x129x7xf16>) similarity_ins(%w : tensor<16xf16>)
    outs(out %out : tensor<2x17x7xf16>) maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>, affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (d)>, affine_map<(b, i, j, d, e) -> (b, i, e)>] normalizer(#attn.softmax)
    similarity {
    ^bb0(%qe: f32, %ke: f32, %we: f32):
      %sum = arith.addf %qe, %ke : f32
      %bent = math.tanh %sum : f32
      %term = arith.mulf %we, %bent : f32
      attn.yield %term : f32
    }
  return %r : tensor<2x17x7xf16>
}
