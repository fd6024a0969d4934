// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One step of a layer of gpt-oss: 8 query heads share each of 8 key heads of 64 elements, every head has a learned sink
// in the denominator, and the new token, the last of lengths[b], looks back at 128 keys. Only these are read.
//
//     out[b,h] = sum_j e^s_j v[b,h/8,j] / (e^sink[h] + sum_j e^s_j),   s_j = q[b,h] . k[b,h/8,j] / 8,
//                over lengths[b] - 128 <= j < lengths[b]
//
// Source: OpenAI 2025 (gpt-oss model card), sec. 2.2; sinks: Xiao et al. 2023 (StreamingLLM), sec. 3.1.
//
// try: --shape=q=3x8x8x64 --shape=k=3x8x300x64 --shape=v=3x8x300x64 --shape=lengths=3 --fill=lengths=300@0
//      --fill=lengths=129@1 --fill=lengths=5@2 --fill=v=nan@1,:,129: --fill=k=nan@0,:,:172 --fill=sink=-2..2
//      --threads=2
// try: --shape=q=1x8x8x64 --shape=k=1x8x40x64 --shape=v=1x8x40x64 --shape=lengths=1 --fill=lengths=0
#q = affine_map<(b, h, g, j, d, e) -> (b, h, g, d)>
#k = affine_map<(b, h, g, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, g, j, d, e) -> (b, h, j, e)>
#lengths = affine_map<(b, h, g, j, d, e) -> (b)>
#sink = affine_map<(b, h, g, j, d, e) -> (h, g)>
#o = affine_map<(b, h, g, j, d, e) -> (b, h, g, e)>
func.func @gpt_oss_decode(%q: tensor<?x8x8x64xbf16> {attn.name = "q"}, %k: tensor<?x8x?x64xbf16> {attn.name = "k"},
                          %v: tensor<?x8x?x64xbf16> {attn.name = "v"}, %sink: tensor<8x8xbf16> {attn.name = "sink"},
                          %lengths: tensor<?xi32> {attn.name = "lengths"}) -> tensor<?x8x8x64xbf16> {
  %c0 = arith.constant 0 : index
  %b = tensor.dim %q, %c0 : tensor<?x8x8x64xbf16>
  %init = tensor.empty(%b) : tensor<?x8x8x64xbf16>
  %out = attn.generic ins(%q, %k, %v : tensor<?x8x8x64xbf16>, tensor<?x8x?x64xbf16>, tensor<?x8x?x64xbf16>)
    mask_ins(%lengths : tensor<?xi32>) normalizer_ins(%sink : tensor<8x8xbf16>)
    outs(out %init : tensor<?x8x8x64xbf16>) maps [#q, #k, #v, #lengths, #sink, #o] scale(1.250000e-01)
    normalizer(#attn.softmax_sink)
    mask {
    ^bb0(%length: i32):
      %j = attn.index 3
      %window = arith.constant 128 : index
      %end = arith.index_cast %length : i32 to index
      %begin = arith.subi %end, %window : index
      %is_near = arith.cmpi sge, %j, %begin : index
      %is_known = arith.cmpi slt, %j, %end : index
      %keep = arith.andi %is_near, %is_known : i1
      attn.yield %keep : i1
    }
  return %out : tensor<?x8x8x64xbf16>
}
