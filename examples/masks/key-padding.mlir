// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Batches of different lengths: keys from `lengths[b]` on are padding.
//
//     j < lengths[b]
//
// Source: Vaswani et al. 2017; every framework pads so.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=lengths=1 --fill=lengths=97
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
//      --shape=lengths=2 --fill=lengths=0@0 --fill=lengths=66@1
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#lengths = affine_map<(b, h, i, j, d, e) -> (b)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @key_padding(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                       %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %lengths: tensor<?xi32> {attn.name = "lengths"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    mask_ins(%lengths : tensor<?xi32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #lengths, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%lengths_: i32):
      %j = attn.index 3
      %end = arith.index_cast %lengths_ : i32 to index
      %r = arith.cmpi slt, %j, %end : index
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
