// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=112, stage emit:
// refused: 'attn.generic' op expects the map of 'mask operand 0' to be a projected permutation without symbols, got affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d2)>
// RUN: attn-run %s --compare --reference=%S/seed5-case112.reference.mlir --shape=q=2x65x50 --shape=k=2x0x50 --shape=v=2x0x4 --shape=m=2x1x0 --seed=6339 --fill=m=1@:,0:,: --strides=broadcast --worst-case
func.func @kernel(%q: tensor<2x?x50xf32> {attn.name = "q"},
                  %k: tensor<2x?x50xf32> {attn.name = "k"},
                  %v: tensor<2x?x4xf32> {attn.name = "v"},
                  %w: tensor<50xf32> {attn.name = "w"},
                  %m: tensor<2x1x?xi1> {attn.name = "m"})
    -> (tensor<2x?x4xf32> {attn.name = "out"}, tensor<2x?xf32> {attn.name = "lse"}) {
  %r:2 = attn.additive %q, %k, %v weight(%w : tensor<50xf32>) mask(%m : tensor<2x1x?xi1>) returns(out, lse)
     : (tensor<2x?x50xf32>, tensor<2x?x50xf32>, tensor<2x?x4xf32>) -> tensor<2x?x4xf32>, tensor<2x?xf32>
  return %r#0, %r#1 : tensor<2x?x4xf32>, tensor<2x?xf32>
}
