// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A ragged batch: sequences of unequal lengths lie side by side in one tensor, without padding, and each attends to itself.
// rows and keys hold the lengths added up, from 0; sequence s has rows[s] to rows[s + 1] and keys[s] to keys[s + 1].
//
//     out[i,h] = sum_j softmax_j(q[i,h] . k[j,h / 2] / sqrt(D)) v[j,h / 2]
//                over keys[s] <= j < keys[s + 1], j - keys[s + 1] <= i - rows[s + 1]    with s the sequence of row i
//
// Source: Dao et al. 2022, flash_attn_varlen_func of its software; grouped heads: Ainslie et al. 2023, sec. 2.2.
//
// try: --shape=q=150x4x64 --shape=k=231x2x64 --shape=v=231x2x64 --shape=rows=5 --shape=keys=5 --fill=rows=0@0
//      --fill=rows=70@1 --fill=rows=70@2 --fill=rows=71@3 --fill=rows=150@4 --fill=keys=0@0 --fill=keys=100@1
//      --fill=keys=120@2 --fill=keys=200@3 --fill=keys=231@4 --threads=2
// try: --shape=q=3x4x64 --shape=k=9x2x64 --shape=v=9x2x64 --shape=rows=2 --shape=keys=2 --fill=rows=0 --fill=rows=3@1
//      --fill=keys=0 --fill=keys=7@1 --fill=k=nan@7: --fill=v=nan@7: --strides=guarded
func.func @packed(%q: tensor<?x4x64xf32> {attn.name = "q"}, %k: tensor<?x2x64xf32> {attn.name = "k"},
    %v: tensor<?x2x64xf32> {attn.name = "v"}, %rows: tensor<?xi32> {attn.name = "rows"},
    %keys: tensor<?xi32> {attn.name = "keys"}) -> tensor<?x4x64xf32> {
  %out = attn.packed %q, %k, %v rows(%rows : tensor<?xi32>) keys(%keys : tensor<?xi32>) causal(bottom_right)
    : (tensor<?x4x64xf32>, tensor<?x2x64xf32>, tensor<?x2x64xf32>) -> tensor<?x4x64xf32>
  return %out : tensor<?x4x64xf32>
}
