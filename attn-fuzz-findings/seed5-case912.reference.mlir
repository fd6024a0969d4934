// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What seed5-case912.mlir means.
func.func @kernel(%q: tensor<?x70x32xf16> {attn.name = "q"},
                  %k: tensor<?x?x32xf16> {attn.name = "k"},
                  %v: tensor<?x?x50xf16> {attn.name = "v"},
                  %w: tensor<32xf16> {attn.name = "w"})
    -> (tensor<?x70x50xf16> {attn.name = "out"}, tensor<?x70xf32> {attn.name = "lse"}) {
  %at_b = arith.constant 0 : index
  %n_b = tensor.dim %q, %at_b : tensor<?x70x32xf16>
  %at_i = arith.constant 1 : index
  %n_i = tensor.dim %q, %at_i : tensor<?x70x32xf16>
  %at_j = arith.constant 1 : index
  %n_j = tensor.dim %k, %at_j : tensor<?x?x32xf16>
  %out = tensor.empty(%n_b) : tensor<?x70x50xf16>
  %lse = tensor.empty(%n_b) : tensor<?x70xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<?x70x32xf16>, tensor<?x?x32xf16>, tensor<?x?x50xf16>) similarity_ins(%w : tensor<32xf16>)
    outs(out %out : tensor<?x70x50xf16>, lse %lse : tensor<?x70xf32>) maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>, affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (d)>, affine_map<(b, i, j, d, e) -> (b, i, e)>, affine_map<(b, i, j, d, e) -> (b, i)>] normalizer(#attn.softmax)
    similarity {
    ^bb0(%qe: f32, %ke: f32, %we: f32):
      %sum = arith.addf %qe, %ke : f32
      %bent = math.tanh %sum : f32
      %term = arith.mulf %we, %bent : f32
      attn.yield %term : f32
    }
  return %r#0, %r#1 : tensor<?x70x50xf16>, tensor<?x70xf32>
}
