// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 33, case 377: a weight of 1.65e-38, a little above the smallest normal number. exp2 may return 0 below 2^-125, as
// docs/Numerics.md said, but the budget allowed for 2^-126.
// RUN: attn-run %s --compare --shape=q=70x3x2x1 --shape=k=2x3x48x1 --shape=v=3x48x2x1 --seed=4451 --fill=q=-100..100 --fill=k=-100..100 --strides=guarded
func.func @kernel(%q: tensor<?x?x?x1xf32> {attn.name = "q"},
                  %k: tensor<?x?x?x1xf16> {attn.name = "k"},
                  %v: tensor<?x?x?x1xf16> {attn.name = "v"})
    -> (tensor<?x?x?x1xf32> {attn.name = "out"}, tensor<?x?x?x?xf32> {attn.name = "weights"}) {
  %dim_b = arith.constant 2 : index
  %size_b = tensor.dim %q, %dim_b : tensor<?x?x?x1xf32>
  %dim_h = arith.constant 1 : index
  %size_h = tensor.dim %q, %dim_h : tensor<?x?x?x1xf32>
  %dim_i = arith.constant 0 : index
  %size_i = tensor.dim %q, %dim_i : tensor<?x?x?x1xf32>
  %dim_j = arith.constant 2 : index
  %size_j = tensor.dim %k, %dim_j : tensor<?x?x?x1xf16>
  %init0 = tensor.empty(%size_b, %size_h, %size_i) : tensor<?x?x?x1xf32>
  %init1 = tensor.empty(%size_b, %size_h, %size_i, %size_j) : tensor<?x?x?x?xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<?x?x?x1xf32>, tensor<?x?x?x1xf16>, tensor<?x?x?x1xf16>)
    outs(out %init0 : tensor<?x?x?x1xf32>, weights %init1 : tensor<?x?x?x?xf32>)
    maps [affine_map<(b, h, i, j, d, e) -> (i, h, b, d)>,
          affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>,
          affine_map<(b, h, i, j, d, e) -> (h, j, b, e)>,
          affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>,
          affine_map<(b, h, i, j, d, e) -> (b, h, i, j)>]
    scale(1.250000e+00) normalizer(#attn.softmax)
  return %r#0, %r#1 : tensor<?x?x?x1xf32>, tensor<?x?x?x?xf32>
}
