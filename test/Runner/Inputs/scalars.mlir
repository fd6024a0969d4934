// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Keeps every key where i64 is odd and i8 is -128, and else none.
func.func @scalars(%q: tensor<3x4xf32>, %k: tensor<5x4xf32>, %v: tensor<5x4xf32>, %large: i64 {attn.name = "i64"},
                   %small: i8 {attn.name = "i8"}) -> tensor<3x4xf32> {
  %init = tensor.empty() : tensor<3x4xf32>
  %o = attn.generic ins(%q, %k, %v : tensor<3x4xf32>, tensor<5x4xf32>, tensor<5x4xf32>)
    captures(%large, %small : i64, i8) outs(out %init : tensor<3x4xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>,
          affine_map<(i, j, d, e) -> (j, e)>, affine_map<(i, j, d, e) -> (i, e)>]
    scale(1.0) normalizer(#attn.softmax)
    mask {
    ^bb0(%a: i64, %b: i8):
      %one = arith.constant true
      %low = arith.trunci %a : i64 to i1
      %least = arith.constant -128 : i8
      %isOdd = arith.cmpi eq, %low, %one : i1
      %isLeast = arith.cmpi eq, %b, %least : i8
      %keep = arith.andi %isOdd, %isLeast : i1
      attn.yield %keep : i1
    }
  return %o : tensor<3x4xf32>
}
