// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Four heads of size 32; the first N words of a text attend to themselves and to what came before.
func.func @attention(%q: tensor<?x4x?x32xf32> {attn.name = "q"}, %k: tensor<?x4x?x32xf32> {attn.name = "k"},
                     %v: tensor<?x4x?x32xf32> {attn.name = "v"}) -> (tensor<?x4x?x32xf32> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v causal(top_left)
       : (tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>, tensor<?x4x?x32xf32>) -> tensor<?x4x?x32xf32>
  return %out : tensor<?x4x?x32xf32>
}
