// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// K and V stored as int8: K with a scale for each token, V with one for each channel. Producers that work element by
// element are made tile by tile inside the key loop: the cache never stands in memory as floats.
// Shapes: q [B, 4, N, 64], k and v [B, 4, M, 64] int8, k_scale [B, 4, M], v_scale [4, 64], out [B, 4, N, 64].
// Source: per-token keys and per-channel values as in Xiao et al. 2023 (SmoothQuant), sec. 2.
#all = affine_map<(b, h, j, d) -> (b, h, j, d)>
#token = affine_map<(b, h, j, d) -> (b, h, j)>
#channel = affine_map<(b, h, j, d) -> (h, d)>

func.func @int8_kv(%q: tensor<?x4x?x64xf32> {attn.name = "q"}, %k: tensor<?x4x?x64xi8> {attn.name = "k"},
    %v: tensor<?x4x?x64xi8> {attn.name = "v"}, %k_scale: tensor<?x4x?xf32> {attn.name = "k_scale"},
    %v_scale: tensor<4x64xf32> {attn.name = "v_scale"}) -> (tensor<?x4x?x64xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %batch = tensor.dim %k, %c0 : tensor<?x4x?x64xi8>
  %keys = tensor.dim %k, %c2 : tensor<?x4x?x64xi8>
  %init = tensor.empty(%batch, %keys) : tensor<?x4x?x64xf32>
  %wide_k = linalg.generic {indexing_maps = [#all, #token, #all],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%k, %k_scale : tensor<?x4x?x64xi8>, tensor<?x4x?xf32>) outs(%init : tensor<?x4x?x64xf32>) {
  ^bb0(%stored: i8, %scale: f32, %unused: f32):
    %float = arith.sitofp %stored : i8 to f32
    %value = arith.mulf %float, %scale : f32
    linalg.yield %value : f32
  } -> tensor<?x4x?x64xf32>
  %wide_v = linalg.generic {indexing_maps = [#all, #channel, #all],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%v, %v_scale : tensor<?x4x?x64xi8>, tensor<4x64xf32>) outs(%init : tensor<?x4x?x64xf32>) {
  ^bb0(%stored: i8, %scale: f32, %unused: f32):
    %float = arith.sitofp %stored : i8 to f32
    %value = arith.mulf %float, %scale : f32
    linalg.yield %value : f32
  } -> tensor<?x4x?x64xf32>
  %out = attn.sdpa %q, %wide_k, %wide_v causal(bottom_right)
    : (tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>, tensor<?x4x?x64xf32>) -> tensor<?x4x?x64xf32>
  return %out : tensor<?x4x?x64xf32>
}
