// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Grouped heads, causal, all lengths chosen at run time; one function alike with one head.
func.func @grouped(%q: tensor<?x4x?x8xf32> {attn.name = "q"}, %k: tensor<?x2x?x8xf32> {attn.name = "k"},
                   %v: tensor<?x2x?x8xf32> {attn.name = "v"}) -> tensor<?x4x?x8xf32> {
  %o = attn.sdpa %q, %k, %v causal(bottom_right)
     : (tensor<?x4x?x8xf32>, tensor<?x2x?x8xf32>, tensor<?x2x?x8xf32>) -> tensor<?x4x?x8xf32>
  return %o : tensor<?x4x?x8xf32>
}

func.func @single(%q: tensor<1x1x?x8xf32> {attn.name = "q"}, %k: tensor<1x1x?x8xf32> {attn.name = "k"},
                  %v: tensor<1x1x?x8xf32> {attn.name = "v"}) -> tensor<1x1x?x8xf32> {
  %o = attn.sdpa %q, %k, %v : (tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>, tensor<1x1x?x8xf32>) -> tensor<1x1x?x8xf32>
  return %o : tensor<1x1x?x8xf32>
}
