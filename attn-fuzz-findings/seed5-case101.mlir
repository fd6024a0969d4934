// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Found by attn-fuzz --seed=5 --case=101, stage emit:
// wrong result: k_cache: FAILED: 1581 compared, 0 exempt, 867 beyond tolerance (867 NaN or Inf); worst ratio inf at [0, 0, 13, 0]: expected 1.00000002e+30, got inf, tolerance 4.88e+26
// out: ok: 0 compared, 51 exempt, 0 beyond tolerance (0 NaN or Inf); worst ratio 0
// RUN: attn-run %s --compare --shape=q=1x3x1x17 --shape=k=1x3x17x17 --shape=k_cache=1x3x31x17 --shape=at=1 --seed=4589 --fill=q=-1e30..1e30 --fill=k=1e30 --fill=at=13@0 --strides=padded --threads=7 --worst-case
func.func @kernel(%q: tensor<?x3x1x17xbf16> {attn.name = "q"},
                  %k: tensor<?x3x17x17xf32> {attn.name = "k"},
                  %k_cache: tensor<?x3x?x17xf16> {attn.name = "k_cache"},
                  %at: tensor<?xi32> {attn.name = "at"})
    -> (tensor<?x3x1x17xbf16>, tensor<?x3x?x17xf16>) {
  %zero = arith.constant 0 : index
  %two = arith.constant 2 : index
  %batch = tensor.dim %q, %zero : tensor<?x3x1x17xbf16>
  %rows = tensor.dim %q, %two : tensor<?x3x1x17xbf16>
  %k_init = tensor.empty(%batch) : tensor<?x3x17x17xf16>
  %k_new = linalg.generic {indexing_maps = [affine_map<(b, h, n, d) -> (b, h, n, d)>, affine_map<(b, h, n, d) -> (b, h, n, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%k : tensor<?x3x17x17xf32>) outs(%k_init : tensor<?x3x17x17xf16>) {
  ^bb0(%wide: f32, %unused: f16):
    %narrow = arith.truncf %wide : f32 to f16
    linalg.yield %narrow : f16
  } -> tensor<?x3x17x17xf16>
  %k_all = attn.append_kv %k_new, %k_cache at(%at : tensor<?xi32>)
    : (tensor<?x3x17x17xf16>, tensor<?x3x?x17xf16>) -> tensor<?x3x?x17xf16>
  %init = tensor.empty(%batch) : tensor<?x3x1x17xbf16>
  %out = attn.generic ins(%q, %k_all, %k_all : tensor<?x3x1x17xbf16>, tensor<?x3x?x17xf16>, tensor<?x3x?x17xf16>)
    mask_ins(%at : tensor<?xi32>) outs(out %init : tensor<?x3x1x17xbf16>)
    maps [affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>, affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>, affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>, affine_map<(b, h, i, j, d, e) -> (b)>, affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>]
    scale(-5.000000e-01) normalizer(#attn.softmax) mask {
    ^bb0(%length: i32):
      %j = attn.index 3
      %first = arith.index_cast %length : i32 to index
      %more = arith.constant 17 : index
      %end = arith.addi %first, %more : index
      %keep = arith.cmpi slt, %j, %end : index
      attn.yield %keep : i1
    }
  return %out, %k_all : tensor<?x3x1x17xbf16>, tensor<?x3x?x17xf16>
}
