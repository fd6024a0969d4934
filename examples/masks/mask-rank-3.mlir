// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A boolean tensor over heads and rows; a size of 1 repeats along the keys. Rows are seen whole or not at all.
//
//     mask[h, i, 0]
//
// Source: numpy broadcasting from the right, as in scaled_dot_product_attention of PyTorch.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=m=2x70x1
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=m=2x131x1 --fill=m=0@1
func.func @mask_rank_3(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                       %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %m: tensor<2x?x1xi1> {attn.name = "m"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v mask(%m : tensor<2x?x1xi1>)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
