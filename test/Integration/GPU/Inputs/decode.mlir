// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Few query rows: a group of heads is one row tile, and keys are divided among blocks. decode.test calls them.

func.func @decode(%q: tensor<?x12x1x64xf16> {attn.name = "q"}, %k: tensor<?x2x?x64xf16> {attn.name = "k"}, %v: tensor<?x2x?x64xf16> {attn.name = "v"})
    -> (tensor<?x12x1x64xf16> {attn.name = "out"}, tensor<?x12x1xf32> {attn.name = "lse"}) {
  %out, %lse = attn.sdpa %q, %k, %v causal(bottom_right) returns(out, lse)
       : (tensor<?x12x1x64xf16>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>)
       -> tensor<?x12x1x64xf16>, tensor<?x12x1xf32>
  return %out, %lse : tensor<?x12x1x64xf16>, tensor<?x12x1xf32>
}
// Twenty rows are two warps; Dv is no multiple of a fragment.
func.func @rows(%q: tensor<?x2x20x40xbf16> {attn.name = "q"}, %k: tensor<?x2x?x40xbf16> {attn.name = "k"}, %v: tensor<?x2x?x26xbf16> {attn.name = "v"})
    -> (tensor<?x2x20x26xbf16> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v causal(bottom_right)
       : (tensor<?x2x20x40xbf16>, tensor<?x2x?x40xbf16>, tensor<?x2x?x26xbf16>) -> tensor<?x2x20x26xbf16>
  return %out : tensor<?x2x20x26xbf16>
}
// Exact f32, key by key.
func.func @f32(%q: tensor<1x4x1x24xf32> {attn.name = "q"}, %k: tensor<1x1x?x24xf32> {attn.name = "k"}, %v: tensor<1x1x?x24xf32> {attn.name = "v"})
    -> (tensor<1x4x1x24xf32> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v : (tensor<1x4x1x24xf32>, tensor<1x1x?x24xf32>, tensor<1x1x?x24xf32>) -> tensor<1x4x1x24xf32>
  return %out : tensor<1x4x1x24xf32>
}
func.func @masked(%q: tensor<1x8x1x32xf16> {attn.name = "q"}, %k: tensor<1x1x?x32xf16> {attn.name = "k"}, %v: tensor<1x1x?x32xf16> {attn.name = "v"}, %mask: tensor<1x1x1x?xi1> {attn.name = "mask"})
    -> (tensor<1x8x1x32xf16> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v mask(%mask : tensor<1x1x1x?xi1>)
       : (tensor<1x8x1x32xf16>, tensor<1x1x?x32xf16>, tensor<1x1x?x32xf16>) -> tensor<1x8x1x32xf16>
  return %out : tensor<1x8x1x32xf16>
}
