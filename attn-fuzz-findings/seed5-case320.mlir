// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=320, stage emit:
// refused: 'attn.generic' op expects region 'similarity' to take ('f32', 'f32', 'f16'), got ('f32', 'f32', 'f32')
// RUN: attn-run %s --compare --reference=%S/seed5-case320.reference.mlir --seed=2899 --strides=permuted
func.func @kernel(%q: tensor<2x17x16xf16> {attn.name = "q"},
                  %k: tensor<2x129x16xf16> {attn.name = "k"},
                  %v: tensor<2x129x7xf16> {attn.name = "v"},
                  %w: tensor<16xf16> {attn.name = "w"})
    -> (tensor<2x17x7xf16> {attn.name = "out"}) {
  %r = attn.additive %q, %k, %v weight(%w : tensor<16xf16>)
     : (tensor<2x17x16xf16>, tensor<2x129x16xf16>, tensor<2x129x7xf16>) -> tensor<2x17x7xf16>
  return %r : tensor<2x17x7xf16>
}
