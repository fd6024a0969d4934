// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Decoding with multi-head latent attention: the projections of K and V are absorbed into those of Q and out, so that
// all heads look at the latent vectors themselves. A key is 512 numbers and 64 with rotary positions, its value the
// first 512 of the same storage: V is a view. Sequence b has lengths[b] keys. scale is that of heads of 128 + 64.
//
//     out[b,h] = sum_j softmax_j(q[b,h] . c[b,j] / sqrt(192)) c[b,j,:512]   over j < lengths[b]
//
// Source: DeepSeek-AI 2024 (DeepSeek-V2), sec. 2.1.2, the last paragraph, and app. C.
//
// try: --shape=q=2x16x576 --shape=c=2x131x576 --shape=lengths=2 --fill=lengths=131@0 --fill=lengths=40@1
//      --fill=c=nan@1,40: --threads=2
// try: --shape=q=1x16x576 --shape=c=1x70x576 --shape=lengths=1 --fill=lengths=70 --strides=guarded
#q = affine_map<(b, h, j, d, e) -> (b, h, d)>
#k = affine_map<(b, h, j, d, e) -> (b, j, d)>
#v = affine_map<(b, h, j, d, e) -> (b, j, e)>
#lengths = affine_map<(b, h, j, d, e) -> (b)>
#o = affine_map<(b, h, j, d, e) -> (b, h, e)>
func.func @mla_absorbed(%q: tensor<?x16x576xbf16> {attn.name = "q"}, %c: tensor<?x?x576xbf16> {attn.name = "c"},
                        %lengths: tensor<?xi32> {attn.name = "lengths"}) -> tensor<?x16x512xbf16> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %c, %c0 : tensor<?x?x576xbf16>
  %m = tensor.dim %c, %c1 : tensor<?x?x576xbf16>
  %v = tensor.extract_slice %c[0, 0, 0] [%b, %m, 512] [1, 1, 1] : tensor<?x?x576xbf16> to tensor<?x?x512xbf16>
  %init = tensor.empty(%b) : tensor<?x16x512xbf16>
  %out = attn.generic ins(%q, %c, %v : tensor<?x16x576xbf16>, tensor<?x?x576xbf16>, tensor<?x?x512xbf16>)
    mask_ins(%lengths : tensor<?xi32>)
    outs(out %init : tensor<?x16x512xbf16>) maps [#q, #k, #v, #lengths, #o] scale(0.072168783648703216)
    normalizer(#attn.softmax)
    mask {
    ^bb0(%length: i32):
      %j = attn.index 2
      %end = arith.index_cast %length : i32 to index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1
    }
  return %out : tensor<?x16x512xbf16>
}
