// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One step of a decoder with additive attention: where the next word looks, and what it sees there. The keys, Ua times
// the annotations, are computed once for all steps of a sentence; keep[b, 0, j] is false for padding.
// Shapes: q [B, 1, 64], k [B, M, 64], v [B, M, 48], w [64], keep [B, 1, M], context [B, 1, 48], alignment [B, 1, M].
// Source: Bahdanau, Cho and Bengio 2014, sec. 3.1 and A.1.2.
func.func @step(%q: tensor<?x1x64xf32> {attn.name = "q"}, %k: tensor<?x?x64xf32> {attn.name = "k"},
                %v: tensor<?x?x48xf32> {attn.name = "v"}, %w: tensor<64xf32> {attn.name = "w"},
                %keep: tensor<?x1x?xi1> {attn.name = "keep"})
    -> (tensor<?x1x48xf32> {attn.name = "context"}, tensor<?x1x?xf32> {attn.name = "alignment"}) {
  %r:2 = attn.additive %q, %k, %v weight(%w : tensor<64xf32>) mask(%keep : tensor<?x1x?xi1>) returns(out, weights)
     : (tensor<?x1x64xf32>, tensor<?x?x64xf32>, tensor<?x?x48xf32>) -> tensor<?x1x48xf32>, tensor<?x1x?xf32>
  return %r#0, %r#1 : tensor<?x1x48xf32>, tensor<?x1x?xf32>
}
