// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Rotary positions, half-rotated, on 32 of 48 elements of a row, for rows of Q at positions of their own; K comes from a
// cache that holds it rotated. q'[d] = q[d] cos[i,d] + q[d +- 16] (-+ sin[i,d]) for d < 32, q[d] above. It is made once
// for each row tile, where Q is packed.
// Shapes: q [B, 4, N, 48], k and v [B, 4, M, 48], cos and sin [N, 32], out [B, 4, N, 48].
// Source: Su et al. 2021 (RoFormer), eq. (34); partial rotation: Black et al. 2022 (GPT-NeoX), sec. 2.1.
#all = affine_map<(b, h, i, d) -> (b, h, i, d)>

func.func @rope(%q: tensor<?x4x?x48xf32> {attn.name = "q"}, %k: tensor<?x4x?x48xf32> {attn.name = "k"},
    %v: tensor<?x4x?x48xf32> {attn.name = "v"}, %cos: tensor<?x32xf32> {attn.name = "cos"},
    %sin: tensor<?x32xf32> {attn.name = "sin"}) -> (tensor<?x4x?x48xf32> {attn.name = "out"}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c16 = arith.constant 16 : index
  %c31 = arith.constant 31 : index
  %batch = tensor.dim %q, %c0 : tensor<?x4x?x48xf32>
  %rows = tensor.dim %q, %c2 : tensor<?x4x?x48xf32>
  %init = tensor.empty(%batch, %rows) : tensor<?x4x?x48xf32>
  %rotated = linalg.generic {indexing_maps = [#all, #all],
                             iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
    ins(%q : tensor<?x4x?x48xf32>) outs(%init : tensor<?x4x?x48xf32>) {
  ^bb0(%x: f32, %unused: f32):
    %b = linalg.index 0 : index
    %h = linalg.index 1 : index
    %i = linalg.index 2 : index
    %d = linalg.index 3 : index
    %partner = arith.xori %d, %c16 : index
    %y = tensor.extract %q[%b, %h, %i, %partner] : tensor<?x4x?x48xf32>
    %in_table = arith.minui %d, %c31 : index
    %c = tensor.extract %cos[%i, %in_table] : tensor<?x32xf32>
    %s = tensor.extract %sin[%i, %in_table] : tensor<?x32xf32>
    %is_first = arith.cmpi ult, %d, %c16 : index
    %minus = arith.negf %y : f32
    %turned = arith.select %is_first, %minus, %y : f32
    %straight = arith.mulf %x, %c : f32
    %across = arith.mulf %turned, %s : f32
    %sum = arith.addf %straight, %across : f32
    %is_rotated = arith.cmpi ule, %d, %c31 : index
    %result = arith.select %is_rotated, %sum, %x : f32
    linalg.yield %result : f32
  } -> tensor<?x4x?x48xf32>
  %out = attn.sdpa %rotated, %k, %v causal(bottom_right)
    : (tensor<?x4x?x48xf32>, tensor<?x4x?x48xf32>, tensor<?x4x?x48xf32>) -> tensor<?x4x?x48xf32>
  return %out : tensor<?x4x?x48xf32>
}
