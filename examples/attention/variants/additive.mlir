// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Additive attention: s_j = w . tanh(q + k_j), softmax over the kept keys, where q = Wq x and k = Wk y are projected rows
// of the decoder and of the encoder. keep[b, j] is false for the padding of sentence b. In tiles of many rows tanh(q + k)
// is made of e^2q and e^2k, which are taken once a row.
// Shapes: q [B, N, 40], k [B, M, 40], v [B, M, 24], w [40], keep [B, M], out [B, N, 24], lse [B, N].
// Source: Bahdanau, Cho and Bengio 2014, sec. 3.1 and A.1.2 (there q is Wa s, k is Ua h, w is va).
#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#w = affine_map<(b, i, j, d, e) -> (d)>
#keep = affine_map<(b, i, j, d, e) -> (b, j)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#row = affine_map<(b, i, j, d, e) -> (b, i)>

func.func @additive(%q: tensor<?x?x40xf32> {attn.name = "q"}, %k: tensor<?x?x40xf32> {attn.name = "k"},
    %v: tensor<?x?x24xf32> {attn.name = "v"}, %w: tensor<40xf32> {attn.name = "w"},
    %keep: tensor<?x?xi1> {attn.name = "keep"})
    -> (tensor<?x?x24xf32> {attn.name = "out"}, tensor<?x?xf32> {attn.name = "lse"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %batch = tensor.dim %q, %c0 : tensor<?x?x40xf32>
  %rows = tensor.dim %q, %c1 : tensor<?x?x40xf32>
  %init = tensor.empty(%batch, %rows) : tensor<?x?x24xf32>
  %lse_init = tensor.empty(%batch, %rows) : tensor<?x?xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<?x?x40xf32>, tensor<?x?x40xf32>, tensor<?x?x24xf32>)
    similarity_ins(%w : tensor<40xf32>) mask_ins(%keep : tensor<?x?xi1>)
    outs(out %init : tensor<?x?x24xf32>, lse %lse_init : tensor<?x?xf32>)
    maps [#q, #k, #v, #w, #keep, #o, #row] normalizer(#attn.softmax)
    similarity {
    ^bb0(%qd: f32, %kd: f32, %wd: f32):
      %sum = arith.addf %qd, %kd : f32
      %tanh = math.tanh %sum : f32
      %term = arith.mulf %wd, %tanh : f32
      attn.yield %term : f32
    }
    mask {
    ^bb0(%kept: i1):
      attn.yield %kept : i1
    }
  return %r#0, %r#1 : tensor<?x?x24xf32>, tensor<?x?xf32>
}
