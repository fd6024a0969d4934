// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An additive bias over batches and keys: 0 for words, a large negative number or -inf for padding.
//
//     s + bias[b, 0, 0, j]
//
// Source: Devlin et al. 2019 (BERT), the attention mask of its code.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=bias=1x1x1x150
//      --fill=bias=0 --fill=bias=-inf@:,:,:,100:
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=bias=2x1x1x67
//      --fill=bias=-10000@:,:,:,30:
func.func @bias_keys(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                     %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %bias: tensor<?x1x1x?xf32> {attn.name = "bias"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v bias(%bias : tensor<?x1x1x?xf32>)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
