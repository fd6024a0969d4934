// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=272, stage emit:
// wrong result: k_cache: FAILED: 8192 compared, 0 exempt, 64 beyond tolerance (64 NaN or Inf); worst ratio inf at [0, 0, 11, 0]: expected 1.00000002e+30, got inf, tolerance 4.88e+26
// out: ok: 0 compared, 256 exempt, 0 beyond tolerance (0 NaN or Inf); worst ratio 0
// RUN: attn-run %s --compare --shape=k_cache=2x2x128x16 --seed=7280 --fill=q=-1e30..1e30 --fill=k=1e30 --fill=at=11@0 --fill=at=103@1 --strides=guarded --worst-case
func.func @kernel(%q: tensor<2x2x4x16xbf16> {attn.name = "q"},
                  %k: tensor<2x2x1x16xf32> {attn.name = "k"},
                  %k_cache: tensor<2x2x?x16xf16> {attn.name = "k_cache"},
                  %at: tensor<2xi32> {attn.name = "at"})
    -> (tensor<2x2x?x16xf16>, tensor<2x2x4x16xbf16>) {
  %zero = arith.constant 0 : index
  %two = arith.constant 2 : index
  %batch = tensor.dim %q, %zero : tensor<2x2x4x16xbf16>
  %rows = tensor.dim %q, %two : tensor<2x2x4x16xbf16>
  %k_init = tensor.empty() : tensor<2x2x1x16xf16>
  %k_new = linalg.generic {indexing_maps = [affine_map<(b, h, n, d) -> (b, h, n, d)>, affine_map<(b, h, n, d) -> (b, h, n, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%k : tensor<2x2x1x16xf32>) outs(%k_init : tensor<2x2x1x16xf16>) {
  ^bb0(%wide: f32, %unused: f16):
    %narrow = arith.truncf %wide : f32 to f16
    linalg.yield %narrow : f16
  } -> tensor<2x2x1x16xf16>
  %k_all = attn.append_kv %k_new, %k_cache at(%at : tensor<2xi32>)
    : (tensor<2x2x1x16xf16>, tensor<2x2x?x16xf16>) -> tensor<2x2x?x16xf16>
  %init = tensor.empty() : tensor<2x2x4x16xbf16>
  %out = attn.generic ins(%q, %k_all, %k_all : tensor<2x2x4x16xbf16>, tensor<2x2x?x16xf16>, tensor<2x2x?x16xf16>)
    mask_ins(%at : tensor<2xi32>) outs(out %init : tensor<2x2x4x16xbf16>)
    maps [affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>, affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>, affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>, affine_map<(b, h, i, j, d, e) -> (b)>, affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>]
    scale(-5.000000e-01) normalizer(#attn.softmax) mask {
    ^bb0(%length: i32):
      %j = attn.index 3
      %first = arith.index_cast %length : i32 to index
      %more = arith.constant 1 : index
      %end = arith.addi %first, %more : index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1
    }
  return %k_all, %out : tensor<2x2x?x16xf16>, tensor<2x2x4x16xbf16>
}
