// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Decoding with multi-query attention: the eight heads of the one new token are the rows of one tile, so that each key
// and value is read once for all of them. bf16 in memory.
//
//     out[b,h] = sum_j softmax_j(q[b,h] . k[b,j] / sqrt(D)) v[b,j]
//
// Source: Shazeer 2019 (Fast transformer decoding), sec. 3.
//
// try: --shape=q=3x8x1x64 --shape=k=3x1x131x64 --shape=v=3x1x131x64 --threads=2
// try: --shape=q=1x8x1x64 --shape=k=1x1x1x64 --shape=v=1x1x1x64
func.func @mqa_decode(%q: tensor<?x8x1x64xbf16> {attn.name = "q"}, %k: tensor<?x1x?x64xbf16> {attn.name = "k"},
                      %v: tensor<?x1x?x64xbf16> {attn.name = "v"}) -> tensor<?x8x1x64xbf16> {
  %out = attn.sdpa %q, %k, %v
    : (tensor<?x8x1x64xbf16>, tensor<?x1x?x64xbf16>, tensor<?x1x?x64xbf16>) -> tensor<?x8x1x64xbf16>
  return %out : tensor<?x8x1x64xbf16>
}
