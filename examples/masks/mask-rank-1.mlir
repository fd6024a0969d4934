// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A boolean tensor over keys, shared by all else.
//
//     mask[j]
//
// Source: numpy broadcasting from the right, as in scaled_dot_product_attention of PyTorch.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=m=150
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=m=67 --fill=m=0@10:60
func.func @mask_rank_1(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                       %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %m: tensor<?xi1> {attn.name = "m"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v mask(%m : tensor<?xi1>)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
