// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=240, stage emit:
// refused: 'attn.generic' op expects the map of 'mask operand 0' to be a projected permutation without symbols, got affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d2)>
// RUN: attn-run %s --compare --reference=%S/seed5-case240.reference.mlir --shape=q=1x0x7 --shape=k=1x513x7 --shape=v=1x513x32 --shape=m=1x1x513 --seed=3006 --fill=k=nan@0:,:,2 --fill=k=-inf@0,121,4 --strides=padded
func.func @kernel(%q: tensor<?x?x7xf16> {attn.name = "q"},
                  %k: tensor<?x?x7xf16> {attn.name = "k"},
                  %v: tensor<?x?x32xf16> {attn.name = "v"},
                  %w: tensor<7xf16> {attn.name = "w"},
                  %m: tensor<?x1x?xi1> {attn.name = "m"})
    -> (tensor<?x?x32xf16> {attn.name = "out"}, tensor<?x?xf32> {attn.name = "lse"}, tensor<?x?x?xf32> {attn.name = "weights"}) {
  %r:3 = attn.additive %q, %k, %v weight(%w : tensor<7xf16>) mask(%m : tensor<?x1x?xi1>) returns(out, lse, weights)
     : (tensor<?x?x7xf16>, tensor<?x?x7xf16>, tensor<?x?x32xf16>) -> tensor<?x?x32xf16>, tensor<?x?xf32>, tensor<?x?x?xf32>
  return %r#0, %r#1, %r#2 : tensor<?x?x32xf16>, tensor<?x?xf32>, tensor<?x?x?xf32>
}
