// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A learned temperature for each head.
//
//     s tau[h]
//
// Source: Liu et al. 2022 (Swin Transformer V2), sec. 3.3.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#tau = affine_map<(b, h, i, j, d, e) -> (h)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @temperature(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                       %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %tau: tensor<2xf32> {attn.name = "tau"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    score_ins(%tau : tensor<2xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #tau, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %tau_: f32):
      %r = arith.mulf %s, %tau_ : f32
      attn.yield %r : f32
    }
  return %out : tensor<?x2x?x16xf32>
}
