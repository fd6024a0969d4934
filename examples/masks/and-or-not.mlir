// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Masks combine by and, or and not: causal, without a band in the past, but for every tenth key.
//
//     j <= i and (not (20 <= i - j < 60) or j mod 10 = 0)
//
// Source: ours.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @and_or_not(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
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
      %near = arith.constant 20 : index
      %far = arith.constant 60 : index
      %ten = arith.constant 10 : index
      %z = arith.constant 0 : index
      %true = arith.constant true
      %d = arith.subi %i, %j : index
      %a = arith.cmpi sge, %d, %near : index
      %b2 = arith.cmpi slt, %d, %far : index
      %band = arith.andi %a, %b2 : i1
      %outside = arith.xori %band, %true : i1
      %rest = arith.remui %j, %ten : index
      %tenth = arith.cmpi eq, %rest, %z : index
      %either = arith.ori %outside, %tenth : i1
      %past = arith.cmpi sle, %j, %i : index
      %r = arith.andi %past, %either : i1
      attn.yield %r : i1
    }
  return %out : tensor<?x2x?x16xf32>
}
