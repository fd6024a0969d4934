// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
func.func @attend(%q: tensor<?x3x?x64xf32> {attn.name = "q"}, %k: tensor<?x3x?x64xf32> {attn.name = "k"},
                  %v: tensor<?x3x?x64xf32> {attn.name = "v"}) -> (tensor<?x3x?x64xf32> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v causal(bottom_right)
       : (tensor<?x3x?x64xf32>, tensor<?x3x?x64xf32>, tensor<?x3x?x64xf32>) -> tensor<?x3x?x64xf32>
  return %out : tensor<?x3x?x64xf32>
}
