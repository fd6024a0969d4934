// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Multiplicative attention, form "dot": the state of the decoder times each annotation of the encoder, without a scale.
// Annotations are keys and values at once; sentence b has lengths[b] of them.
//
//     out[b,i] = sum_j softmax_j(h[b,i] . a[b,j]) a[b,j]   over j < lengths[b]
//
// Source: Luong, Pham and Manning 2015, eq. (7) and (8), "dot".
//
// try: --shape=h=3x1x64 --shape=a=3x50x64 --shape=lengths=3 --fill=lengths=50@0 --fill=lengths=17@1 --fill=lengths=0@2
//      --fill=a=nan@1,17:
// try: --shape=h=2x70x64 --shape=a=2x131x64 --shape=lengths=2 --fill=lengths=131@0 --fill=lengths=66@1 --threads=2
#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#lengths = affine_map<(b, i, j, d, e) -> (b)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
func.func @luong_dot(%h: tensor<?x?x64xf32> {attn.name = "h"}, %a: tensor<?x?x64xf32> {attn.name = "a"},
                     %lengths: tensor<?xi32> {attn.name = "lengths"}) -> tensor<?x?x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %h, %c0 : tensor<?x?x64xf32>
  %n = tensor.dim %h, %c1 : tensor<?x?x64xf32>
  %init = tensor.empty(%b, %n) : tensor<?x?x64xf32>
  %out = attn.generic ins(%h, %a, %a : tensor<?x?x64xf32>, tensor<?x?x64xf32>, tensor<?x?x64xf32>)
    mask_ins(%lengths : tensor<?xi32>)
    outs(out %init : tensor<?x?x64xf32>) maps [#q, #k, #v, #lengths, #o] normalizer(#attn.softmax)
    mask {
    ^bb0(%length: i32):
      %j = attn.index 2
      %end = arith.index_cast %length : i32 to index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1
    }
  return %out : tensor<?x?x64xf32>
}
