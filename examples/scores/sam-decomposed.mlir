// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Relative positions along the height and the width of a key grid of width 12, each from its own operand.
//
//     s + relh[b, h, i, floor(j / 12)] + relw[b, h, i, j mod 12]
//
// Source: Kirillov et al. 2023 (Segment Anything), its image encoder; Li et al. 2022 (MViTv2), sec. 4.1.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x84x16 --shape=v=1x2x84x16 --shape=relh=1x2x70x7 --shape=relw=1x2x70x12
// try: --shape=q=2x2x35x16 --shape=k=2x2x66x16 --shape=v=2x2x66x16 --shape=relh=2x2x35x6 --shape=relw=2x2x35x12
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @sam_decomposed(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                          %v: tensor<?x2x?x16xf32> {attn.name = "v"},
                          %relh: tensor<?x2x?x?xf32> {attn.name = "relh"},
                          %relw: tensor<?x2x?x12xf32> {attn.name = "relw"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    captures(%relh, %relw : tensor<?x2x?x?xf32>, tensor<?x2x?x12xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %relh_: tensor<?x2x?x?xf32>, %relw_: tensor<?x2x?x12xf32>):
      %bb = attn.index 0
      %h = attn.index 1
      %i = attn.index 2
      %j = attn.index 3
      %w = arith.constant 12 : index
      %jy = arith.divui %j, %w : index
      %jx = arith.remui %j, %w : index
      %y = tensor.extract %relh_[%bb, %h, %i, %jy] : tensor<?x2x?x?xf32>
      %x = tensor.extract %relw_[%bb, %h, %i, %jx] : tensor<?x2x?x12xf32>
      %sum = arith.addf %y, %x : f32
      %r = arith.addf %s, %sum : f32
      attn.yield %r : f32
    }
  return %out : tensor<?x2x?x16xf32>
}
