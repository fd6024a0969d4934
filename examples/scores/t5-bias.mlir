// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// T5 relative position bias, computed once outside: an operand over heads, rows and keys, transposed in registers.
//
//     s + bias[h, i, j]
//
// Source: Raffel et al. 2020 (T5), sec. 2.1.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=bias=2x70x150
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=bias=2x131x67
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#bias = affine_map<(b, h, i, j, d, e) -> (h, i, j)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @t5_bias(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                   %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %bias: tensor<2x?x?xf32> {attn.name = "bias"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    score_ins(%bias : tensor<2x?x?xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #bias, #o]
    scale(1.000000e+00) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %bias_: f32):
      %r = arith.addf %s, %bias_ : f32
      attn.yield %r : f32
    }
  return %out : tensor<?x2x?x16xf32>
}
