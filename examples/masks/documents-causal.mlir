// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Packed sequences, each of them causal.
//
//     x[b, i] = y[b, j] and j <= i
//
// Source: Krell et al. 2021 (Efficient sequence packing), sec. 3.2.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=x=1x70 --shape=y=1x150
//      --fill=x=0@:,:30 --fill=x=1@:,30: --fill=y=0@:,:30 --fill=y=1@:,30:
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=x=2x131 --shape=y=2x67
//      --fill=x=0..3 --fill=y=0..3
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#x = affine_map<(b, h, i, j, d, e) -> (b, i)>
#y = affine_map<(b, h, i, j, d, e) -> (b, j)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @documents_causal(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                            %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %x: tensor<?x?xi32> {attn.name = "x"},
                            %y: tensor<?x?xi32> {attn.name = "y"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    mask_ins(%x, %y : tensor<?x?xi32>, tensor<?x?xi32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #x, #y, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%x_: i32, %y_: i32):
      %i = attn.index 2
      %j = attn.index 3
      %same = arith.cmpi eq, %x_, %y_ : i32
      %past = arith.cmpi sle, %j, %i : index
      %r = arith.andi %same, %past : i1
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
