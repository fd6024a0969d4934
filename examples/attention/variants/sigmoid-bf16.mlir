// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sigmoid attention, bf16 storage: w_j = 1 / (1 + exp(-s_j)).
// Source: Ramapuram et al. 2024.
#q = affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>
#k = affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>
#v = affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>
#o = affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>

func.func @sigmoid_bf16(%q: tensor<?x4x?x64xbf16> {attn.name = "q"}, %k: tensor<?x4x?x64xbf16> {attn.name = "k"},
    %v: tensor<?x4x?x48xbf16> {attn.name = "v"})
    -> (tensor<?x4x?x48xbf16> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %batch = tensor.dim %q, %c0 : tensor<?x4x?x64xbf16>
  %rows = tensor.dim %q, %c2 : tensor<?x4x?x64xbf16>
  %init = tensor.empty(%batch, %rows) : tensor<?x4x?x48xbf16>
  %r = attn.generic ins(%q, %k, %v : tensor<?x4x?x64xbf16>, tensor<?x4x?x64xbf16>, tensor<?x4x?x48xbf16>)
    outs(out %init : tensor<?x4x?x48xbf16>)
    maps [#q, #k, #v, #o] scale(1.250000e-01) normalizer(#attn.sigmoid)
  return %r : tensor<?x4x?x48xbf16>
}
