// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Rotary positions, half-rotated, on 32 of 48 elements of a row. Rows of Q follow a cache of keys: they have positions of
// their own; row j of K is at position j. Q is turned where it is packed, K tile by tile in the key loop.
// Shapes: q [B, 4, N, 48], k [B, 2, M, 48], v [B, 2, M, 48], positions [B, N] int32, cos and sin [P, 16], P at least M, out
// [B, 4, N, 48].
// Source: Su et al. 2021 (RoFormer), eq. (34); partial rotation: Black et al. 2022 (GPT-NeoX), sec. 2.1.
func.func @rope(%q: tensor<?x4x?x48xf32> {attn.name = "q"}, %k: tensor<?x2x?x48xf32> {attn.name = "k"},
    %v: tensor<?x2x?x48xf32> {attn.name = "v"}, %positions: tensor<?x?xi32> {attn.name = "positions"},
    %cos: tensor<?x16xf32> {attn.name = "cos"}, %sin: tensor<?x16xf32> {attn.name = "sin"})
    -> (tensor<?x4x?x48xf32> {attn.name = "out"}) {
  %turned_q = attn.rope %q, %cos, %sin positions(%positions : tensor<?x?xi32>)
    : (tensor<?x4x?x48xf32>, tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x4x?x48xf32>
  %turned_k = attn.rope %k, %cos, %sin
    : (tensor<?x2x?x48xf32>, tensor<?x16xf32>, tensor<?x16xf32>) -> tensor<?x2x?x48xf32>
  %out = attn.sdpa %turned_q, %turned_k, %v causal(bottom_right)
    : (tensor<?x4x?x48xf32>, tensor<?x2x?x48xf32>, tensor<?x2x?x48xf32>) -> tensor<?x4x?x48xf32>
  return %out : tensor<?x4x?x48xf32>
}
