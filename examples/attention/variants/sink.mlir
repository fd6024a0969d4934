// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Softmax with a learned sink per head: w_j = exp(s_j) / (exp(sink_h) + sum_k exp(s_k)), causal.
// Row i of N keeps the keys up to i + M - N of M.
// Source: Xiao et al. 2023 (attention sinks), in the learned form of gpt-oss 2025.
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
#sink = affine_map<(b, h, i, j, d, e) -> (h)>
#row = affine_map<(b, h, i, j, d, e) -> (b, h, i)>

func.func @sink(%q: tensor<?x4x?x64xf32> {attn.name = "q"}, %k: tensor<?x4x?x64xf32> {attn.name = "k"},
    %v: tensor<?x4x?x48xf32> {attn.name = "v"}, %sink: tensor<4xf32> {attn.name = "sink"})
    -> (tensor<?x4x?x48xf32> {attn.name = "out"}, tensor<?x4x?xf32> {attn.name = "lse"}, tensor<?x4x?xf32> {attn.name = "max"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %batch = tensor.dim %q, %c0 : tensor<?x4x?x64xf32>
  %rows = tensor.dim %q, %c2 : tensor<?x4x?x64xf32>
  %keys = tensor.dim %k, %c2 : tensor<?x4x?x64xf32>
  %init = tensor.empty(%batch, %rows) : tensor<?x4x?x48xf32>
  %lse_init = tensor.empty(%batch, %rows) : tensor<?x4x?xf32>
  %max_init = tensor.empty(%batch, %rows) : tensor<?x4x?xf32>
  %r:3 = attn.generic ins(%q, %k, %v : tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>, tensor<?x4x?x48xf32>)
    normalizer_ins(%sink : tensor<4xf32>)
    captures(%rows, %keys : index, index)
    outs(out %init : tensor<?x4x?x48xf32>,
         lse %lse_init : tensor<?x4x?xf32>,
         max %max_init : tensor<?x4x?xf32>)
    maps [#q, #k, #v, #sink, #o, #row, #row] scale(1.250000e-01) normalizer(#attn.softmax_sink)
    mask {
    ^bb0(%n: index, %m: index):
      %i = attn.index 2
      %j = attn.index 3
      %end = arith.addi %i, %m : index
      %last = arith.subi %end, %n : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %r#0, %r#1, %r#2 : tensor<?x4x?x48xf32>, tensor<?x4x?xf32>, tensor<?x4x?xf32>
}
