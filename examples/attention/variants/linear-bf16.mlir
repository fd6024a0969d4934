// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Linear attention without feature map, bf16 storage, causal: O_i = sum_{j kept} (scale q_i . k_j) v_j.
// Row i of N keeps the keys up to i + M - N of M.
// Source: Katharopoulos et al. 2020.
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>

func.func @linear_bf16(%q: tensor<?x4x?x64xbf16> {attn.name = "q"}, %k: tensor<?x4x?x64xbf16> {attn.name = "k"},
    %v: tensor<?x4x?x48xbf16> {attn.name = "v"})
    -> (tensor<?x4x?x48xbf16> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %batch = tensor.dim %q, %c0 : tensor<?x4x?x64xbf16>
  %rows = tensor.dim %q, %c2 : tensor<?x4x?x64xbf16>
  %keys = tensor.dim %k, %c2 : tensor<?x4x?x64xbf16>
  %init = tensor.empty(%batch, %rows) : tensor<?x4x?x48xbf16>
  %r = attn.generic ins(%q, %k, %v : tensor<?x4x?x64xbf16>, tensor<?x4x?x64xbf16>, tensor<?x4x?x48xbf16>)
    captures(%rows, %keys : index, index)
    outs(out %init : tensor<?x4x?x48xbf16>)
    maps [#q, #k, #v, #o] scale(1.250000e-01) normalizer(#attn.identity)
    mask {
    ^bb0(%n: index, %m: index):
      %i = attn.index 2
      %j = attn.index 3
      %end = arith.addi %i, %m : index
      %last = arith.subi %end, %n : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %r : tensor<?x4x?x48xbf16>
}
