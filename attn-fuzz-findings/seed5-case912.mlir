// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=912, stage emit:
// refused: 'attn.generic' op expects region 'similarity' to take ('f32', 'f32', 'f16'), got ('f32', 'f32', 'f32')
// RUN: attn-run %s --compare --reference=%S/seed5-case912.reference.mlir --shape=q=2x70x32 --shape=k=2x16x32 --shape=v=2x16x50 --seed=7506 --fill=q=0 --fill=w=1@: --strides=padded --worst-case
func.func @kernel(%q: tensor<?x70x32xf16> {attn.name = "q"},
                  %k: tensor<?x?x32xf16> {attn.name = "k"},
                  %v: tensor<?x?x50xf16> {attn.name = "v"},
                  %w: tensor<32xf16> {attn.name = "w"})
    -> (tensor<?x70x50xf16> {attn.name = "out"}, tensor<?x70xf32> {attn.name = "lse"}) {
  %r:2 = attn.additive %q, %k, %v weight(%w : tensor<32xf16>) returns(out, lse)
     : (tensor<?x70x32xf16>, tensor<?x?x32xf16>, tensor<?x?x50xf16>) -> tensor<?x70x50xf16>, tensor<?x70xf32>
  return %r#0, %r#1 : tensor<?x70x50xf16>, tensor<?x70xf32>
}
