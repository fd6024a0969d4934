// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Softmax with a learned sink per head and its entropy, bf16 storage: w_j = exp(s_j) / (exp(sink_h) + sum_k exp(s_k)).
// Source: Xiao et al. 2023 (attention sinks), in the learned form of gpt-oss 2025.
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
#sink = affine_map<(b, h, i, j, d, e) -> (h)>
#row = affine_map<(b, h, i, j, d, e) -> (b, h, i)>

func.func @sink_bf16(%q: tensor<?x4x?x64xbf16> {attn.name = "q"}, %k: tensor<?x4x?x64xbf16> {attn.name = "k"},
    %v: tensor<?x4x?x48xbf16> {attn.name = "v"}, %sink: tensor<4xf32> {attn.name = "sink"})
    -> (tensor<?x4x?x48xbf16> {attn.name = "out"}, tensor<?x4x?xf32> {attn.name = "entropy"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %batch = tensor.dim %q, %c0 : tensor<?x4x?x64xbf16>
  %rows = tensor.dim %q, %c2 : tensor<?x4x?x64xbf16>
  %init = tensor.empty(%batch, %rows) : tensor<?x4x?x48xbf16>
  %entropy_init = tensor.empty(%batch, %rows) : tensor<?x4x?xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<?x4x?x64xbf16>, tensor<?x4x?x64xbf16>, tensor<?x4x?x48xbf16>)
    normalizer_ins(%sink : tensor<4xf32>)
    outs(out %init : tensor<?x4x?x48xbf16>,
         entropy %entropy_init : tensor<?x4x?xf32>)
    maps [#q, #k, #v, #sink, #o, #row] scale(1.250000e-01) normalizer(#attn.softmax_sink)
  return %r#0, %r#1 : tensor<?x4x?x48xbf16>, tensor<?x4x?xf32>
}
