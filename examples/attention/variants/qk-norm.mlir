// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// QK-norm: rows of Q and K are divided by their root mean square and multiplied by learned gains before the product. The
// inverse roots, one number a row, are computed once, where the rows are made; the gains are applied tile by tile.
// Shapes: q [B, 4, N, 64], k and v [B, 4, M, 64], q_rms [B, 4, N], k_rms [B, 4, M], q_gain and k_gain [64].
// Source: Henry et al. 2020; with RMSNorm as in Team Gemma 2025 (Gemma 3), sec. 2.
#all = affine_map<(b, h, i, d) -> (b, h, i, d)>
#row = affine_map<(b, h, i, d) -> (b, h, i)>
#gain = affine_map<(b, h, i, d) -> (d)>

func.func @qk_norm(%q: tensor<?x4x?x64xbf16> {attn.name = "q"}, %k: tensor<?x4x?x64xbf16> {attn.name = "k"},
    %v: tensor<?x4x?x64xf32> {attn.name = "v"}, %q_rms: tensor<?x4x?xf32> {attn.name = "q_rms"},
    %k_rms: tensor<?x4x?xf32> {attn.name = "k_rms"}, %q_gain: tensor<64xf32> {attn.name = "q_gain"},
    %k_gain: tensor<64xf32> {attn.name = "k_gain"}) -> (tensor<?x4x?x64xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %batch = tensor.dim %q, %c0 : tensor<?x4x?x64xbf16>
  %rows = tensor.dim %q, %c2 : tensor<?x4x?x64xbf16>
  %keys = tensor.dim %k, %c2 : tensor<?x4x?x64xbf16>
  %q_init = tensor.empty(%batch, %rows) : tensor<?x4x?x64xf32>
  %k_init = tensor.empty(%batch, %keys) : tensor<?x4x?x64xf32>
  %q_normed = linalg.generic {indexing_maps = [#all, #row, #gain, #all],
                              iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%q, %q_rms, %q_gain : tensor<?x4x?x64xbf16>, tensor<?x4x?xf32>, tensor<64xf32>)
    outs(%q_init : tensor<?x4x?x64xf32>) {
  ^bb0(%x: bf16, %inverse: f32, %gain: f32, %unused: f32):
    %wide = arith.extf %x : bf16 to f32
    %normed = arith.mulf %wide, %inverse : f32
    %result = arith.mulf %normed, %gain : f32
    linalg.yield %result : f32
  } -> tensor<?x4x?x64xf32>
  %k_normed = linalg.generic {indexing_maps = [#all, #row, #gain, #all],
                              iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%k, %k_rms, %k_gain : tensor<?x4x?x64xbf16>, tensor<?x4x?xf32>, tensor<64xf32>)
    outs(%k_init : tensor<?x4x?x64xf32>) {
  ^bb0(%x: bf16, %inverse: f32, %gain: f32, %unused: f32):
    %wide = arith.extf %x : bf16 to f32
    %normed = arith.mulf %wide, %inverse : f32
    %result = arith.mulf %normed, %gain : f32
    linalg.yield %result : f32
  } -> tensor<?x4x?x64xf32>
  %out = attn.sdpa %q_normed, %k_normed, %v
    : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %out : tensor<?x4x?x64xf32>
}
