// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 32, case 275: V is made of integers with a factor for each key. A call whose factors were fewer than its keys was
// taken, and read beyond them: only the operands of attention had their sizes compared.
// RUN: attn-run %s --compare --shape=q=2x25x3x2x33 --shape=k=35x2x2x33 --shape=v=2x2x35x5 --shape=factor3=35 --shape=length4=2x2 --seed=8689 --fill=v=0 --fill=factor3=-2..2@: --fill=length4=0..250 --strides=guarded --threads=7
// RUN: attn-fuzz %s | FileCheck %s
// CHECK: 1 cases executed on 1 kernels, 2 calls with mistakes refused
func.func @kernel(%q: tensor<?x?x3x2x33xf32> {attn.name = "q"},
                  %k: tensor<?x?x2x33xf32> {attn.name = "k"},
                  %v: tensor<?x2x?x5xi8> {attn.name = "v"},
                  %factor3: tensor<?xf32> {attn.name = "factor3"},
                  %length4: tensor<2x?xi32> {attn.name = "length4"})
    -> (tensor<?x2x3x?x5xf32> {attn.name = "out"}, tensor<?x2x3x?x?xf32> {attn.name = "weights"}) {
  %made_v_at0 = arith.constant 0 : index
  %made_v_size0 = tensor.dim %v, %made_v_at0 : tensor<?x2x?x5xi8>
  %made_v_at2 = arith.constant 2 : index
  %made_v_size2 = tensor.dim %v, %made_v_at2 : tensor<?x2x?x5xi8>
  %made_v_init = tensor.empty(%made_v_size0, %made_v_size2) : tensor<?x2x?x5xf32>
  %made_v = linalg.generic {indexing_maps = [affine_map<(b, h, j, e) -> (b, h, j, e)>, affine_map<(b, h, j, e) -> (j)>, affine_map<(b, h, j, e) -> (b, h, j, e)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%v, %factor3 : tensor<?x2x?x5xi8>, tensor<?xf32>) outs(%made_v_init : tensor<?x2x?x5xf32>) {
  ^bb0(%stored: i8, %factor: f32, %unused: f32):
    %y0 = arith.sitofp %stored : i8 to f32
    %y1 = arith.constant 7.812500e-03 : f32
    %y2 = arith.mulf %y0, %y1 : f32
    %y3 = arith.mulf %y2, %factor : f32
    linalg.yield %y3 : f32
  } -> tensor<?x2x?x5xf32>
  %dim_b = arith.constant 0 : index
  %size_b = tensor.dim %q, %dim_b : tensor<?x?x3x2x33xf32>
  %dim_i = arith.constant 1 : index
  %size_i = tensor.dim %q, %dim_i : tensor<?x?x3x2x33xf32>
  %dim_j = arith.constant 0 : index
  %size_j = tensor.dim %k, %dim_j : tensor<?x?x2x33xf32>
  %init0 = tensor.empty(%size_b, %size_i) : tensor<?x2x3x?x5xf32>
  %init1 = tensor.empty(%size_b, %size_i, %size_j) : tensor<?x2x3x?x?xf32>
  %r:2 = attn.generic ins(%q, %k, %made_v : tensor<?x?x3x2x33xf32>, tensor<?x?x2x33xf32>, tensor<?x2x?x5xf32>)
    mask_ins(%length4 : tensor<2x?xi32>)
    outs(out %init0 : tensor<?x2x3x?x5xf32>, weights %init1 : tensor<?x2x3x?x?xf32>)
    maps [affine_map<(j, i, e, d, b, h, g) -> (b, i, g, h, d)>,
          affine_map<(j, i, e, d, b, h, g) -> (j, b, h, d)>,
          affine_map<(j, i, e, d, b, h, g) -> (b, h, j, e)>,
          affine_map<(j, i, e, d, b, h, g) -> (h, b)>,
          affine_map<(j, i, e, d, b, h, g) -> (b, h, g, i, e)>,
          affine_map<(j, i, e, d, b, h, g) -> (b, h, g, i, j)>]
    scale(1.250000e+00) normalizer(#attn.softmax)
    mask {
    ^bb0(%x_length4: i32):
      %m0 = arith.index_cast %x_length4 : i32 to index
      %m1 = attn.index 0
      %m2 = arith.cmpi slt, %m1, %m0 : index
      %m3 = attn.index 6
      %m4 = attn.index 0
      %m5 = attn.index 0
      %m6 = arith.subi %m4, %m5 : index
      %m7 = arith.constant 2 : index
      %m8 = arith.remsi %m6, %m7 : index
      %m9 = arith.cmpi ne, %m3, %m8 : index
      %m10 = arith.xori %m2, %m9 : i1
      attn.yield %m10 : i1
    }
  return %r#0, %r#1 : tensor<?x2x3x?x5xf32>, tensor<?x2x3x?x?xf32>
}
