// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=463, stage emit:
// a call with another size for dimension 1 of 'y' returns status 0, expected 4
// RUN: attn-run %s --compare --reference=%S/seed5-case463.reference.mlir --shape=x=2x63x8 --shape=y=2x16x1 --seed=1031
func.func @kernel(%x: tensor<?x?x8xbf16> {attn.name = "x"},
                  %y: tensor<?x?x1xbf16> {attn.name = "y"},
                  %wq: tensor<51x8xbf16> {attn.name = "wq"},
                  %wk: tensor<17x1xbf16> {attn.name = "wk"},
                  %wv: tensor<8x1xbf16> {attn.name = "wv"},
                  %wo: tensor<65x24xbf16> {attn.name = "wo"})
    -> (tensor<?x?x65xbf16> {attn.name = "out"}) {
  %r = attn.multi_head %x memory(%y : tensor<?x?x1xbf16>) weights(%wq, %wk, %wv : tensor<51x8xbf16>, tensor<17x1xbf16>, tensor<8x1xbf16>)
    out(%wo : tensor<65x24xbf16>) transposed heads(3, 1) causal(top_left)
    : (tensor<?x?x8xbf16>) -> tensor<?x?x65xbf16>
  return %r : tensor<?x?x65xbf16>
}
