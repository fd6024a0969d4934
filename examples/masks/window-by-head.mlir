// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A window to the past with a width for each head.
//
//     0 <= i - j < w[h]
//
// Source: Sukhbaatar et al. 2019 (adaptive attention span), sec. 3, with spans rounded to whole positions.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --fill=w=40@0 --fill=w=3@1
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --fill=w=0@0 --fill=w=1000@1
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#w = affine_map<(b, h, i, j, d, e) -> (h)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @window_by_head(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                          %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %w: tensor<2xi32> {attn.name = "w"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    mask_ins(%w : tensor<2xi32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #w, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%w_: i32):
      %i = attn.index 2
      %j = attn.index 3
      %d = arith.subi %i, %j : index
      %width = arith.index_cast %w_ : i32 to index
      %near = arith.cmpi slt, %d, %width : index
      %past = arith.cmpi sge, %i, %j : index
      %r = arith.andi %past, %near : i1
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
