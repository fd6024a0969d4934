// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which keys a row looks at most, as eviction from a cache asks: the 8 largest weights of each row, in descending order,
// and their keys, without storing the weights of the others. Row i of N keeps the keys up to i + M - N of M; a row with
// fewer than 8 of them ends with weights of 0 and keys of -1.
// Source: Vaswani et al. 2017; who needs them: Zhang et al. 2023 (heavy hitters, H2O).
func.func @top_keys(%q: tensor<?x4x?x64xf32> {attn.name = "q"}, %k: tensor<?x2x?x64xf32> {attn.name = "k"},
    %v: tensor<?x2x?x48xf32> {attn.name = "v"})
    -> (tensor<?x4x?x48xf32> {attn.name = "out"}, tensor<?x4x?x8xf32> {attn.name = "weights"},
        tensor<?x4x?x8xi32> {attn.name = "keys"}) {
  %r:3 = attn.sdpa %q, %k, %v causal(bottom_right) returns(out, topk_values, topk_indices)
    : (tensor<?x4x?x64xf32>, tensor<?x2x?x64xf32>, tensor<?x2x?x48xf32>)
    -> tensor<?x4x?x48xf32>, tensor<?x4x?x8xf32>, tensor<?x4x?x8xi32>
  return %r#0, %r#1, %r#2 : tensor<?x4x?x48xf32>, tensor<?x4x?x8xf32>, tensor<?x4x?x8xi32>
}
