// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What softmax attention knows of each row, in one pass over the keys: lse = ln sum_j exp(s_j), max = max_j s_j and
// entropy = -sum_j w_j ln w_j, which tells how spread the attention is. Row i of N keeps the keys up to i + M - N of M.
// Source: Vaswani et al. 2017; one pass: Milakov & Gimelshein 2018, alg. 3.
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>
#row = affine_map<(b, h, i, j, d, e) -> (b, h, i)>

func.func @row_statistics(%q: tensor<?x4x?x64xf32> {attn.name = "q"}, %k: tensor<?x4x?x64xf32> {attn.name = "k"},
    %v: tensor<?x4x?x48xf32> {attn.name = "v"})
    -> (tensor<?x4x?x48xf32> {attn.name = "out"}, tensor<?x4x?xf32> {attn.name = "lse"}, tensor<?x4x?xf32> {attn.name = "max"}, tensor<?x4x?xf32> {attn.name = "entropy"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %batch = tensor.dim %q, %c0 : tensor<?x4x?x64xf32>
  %rows = tensor.dim %q, %c2 : tensor<?x4x?x64xf32>
  %keys = tensor.dim %k, %c2 : tensor<?x4x?x64xf32>
  %init = tensor.empty(%batch, %rows) : tensor<?x4x?x48xf32>
  %lse_init = tensor.empty(%batch, %rows) : tensor<?x4x?xf32>
  %max_init = tensor.empty(%batch, %rows) : tensor<?x4x?xf32>
  %entropy_init = tensor.empty(%batch, %rows) : tensor<?x4x?xf32>
  %r:4 = attn.generic ins(%q, %k, %v : tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>, tensor<?x4x?x48xf32>)
    captures(%rows, %keys : index, index)
    outs(out %init : tensor<?x4x?x48xf32>,
         lse %lse_init : tensor<?x4x?xf32>,
         max %max_init : tensor<?x4x?xf32>,
         entropy %entropy_init : tensor<?x4x?xf32>)
    maps [#q, #k, #v, #o, #row, #row, #row] scale(1.250000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%n: index, %m: index):
      %i = attn.index 2
      %j = attn.index 3
      %end = arith.addi %i, %m : index
      %last = arith.subi %end, %n : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %r#0, %r#1, %r#2, %r#3 : tensor<?x4x?x48xf32>, tensor<?x4x?xf32>, tensor<?x4x?xf32>, tensor<?x4x?xf32>
}
