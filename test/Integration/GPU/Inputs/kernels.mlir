// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One kernel for each property that a GPU kernel must have; emulated.test calls them.

func.func @causal(%q: tensor<?x4x?x64xbf16> {attn.name = "q"}, %k: tensor<?x2x?x64xbf16> {attn.name = "k"}, %v: tensor<?x2x?x64xbf16> {attn.name = "v"})
    -> (tensor<?x4x?x64xbf16> {attn.name = "out"}, tensor<?x4x?xf32> {attn.name = "lse"}) {
  %out, %lse = attn.sdpa %q, %k, %v causal(bottom_right) returns(out, lse)
       : (tensor<?x4x?x64xbf16>, tensor<?x2x?x64xbf16>, tensor<?x2x?x64xbf16>) -> tensor<?x4x?x64xbf16>, tensor<?x4x?xf32>
  return %out, %lse : tensor<?x4x?x64xbf16>, tensor<?x4x?xf32>
}
func.func @f32(%q: tensor<1x2x?x24xf32> {attn.name = "q"}, %k: tensor<1x2x?x24xf32> {attn.name = "k"}, %v: tensor<1x2x?x24xf32> {attn.name = "v"})
    -> (tensor<1x2x?x24xf32> {attn.name = "out"}, tensor<1x2x?xf32> {attn.name = "lse"}) {
  %out, %lse = attn.sdpa %q, %k, %v causal(top_left) returns(out, lse)
       : (tensor<1x2x?x24xf32>, tensor<1x2x?x24xf32>, tensor<1x2x?x24xf32>) -> tensor<1x2x?x24xf32>, tensor<1x2x?xf32>
  return %out, %lse : tensor<1x2x?x24xf32>, tensor<1x2x?xf32>
}
func.func @sizes(%q: tensor<1x?x2x80xf16> {attn.name = "q"}, %k: tensor<1x?x2x80xf16> {attn.name = "k"}, %v: tensor<1x?x2x40xf16> {attn.name = "v"})
    -> (tensor<1x?x2x40xf16> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v layout(bnhd)
       : (tensor<1x?x2x80xf16>, tensor<1x?x2x80xf16>, tensor<1x?x2x40xf16>) -> tensor<1x?x2x40xf16>
  return %out : tensor<1x?x2x40xf16>
}
func.func @odd(%q: tensor<1x2x?x21xf16> {attn.name = "q"}, %k: tensor<1x2x?x21xf16> {attn.name = "k"}, %v: tensor<1x2x?x13xf16> {attn.name = "v"})
    -> (tensor<1x2x?x13xf16> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v
       : (tensor<1x2x?x21xf16>, tensor<1x2x?x21xf16>, tensor<1x2x?x13xf16>) -> tensor<1x2x?x13xf16>
  return %out : tensor<1x2x?x13xf16>
}
func.func @big(%q: tensor<1x1x?x256xf16> {attn.name = "q"}, %k: tensor<1x1x?x256xf16> {attn.name = "k"}, %v: tensor<1x1x?x256xf16> {attn.name = "v"})
    -> (tensor<1x1x?x256xf16> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v
       : (tensor<1x1x?x256xf16>, tensor<1x1x?x256xf16>, tensor<1x1x?x256xf16>) -> tensor<1x1x?x256xf16>
  return %out : tensor<1x1x?x256xf16>
}
func.func @d128(%q: tensor<1x1x?x128xf16> {attn.name = "q"}, %k: tensor<1x1x?x128xf16> {attn.name = "k"}, %v: tensor<1x1x?x128xf16> {attn.name = "v"})
    -> (tensor<1x1x?x128xf16> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v causal(bottom_right)
       : (tensor<1x1x?x128xf16>, tensor<1x1x?x128xf16>, tensor<1x1x?x128xf16>) -> tensor<1x1x?x128xf16>
  return %out : tensor<1x1x?x128xf16>
}
func.func @biased(%q: tensor<1x2x?x32xf16> {attn.name = "q"}, %k: tensor<1x2x?x32xf16> {attn.name = "k"}, %v: tensor<1x2x?x32xf16> {attn.name = "v"},
    %bias: tensor<1x2x?x?xf16> {attn.name = "bias"}, %mask: tensor<1x1x?x?xi1> {attn.name = "mask"})
    -> (tensor<1x2x?x32xf16> {attn.name = "out"}) {
  %out = attn.sdpa %q, %k, %v bias(%bias : tensor<1x2x?x?xf16>) mask(%mask : tensor<1x1x?x?xi1>)
       : (tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>) -> tensor<1x2x?x32xf16>
  return %out : tensor<1x2x?x32xf16>
}
// A window of keys around each row: tiles outside of it are not visited.
func.func @window(%q: tensor<1x2x?x32xf16> {attn.name = "q"}, %k: tensor<1x2x?x32xf16> {attn.name = "k"},
                  %v: tensor<1x2x?x32xf16> {attn.name = "v"}, %size: i32 {attn.name = "size"})
    -> (tensor<1x2x?x32xf16> {attn.name = "out"}) {
  %c2 = arith.constant 2 : index
  %n = tensor.dim %q, %c2 : tensor<1x2x?x32xf16>
  %init = tensor.empty(%n) : tensor<1x2x?x32xf16>
  %out = attn.generic ins(%q, %k, %v : tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>)
    captures(%size : i32) outs(out %init : tensor<1x2x?x32xf16>)
    maps [affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>, affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>,
          affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>, affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>]
    scale(0.25) normalizer(#attn.softmax)
    mask {
    ^bb0(%w: i32):
      %i = attn.index 2
      %j = attn.index 3
      %width = arith.index_cast %w : i32 to index
      %low = arith.subi %i, %width : index
      %after = arith.cmpi sge, %j, %low : index
      %before = arith.cmpi sle, %j, %i : index
      %keep = arith.andi %after, %before : i1
      attn.yield %keep : i1
    }
  return %out : tensor<1x2x?x32xf16>
}

// Documents: which tiles are visited is decided in front of each, by the ids in it. Scores are capped by tanh.
func.func @documents(%q: tensor<1x2x?x32xf16> {attn.name = "q"}, %k: tensor<1x2x?x32xf16> {attn.name = "k"},
                     %v: tensor<1x2x?x32xf16> {attn.name = "v"}, %rows: tensor<1x?xi32> {attn.name = "rows"},
                     %keys: tensor<1x?xi32> {attn.name = "keys"}) -> (tensor<1x2x?x32xf16> {attn.name = "out"}) {
  %c2 = arith.constant 2 : index
  %n = tensor.dim %q, %c2 : tensor<1x2x?x32xf16>
  %init = tensor.empty(%n) : tensor<1x2x?x32xf16>
  %out = attn.generic ins(%q, %k, %v : tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>, tensor<1x2x?x32xf16>)
    mask_ins(%rows, %keys : tensor<1x?xi32>, tensor<1x?xi32>) outs(out %init : tensor<1x2x?x32xf16>)
    maps [affine_map<(b, h, i, j, d, e) -> (b, h, i, d)>, affine_map<(b, h, i, j, d, e) -> (b, h, j, d)>,
          affine_map<(b, h, i, j, d, e) -> (b, h, j, e)>, affine_map<(b, h, i, j, d, e) -> (b, i)>,
          affine_map<(b, h, i, j, d, e) -> (b, j)>, affine_map<(b, h, i, j, d, e) -> (b, h, i, e)>]
    scale(0.25) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32):
      %cap = arith.constant 2.0 : f32
      %x = arith.divf %s, %cap : f32
      %t = math.tanh %x : f32
      %capped = arith.mulf %t, %cap : f32
      attn.yield %capped : f32
    }
    mask {
    ^bb0(%row: i32, %key: i32):
      %same = arith.cmpi eq, %row, %key : i32
      attn.yield %same : i1
    }
  return %out : tensor<1x2x?x32xf16>
}
