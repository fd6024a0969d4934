// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A penalty that grows with the distance, steeper or flatter for each head.
//
//     s + slope[h] (j - i)
//
// Source: Press et al. 2022 (ALiBi), sec. 3.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --fill=slope=0.5@0 --fill=slope=0.25@1
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --fill=slope=0.0625
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#slope = affine_map<(b, h, i, j, d, e) -> (h)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @alibi(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                 %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %slope: tensor<2xf32> {attn.name = "slope"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    score_ins(%slope : tensor<2xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #slope, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %slope_: f32):
      %i = attn.index 2
      %j = attn.index 3
      %d = arith.subi %j, %i : index
      %d32 = arith.index_cast %d : index to i32
      %f = arith.sitofp %d32 : i32 to f32
      %p = arith.mulf %slope_, %f : f32
      %r = arith.addf %s, %p : f32
      attn.yield %r : f32
    }
  return %out : tensor<?x2x?x16xf32>
}
