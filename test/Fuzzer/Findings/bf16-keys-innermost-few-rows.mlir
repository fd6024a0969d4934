// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 12, case 8352: two rows and a K of [D, M] in bf16. Pairs lie along D, and where D is not innermost a last tile of
// fewer keys than lanes was refused in the words of a pass. The plan now takes the products in f32.
// RUN: attn-run %s --compare --shape=k=16x201 --shape=v=201x16
// RUN: attn-run %s --compare --shape=k=16x3 --shape=v=3x16 --strides=guarded
// RUN: attn-compile %s --cpu=znver4 --explain=plan | FileCheck %s
// CHECK: precision{{.*}}accumulator{{.*}}D is not innermost in K, whose rows hold no pairs then
func.func @kernel(%q: tensor<2x16xbf16> {attn.name = "q"}, %k: tensor<16x?xbf16> {attn.name = "k"},
                  %v: tensor<?x16xbf16> {attn.name = "v"}) -> (tensor<2x16xbf16> {attn.name = "out"}) {
  %init = tensor.empty() : tensor<2x16xbf16>
  %r = attn.generic ins(%q, %k, %v : tensor<2x16xbf16>, tensor<16x?xbf16>, tensor<?x16xbf16>)
    outs(out %init : tensor<2x16xbf16>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (d, j)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>]
    scale(1.0) normalizer(#attn.softmax)
  return %r : tensor<2x16xbf16>
}
