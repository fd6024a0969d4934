// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The scale is an attribute, 1/sqrt(D) where none is given. It costs nothing: rows of Q are multiplied once.
//
//     s = 0.125 q . k
//
// Source: Vaswani et al. 2017, eq. (1).
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
func.func @scale(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                 %v: tensor<?x2x?x16xf32> {attn.name = "v"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v scale(1.250000e-01)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
