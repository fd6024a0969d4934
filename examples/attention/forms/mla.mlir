// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Multi-head latent attention while a prompt is read: rows of Q and K have a part without and a part with rotary
// positions (128 + 64), rows of V the former's size. Heads are interleaved, as the projections leave them.
//
//     out[b,i,h] = sum_j softmax_j(q[b,i,h] . k[b,j,h] / sqrt(192)) v[b,j,h]   over j <= i + M - N
//
// Source: DeepSeek-AI 2024 (DeepSeek-V2), sec. 2.1.2 and 2.1.3.
//
// try: --shape=q=1x67x4x192 --shape=k=1x131x4x192 --shape=v=1x131x4x128
// try: --shape=q=2x70x4x192 --shape=k=2x70x4x192 --shape=v=2x70x4x128 --threads=2
func.func @mla(%q: tensor<?x?x4x192xbf16> {attn.name = "q"}, %k: tensor<?x?x4x192xbf16> {attn.name = "k"},
               %v: tensor<?x?x4x128xbf16> {attn.name = "v"}) -> tensor<?x?x4x128xbf16> {
  %out = attn.sdpa %q, %k, %v causal(bottom_right) layout(bnhd)
    : (tensor<?x?x4x192xbf16>, tensor<?x?x4x192xbf16>, tensor<?x?x4x128xbf16>) -> tensor<?x?x4x128xbf16>
  return %out : tensor<?x?x4x128xbf16>
}
