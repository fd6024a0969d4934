// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An additive bias over batches, heads, rows and keys.
//
//     s + bias[b, h, i, j]
//
// Source: scaled_dot_product_attention of PyTorch, its attn_mask of floats.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=bias=1x2x70x150
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=bias=2x2x131x67 --fill=bias=-inf@:,:,:7
func.func @bias_rank_4(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                       %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %bias: tensor<?x2x?x?xf32> {attn.name = "bias"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v bias(%bias : tensor<?x2x?x?xf32>)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
