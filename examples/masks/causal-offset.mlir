// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Causal with an offset that is known when the kernel runs: a chunk of a prompt whose first row stands at `p`.
//
//     j <= i + p
//
// Source: Agrawal et al. 2023 (Sarathi), chunked prefill.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --arg=p=37
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --arg=p=3
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @causal_offset(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                         %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %p: index {attn.name = "p"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    captures(%p : index)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%p_: index):
      %i = attn.index 2
      %j = attn.index 3
      %last = arith.addi %i, %p_ : index
      %r = arith.cmpi sle, %j, %last : index
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
