// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 2, cases 1888 and 2176: Q, K and V in one tensor of one batch. Of two dimensions of size 1 the wrong one was
// dropped from the view, and the compiler crashed.
// RUN: attn-run %s --compare --shape=qkv=1x70x3x2x16
// RUN: attn-run %s --compare --shape=qkv=1x3x3x2x16 --strides=padded
func.func @kernel(%qkv: tensor<1x?x3x2x16xf32> {attn.name = "qkv"}) -> (tensor<1x?x2x16xf32> {attn.name = "out"}) {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %qkv, %c1 : tensor<1x?x3x2x16xf32>
  %q = tensor.extract_slice %qkv[0, 0, 0, 0, 0] [1, %n, 1, 2, 16] [1, 1, 1, 1, 1]
     : tensor<1x?x3x2x16xf32> to tensor<1x?x2x16xf32>
  %k = tensor.extract_slice %qkv[0, 0, 1, 0, 0] [1, %n, 1, 2, 16] [1, 1, 1, 1, 1]
     : tensor<1x?x3x2x16xf32> to tensor<1x?x2x16xf32>
  %v = tensor.extract_slice %qkv[0, 0, 2, 0, 0] [1, %n, 1, 2, 16] [1, 1, 1, 1, 1]
     : tensor<1x?x3x2x16xf32> to tensor<1x?x2x16xf32>
  %r = attn.sdpa %q, %k, %v layout(bnhd)
     : (tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>, tensor<1x?x2x16xf32>) -> tensor<1x?x2x16xf32>
  return %r : tensor<1x?x2x16xf32>
}
