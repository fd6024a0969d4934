// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Windows of 8 x 8 tokens: one learned number for each relative position of row and key, and each head.
//
//     s + table[(iy - jy + 7) * 15 + (ix - jx + 7), h]
//
// Source: Liu et al. 2021 (Swin Transformer), eq. (4).
//
// try: --shape=q=3x2x64x16 --shape=k=3x2x64x16 --shape=v=3x2x64x16
// try: --shape=q=1x2x50x16 --shape=k=1x2x61x16 --shape=v=1x2x61x16
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @swin_table(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                      %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %table: tensor<225x2xf32> {attn.name = "table"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    captures(%table : tensor<225x2xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32, %table_: tensor<225x2xf32>):
      %i = attn.index 2
      %j = attn.index 3
      %h = attn.index 1
      %w = arith.constant 8 : index
      %m = arith.constant 7 : index
      %span = arith.constant 15 : index
      %iy = arith.divui %i, %w : index
      %ix = arith.remui %i, %w : index
      %jy = arith.divui %j, %w : index
      %jx = arith.remui %j, %w : index
      %dy = arith.subi %iy, %jy : index
      %y = arith.addi %dy, %m : index
      %dx = arith.subi %ix, %jx : index
      %x = arith.addi %dx, %m : index
      %yy = arith.muli %y, %span : index
      %at = arith.addi %yy, %x : index
      %bias = tensor.extract %table_[%at, %h] : tensor<225x2xf32>
      %r = arith.addf %s, %bias : f32
      attn.yield %r : f32
    }
  return %out : tensor<?x2x?x16xf32>
}
