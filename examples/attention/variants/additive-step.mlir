// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One step of an encoder-decoder: the state of the decoder (projected, one row a sentence) looks at all rows of the
// encoder, whose projection was computed once for all steps. Beside the context it returns the alignment, the weight of
// each source word. bf16 in memory, f32 in registers.
// Shapes: q [B, 1, 100], k [B, M, 100], v [B, M, 200], w [100], keep [B, 1, M], out [B, 1, 200], weights [B, 1, M].
// Source: Bahdanau, Cho and Bengio 2014, sec. 3.1 and fig. 3.
func.func @additive_step(%q: tensor<?x1x100xbf16> {attn.name = "q"}, %k: tensor<?x?x100xbf16> {attn.name = "k"},
    %v: tensor<?x?x200xbf16> {attn.name = "v"}, %w: tensor<100xbf16> {attn.name = "w"},
    %keep: tensor<?x1x?xi1> {attn.name = "keep"})
    -> (tensor<?x1x200xbf16> {attn.name = "out"}, tensor<?x1x?xf32> {attn.name = "weights"}) {
  %r:2 = attn.additive %q, %k, %v weight(%w : tensor<100xbf16>) mask(%keep : tensor<?x1x?xi1>) returns(out, weights)
     : (tensor<?x1x100xbf16>, tensor<?x?x100xbf16>, tensor<?x?x200xbf16>) -> tensor<?x1x200xbf16>, tensor<?x1x?xf32>
  return %r#0, %r#1 : tensor<?x1x200xbf16>, tensor<?x1x?xf32>
}
