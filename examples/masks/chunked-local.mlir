// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Causal within chunks of 40.
//
//     floor(j / 40) = floor(i / 40) and j <= i
//
// Source: Parmar et al. 2018 (Image Transformer), sec. 3.3, one-dimensional local blocks; Llama 4 calls it chunked
// attention.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @chunked_local(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                         %v: tensor<?x2x?x16xf32> {attn.name = "v"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
      %i = attn.index 2
      %j = attn.index 3
      %size = arith.constant 40 : index
      %ci = arith.floordivsi %i, %size : index
      %cj = arith.floordivsi %j, %size : index
      %same = arith.cmpi eq, %ci, %cj : index
      %past = arith.cmpi sle, %j, %i : index
      %r = arith.andi %same, %past : i1
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
