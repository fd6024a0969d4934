// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Above the ladder: the same attention as people write it.
func.func @dense(%q: tensor<?x?x3x64xf32>, %k: tensor<?x?x3x64xf32>, %v: tensor<?x?x3x64xf32>)
    -> tensor<?x?x3x64xf32> {
  %out = attn.sdpa %q, %k, %v layout(bnhd)
    : (tensor<?x?x3x64xf32>, tensor<?x?x3x64xf32>, tensor<?x?x3x64xf32>) -> tensor<?x?x3x64xf32>
  return %out : tensor<?x?x3x64xf32>
}

func.func @causal(%q: tensor<?x?x3x64xf32>, %k: tensor<?x?x3x64xf32>, %v: tensor<?x?x3x64xf32>)
    -> tensor<?x?x3x64xf32> {
  %out = attn.sdpa %q, %k, %v causal(bottom_right) layout(bnhd)
    : (tensor<?x?x3x64xf32>, tensor<?x?x3x64xf32>, tensor<?x?x3x64xf32>) -> tensor<?x?x3x64xf32>
  return %out : tensor<?x?x3x64xf32>
}
