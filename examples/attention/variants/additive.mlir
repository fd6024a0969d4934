// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Additive attention: s_j = w . tanh(q + k_j), softmax over the kept keys, where q = Wa s and k = Ua h are projected rows
// of the decoder and of the encoder. keep[b, 0, j] is false for the padding of sentence b.
// Shapes: q [B, N, 40], k [B, M, 40], v [B, M, 24], w [40], keep [B, 1, M], out [B, N, 24], lse [B, N].
// Source: Bahdanau, Cho and Bengio 2014, sec. 3.1 and A.1.2.
func.func @additive(%q: tensor<?x?x40xf32> {attn.name = "q"}, %k: tensor<?x?x40xf32> {attn.name = "k"},
    %v: tensor<?x?x24xf32> {attn.name = "v"}, %w: tensor<40xf32> {attn.name = "w"},
    %keep: tensor<?x1x?xi1> {attn.name = "keep"})
    -> (tensor<?x?x24xf32> {attn.name = "out"}, tensor<?x?xf32> {attn.name = "lse"}) {
  %r:2 = attn.additive %q, %k, %v weight(%w : tensor<40xf32>) mask(%keep : tensor<?x1x?xi1>) returns(out, lse)
     : (tensor<?x?x40xf32>, tensor<?x?x40xf32>, tensor<?x?x24xf32>) -> tensor<?x?x24xf32>, tensor<?x?xf32>
  return %r#0, %r#1 : tensor<?x?x24xf32>, tensor<?x?xf32>
}
