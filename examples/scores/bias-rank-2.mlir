// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An additive bias over rows and keys: -inf masks.
//
//     s + bias[i, j]
//
// Source: scaled_dot_product_attention of PyTorch, its attn_mask of floats.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=bias=70x150
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=bias=131x67 --fill=bias=-inf@:,60:
func.func @bias_rank_2(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                       %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %bias: tensor<?x?xf32> {attn.name = "bias"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v bias(%bias : tensor<?x?xf32>)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
