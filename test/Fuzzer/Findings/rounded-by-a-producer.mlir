// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 31, case 208: K is made of integers and rounded to bf16. The reference took that rounding for exact, and judged the
// maximum, an f32, by a thousandth of what bf16 may do to it.
// RUN: attn-run %s --compare --shape=k=1x17 --shape=v=1x17 --shape=factor3=1 --shape=doc5=1 --seed=3229 --fill=k=-127..127 --fill=doc4=0..9@: --strides=permuted
func.func @kernel(%q: tensor<33x17xbf16> {attn.name = "q"},
                  %k: tensor<?x17xi8> {attn.name = "k"},
                  %v: tensor<?x17xbf16> {attn.name = "v"},
                  %factor3: tensor<?xf32> {attn.name = "factor3"},
                  %doc4: tensor<33xi64> {attn.name = "doc4"},
                  %doc5: tensor<?xi64> {attn.name = "doc5"})
    -> (tensor<33x17xbf16> {attn.name = "out"}, tensor<33xf32> {attn.name = "max"}, tensor<33x?xf32> {attn.name = "weights"}) {
  %made_k_at0 = arith.constant 0 : index
  %made_k_size0 = tensor.dim %k, %made_k_at0 : tensor<?x17xi8>
  %made_k_init = tensor.empty(%made_k_size0) : tensor<?x17xbf16>
  %made_k = linalg.generic {indexing_maps = [affine_map<(j, d) -> (j, d)>, affine_map<(j, d) -> (j)>, affine_map<(j, d) -> (j, d)>], iterator_types = ["parallel", "parallel"]}
    ins(%k, %factor3 : tensor<?x17xi8>, tensor<?xf32>) outs(%made_k_init : tensor<?x17xbf16>) {
  ^bb0(%stored: i8, %factor: f32, %unused: bf16):
    %y0 = arith.sitofp %stored : i8 to f32
    %y1 = arith.constant 7.812500e-03 : f32
    %y2 = arith.mulf %y0, %y1 : f32
    %y3 = arith.mulf %y2, %factor : f32
    %y4 = arith.truncf %y3 : f32 to bf16
    linalg.yield %y4 : bf16
  } -> tensor<?x17xbf16>
  %dim_j = arith.constant 0 : index
  %size_j = tensor.dim %made_k, %dim_j : tensor<?x17xbf16>
  %init0 = tensor.empty() : tensor<33x17xbf16>
  %init1 = tensor.empty() : tensor<33xf32>
  %init2 = tensor.empty(%size_j) : tensor<33x?xf32>
  %r:3 = attn.generic ins(%q, %made_k, %v : tensor<33x17xbf16>, tensor<?x17xbf16>, tensor<?x17xbf16>)
    mask_ins(%doc4, %doc5 : tensor<33xi64>, tensor<?xi64>)
    outs(out %init0 : tensor<33x17xbf16>, max %init1 : tensor<33xf32>, weights %init2 : tensor<33x?xf32>)
    maps [affine_map<(i, j, e, d) -> (i, d)>,
          affine_map<(i, j, e, d) -> (j, d)>,
          affine_map<(i, j, e, d) -> (j, e)>,
          affine_map<(i, j, e, d) -> (i)>,
          affine_map<(i, j, e, d) -> (j)>,
          affine_map<(i, j, e, d) -> (i, e)>,
          affine_map<(i, j, e, d) -> (i)>,
          affine_map<(i, j, e, d) -> (i, j)>]
    scale(2.500000e-01) normalizer(#attn.softmax)
    mask {
    ^bb0(%x_doc4: i64, %x_doc5: i64):
      %m0 = arith.cmpi eq, %x_doc4, %x_doc5 : i64
      %m1 = attn.index 0
      %m2 = attn.index 1
      %m3 = arith.constant 5 : index
      %m4 = arith.divui %m1, %m3 : index
      %m5 = arith.divui %m2, %m3 : index
      %m6 = arith.subi %m4, %m5 : index
      %m7 = math.absi %m6 : index
      %m8 = arith.constant 2 : index
      %m9 = arith.cmpi sle, %m7, %m8 : index
      %m10 = arith.remui %m1, %m3 : index
      %m11 = arith.remui %m2, %m3 : index
      %m12 = arith.subi %m10, %m11 : index
      %m13 = math.absi %m12 : index
      %m14 = arith.constant 2 : index
      %m15 = arith.cmpi sle, %m13, %m14 : index
      %m16 = arith.andi %m9, %m15 : i1
      %m17 = arith.andi %m0, %m16 : i1
      attn.yield %m17 : i1
    }
  return %r#0, %r#1, %r#2 : tensor<33x17xbf16>, tensor<33xf32>, tensor<33x?xf32>
}
