// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 2, case 1632: a K of [D, M], whose copy into pairs was allocated without the size of its last key tile.
// RUN: attn-run %s --compare --shape=q=70x16 --shape=k=16x201 --shape=v=201x16
// RUN: attn-run %s --compare --shape=q=1x16 --shape=k=16x3 --shape=v=3x16 --strides=guarded
func.func @kernel(%q: tensor<?x16xbf16> {attn.name = "q"}, %k: tensor<16x?xbf16> {attn.name = "k"},
                  %v: tensor<?x16xbf16> {attn.name = "v"}) -> (tensor<?x16xbf16> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : tensor<?x16xbf16>
  %init = tensor.empty(%n) : tensor<?x16xbf16>
  %r = attn.generic ins(%q, %k, %v : tensor<?x16xbf16>, tensor<16x?xbf16>, tensor<?x16xbf16>)
    outs(out %init : tensor<?x16xbf16>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (d, j)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>]
    scale(1.0) normalizer(#attn.softmax)
  return %r : tensor<?x16xbf16>
}
