// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=800, stage emit:
// refused: 'attn.generic' op expects the map of 'mask operand 0' to be a projected permutation without symbols, got affine_map<(d0, d1, d2, d3, d4) -> (d0, 0, d2)>
// RUN: attn-run %s --compare --reference=%S/seed5-case800.reference.mlir --shape=q=2x64x32 --shape=k=2x17x32 --shape=v=2x17x16 --shape=m=2x1x17 --seed=2631 --fill=w=0@28 --strides=permuted --threads=2
func.func @kernel(%q: tensor<?x64x32xf16> {attn.name = "q"},
                  %k: tensor<?x?x32xf16> {attn.name = "k"},
                  %v: tensor<?x?x16xf16> {attn.name = "v"},
                  %w: tensor<32xf16> {attn.name = "w"},
                  %m: tensor<?x1x?xi1> {attn.name = "m"})
    -> (tensor<?x64x16xf16> {attn.name = "out"}, tensor<?x64xf32> {attn.name = "lse"}) {
  %r:2 = attn.additive %q, %k, %v weight(%w : tensor<32xf16>) mask(%m : tensor<?x1x?xi1>) returns(out, lse)
     : (tensor<?x64x32xf16>, tensor<?x?x32xf16>, tensor<?x?x16xf16>) -> tensor<?x64x16xf16>, tensor<?x64xf32>
  return %r#0, %r#1 : tensor<?x64x16xf16>, tensor<?x64xf32>
}
