// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=944, stage emit:
// refused: 'attn.generic' op expects the map of 'mask operand 0' to have one result per dimension of 'tensor<?x1x33xi1>', got 2
// RUN: attn-run %s --compare --reference=%S/seed5-case944.reference.mlir --shape=q=1x1x4 --shape=k=1x33x4 --shape=v=1x33x16 --shape=m=1x1x33 --seed=8361 --fill=k=-inf@:,:,: --strides=padded
func.func @kernel(%q: tensor<?x1x4xbf16> {attn.name = "q"},
                  %k: tensor<?x33x4xbf16> {attn.name = "k"},
                  %v: tensor<?x33x16xbf16> {attn.name = "v"},
                  %w: tensor<4xbf16> {attn.name = "w"},
                  %m: tensor<?x1x33xi1> {attn.name = "m"})
    -> (tensor<?x1x16xbf16> {attn.name = "out"}) {
  %r = attn.additive %q, %k, %v weight(%w : tensor<4xbf16>) mask(%m : tensor<?x1x33xi1>)
     : (tensor<?x1x4xbf16>, tensor<?x33x4xbf16>, tensor<?x33x16xbf16>) -> tensor<?x1x16xbf16>
  return %r : tensor<?x1x16xbf16>
}
