// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A window to both sides whose width `w` is known when the kernel runs.
//
//     |i - j| <= w
//
// Source: Beltagy et al. 2020 (Longformer), sec. 3.1.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --arg=w=20
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --arg=w=9223372036854775807
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @window_run_time(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                           %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %w: index {attn.name = "w"})
    -> tensor<?x2x?x16xf32> {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %b = tensor.dim %q, %c0 : tensor<?x2x?x16xf32>
  %n = tensor.dim %q, %c2 : tensor<?x2x?x16xf32>
  %init = tensor.empty(%b, %n) : tensor<?x2x?x16xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>)
    captures(%w : index)
    outs(out %init : tensor<?x2x?x16xf32>) maps [#q, #k, #v, #o]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%w_: index):
      %i = attn.index 2
      %j = attn.index 3
      %d = arith.subi %i, %j : index
      %a = math.absi %d : index
      %r = arith.cmpi sle, %a, %w_ : index
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
