// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Multi-query attention: all heads share one head of keys and values, which is read once for every tile of rows.
//
//     out[b,h,i] = sum_j softmax_j(q[b,h,i] . k[b,j] / sqrt(D)) v[b,j]   over j <= i + M - N
//
// Source: Shazeer 2019 (Fast transformer decoding), sec. 3.
//
// try: --shape=q=1x8x67x64 --shape=k=1x1x131x64 --shape=v=1x1x131x64
// try: --shape=q=2x8x70x64 --shape=k=2x1x70x64 --shape=v=2x1x70x64 --strides=guarded
func.func @mqa(%q: tensor<?x8x?x64xf32> {attn.name = "q"}, %k: tensor<?x1x?x64xf32> {attn.name = "k"},
               %v: tensor<?x1x?x64xf32> {attn.name = "v"}) -> tensor<?x8x?x64xf32> {
  %out = attn.sdpa %q, %k, %v causal(bottom_right)
    : (tensor<?x8x?x64xf32>, tensor<?x1x?x64xf32>, tensor<?x1x?x64xf32>) -> tensor<?x8x?x64xf32>
  return %out : tensor<?x8x?x64xf32>
}
