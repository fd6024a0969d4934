// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Cross-attention of a decoder to an encoder: keys and values are projected once for all steps and kept in one tensor,
// K in half 0 and V in half 1; both are views. The new token sees all frames of its recording, lengths[b] of them.
//
//     out[b,h] = sum_j softmax_j(q[b,h] . kv[b,j,0,h] / sqrt(D)) kv[b,j,1,h]   over j < lengths[b]
//
// Source: Vaswani et al. 2017, sec. 3.2.3; Radford et al. 2022 (Whisper), sec. 2.2, where there are 1,500 frames.
//
// try: --shape=q=2x1x4x64 --shape=kv=2x131x2x4x64 --shape=lengths=2 --fill=lengths=131@0 --fill=lengths=40@1
//      --fill=kv=nan@1,40: --threads=2
// try: --shape=q=1x1x4x64 --shape=kv=1x150x2x4x64 --shape=lengths=1 --fill=lengths=149 --strides=guarded
#q = affine_map<(b, h, i, j, d, e) -> (b, i, h, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, j, h, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, j, h, e)>
#lengths = affine_map<(b, h, i, j, d, e) -> (b)>
#o = affine_map<(b, h, i, j, d, e) -> (b, i, h, e)>
func.func @cross_cached(%q: tensor<?x1x4x64xf32> {attn.name = "q"}, %kv: tensor<?x?x2x4x64xf32> {attn.name = "kv"},
                        %lengths: tensor<?xi32> {attn.name = "lengths"}) -> tensor<?x1x4x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %q, %c0 : tensor<?x1x4x64xf32>
  %m = tensor.dim %kv, %c1 : tensor<?x?x2x4x64xf32>
  %k = tensor.extract_slice %kv[0, 0, 0, 0, 0] [%b, %m, 1, 4, 64] [1, 1, 1, 1, 1]
    : tensor<?x?x2x4x64xf32> to tensor<?x?x4x64xf32>
  %v = tensor.extract_slice %kv[0, 0, 1, 0, 0] [%b, %m, 1, 4, 64] [1, 1, 1, 1, 1]
    : tensor<?x?x2x4x64xf32> to tensor<?x?x4x64xf32>
  %init = tensor.empty(%b) : tensor<?x1x4x64xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x1x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>)
    mask_ins(%lengths : tensor<?xi32>)
    outs(out %init : tensor<?x1x4x64xf32>) maps [#q, #k, #v, #lengths, #o] scale(1.250000e-01)
    normalizer(#attn.softmax)
    mask {
    ^bb0(%length: i32):
      %j = attn.index 3
      %end = arith.index_cast %length : i32 to index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1
    }
  return %out : tensor<?x1x4x64xf32>
}
