// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Causal, aligned to the last row and key: a cache holds the keys before the rows. With M < N the first rows see
// nothing and are zeros.
//
//     j <= i + M - N
//
// Source: FlashAttention 2.1 (Dao 2023), change of the alignment of causal.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16
func.func @causal_bottom_right(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                               %v: tensor<?x2x?x16xf32> {attn.name = "v"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v causal(bottom_right)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
