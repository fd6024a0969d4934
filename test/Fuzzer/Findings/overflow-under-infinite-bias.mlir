// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 2, cases 166, 267 and 1718: scores beyond the range of f32 are +inf in the kernel, and a bias of -inf makes NaN of
// them where the reference has no key left. docs/Numerics.md exempts that, and nothing else of the call.
// RUN: attn-run %s --compare --fill=q=-1e30..1e30@0,1 --fill=k=1e30 --fill=bias=-inf@1 --worst-case | FileCheck %s
// CHECK: out: ok: 80 compared, 80 exempt
// RUN: attn-run %s --compare --fill=bias=-inf@1 --worst-case | FileCheck %s --check-prefix=IN-RANGE
// IN-RANGE: out: ok: 160 compared, 0 exempt
func.func @kernel(%q: tensor<1x2x20x4xf32> {attn.name = "q"}, %k: tensor<1x1x3x4xf32> {attn.name = "k"},
                  %v: tensor<1x1x3x4xf32> {attn.name = "v"}, %bias: tensor<2x1x3xf32> {attn.name = "bias"})
    -> (tensor<1x2x20x4xf32> {attn.name = "out"}) {
  %r = attn.sdpa %q, %k, %v bias(%bias : tensor<2x1x3xf32>)
     : (tensor<1x2x20x4xf32>, tensor<1x1x3x4xf32>, tensor<1x1x3x4xf32>) -> tensor<1x2x20x4xf32>
  return %r : tensor<1x2x20x4xf32>
}
