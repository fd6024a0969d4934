// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A score that masks: -inf drops a key as a mask does, and what decides it is understood like a mask. Keys that no row
// of a tile keeps are not visited.
//
//     j <= i ? s - 0.5 : -inf
//
// Source: He et al. 2024 (FlexAttention), sec. 2: a causal mask as score modification.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
func.func @minus_infinity(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
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
    score {
    ^bb0(%s: f32):
      %i = attn.index 2
      %j = attn.index 3
      %half = arith.constant 0.5 : f32
      %inf = arith.constant 0xFF800000 : f32
      %past = arith.cmpi sle, %j, %i : index
      %less = arith.subf %s, %half : f32
      %r = arith.select %past, %less, %inf : f32
      attn.yield %r : f32
    }
  return %out : tensor<?x2x?x16xf32>
}
