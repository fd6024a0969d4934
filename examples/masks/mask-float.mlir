// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A float tensor that keeps where it is positive: nothing is known of it before, every tile looks at it.
//
//     mask[i, j] > 0
//
// Source: ours.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=m=70x150
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=m=131x67 --fill=m=-1@:64
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#m = affine_map<(b, h, i, j, d, e) -> (i, j)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @mask_float(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                      %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %m: tensor<?x?xf32> {attn.name = "m"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    mask_ins(%m : tensor<?x?xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #m, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%m_: f32):
      %zero = arith.constant 0.0 : f32
      %r = arith.cmpf ogt, %m_, %zero : f32
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
