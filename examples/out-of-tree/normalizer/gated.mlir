// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Causal attention of the gated attention unit: O_i = sum_{j <= i + M - N} max(scale q_i . k_j, 0)^2 v_j. One head, as
// there: Q [B,N,D], K [B,M,D], V [B,M,Dv].
// Source: Hua et al. 2022.
#q = affine_map<(b, i, j, d, e) -> (b, i, d)>
#k = affine_map<(b, i, j, d, e) -> (b, j, d)>
#v = affine_map<(b, i, j, d, e) -> (b, j, e)>
#o = affine_map<(b, i, j, d, e) -> (b, i, e)>
#weights = affine_map<(b, i, j, d, e) -> (b, i, j)>


func.func @gated(%q: tensor<?x?x32xf32> {attn.name = "q"}, %k: tensor<?x?x32xf32> {attn.name = "k"},
                 %v: tensor<?x?x48xf32> {attn.name = "v"}) -> (tensor<?x?x48xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %batch = tensor.dim %q, %c0 : tensor<?x?x32xf32>
  %rows = tensor.dim %q, %c1 : tensor<?x?x32xf32>
  %keys = tensor.dim %k, %c1 : tensor<?x?x32xf32>
  %init = tensor.empty(%batch, %rows) : tensor<?x?x48xf32>
  %out = attn.generic ins(%q, %k, %v : tensor<?x?x32xf32>, tensor<?x?x32xf32>, tensor<?x?x48xf32>)
    captures(%rows, %keys : index, index)
    outs(out %init : tensor<?x?x48xf32>)
    maps [#q, #k, #v, #o] scale(2.500000e-01) normalizer(#gau.relu_squared)
    mask {
    ^bb0(%n: index, %m: index):
      %i = attn.index 1
      %j = attn.index 2
      %end = arith.addi %i, %m : index
      %last = arith.subi %end, %n : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %out : tensor<?x?x48xf32>
}

// The same in bf16, with the weights [B,N,M] as a second result and without a mask.
func.func @gated_bf16(%q: tensor<?x?x32xbf16> {attn.name = "q"}, %k: tensor<?x?x32xbf16> {attn.name = "k"},
                      %v: tensor<?x?x48xbf16> {attn.name = "v"})
    -> (tensor<?x?x48xbf16> {attn.name = "out"}, tensor<?x?x?xf32> {attn.name = "weights"}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %batch = tensor.dim %q, %c0 : tensor<?x?x32xbf16>
  %rows = tensor.dim %q, %c1 : tensor<?x?x32xbf16>
  %keys = tensor.dim %k, %c1 : tensor<?x?x32xbf16>
  %init = tensor.empty(%batch, %rows) : tensor<?x?x48xbf16>
  %weights_init = tensor.empty(%batch, %rows, %keys) : tensor<?x?x?xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<?x?x32xbf16>, tensor<?x?x32xbf16>, tensor<?x?x48xbf16>)
    outs(out %init : tensor<?x?x48xbf16>, weights %weights_init : tensor<?x?x?xf32>)
    maps [#q, #k, #v, #o, #weights] scale(2.500000e-01) normalizer(#gau.relu_squared)
  return %r#0, %r#1 : tensor<?x?x48xbf16>, tensor<?x?x?xf32>
}
