// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A boolean tensor over batches and keys: padding as most models export it. Sizes of 1 repeat along heads and rows.
//
//     mask[b, 0, 0, j]
//
// Source: Vaswani et al. 2017.
//
// try: --shape=q=1x2x70x16 --shape=k=1x2x150x16 --shape=v=1x2x150x16 --shape=m=1x1x1x150
//      --fill=m=1 --fill=m=0@:,:,:,100:
// try: --shape=q=2x2x131x16 --shape=k=2x2x67x16 --shape=v=2x2x67x16 --shape=m=2x1x1x67
func.func @mask_keys(%q: tensor<?x2x?x16xf32> {attn.name = "q"}, %k: tensor<?x2x?x16xf32> {attn.name = "k"},
                     %v: tensor<?x2x?x16xf32> {attn.name = "v"}, %m: tensor<?x1x1x?xi1> {attn.name = "m"})
    -> tensor<?x2x?x16xf32> {
  %out = attn.sdpa %q, %k, %v mask(%m : tensor<?x1x1x?xi1>)
       : (tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>, tensor<?x2x?x16xf32>) -> tensor<?x2x?x16xf32>
  return %out : tensor<?x2x?x16xf32>
}
