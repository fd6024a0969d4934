// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Causal, aligned to the first row and key.
//
//     j <= i
//
// Source: Vaswani et al. 2017, sec. 3.2.3.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
func.func @causal_top_left(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                           %v: tensor<?x2x?x16xf32> {attn.name = "v"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v causal(top_left)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
