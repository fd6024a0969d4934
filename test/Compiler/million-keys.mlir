// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A causal window of 1024 for N = M = 1,000,000 is the same code as for 4096: formulas, loops, memory.
// RUN: rm -rf %t && mkdir %t && %python %S/Inputs/million_keys.py %s %t | FileCheck %s
// CHECK: {{^[0-9]+}} ops, Scratch: {{[0-9]+}} bytes a worker
func.func @window(%q: tensor<1x8xSIZEx64xf32> {attn.name = "q"}, %k: tensor<1x2xSIZEx64xf32> {attn.name = "k"},
                  %v: tensor<1x2xSIZEx64xf32> {attn.name = "v"}) -> tensor<1x8xSIZEx64xf32> {
  %q5 = tensor.expand_shape %q [[0], [1, 2], [3], [4]] output_shape [1, 2, 4, SIZE, 64]
     : tensor<1x8xSIZEx64xf32> into tensor<1x2x4xSIZEx64xf32>
  %init = tensor.empty() : tensor<1x2x4xSIZEx64xf32>
  %o = attn.generic ins(%q5, %k, %v : tensor<1x2x4xSIZEx64xf32>, tensor<1x2xSIZEx64xf32>, tensor<1x2xSIZEx64xf32>)
    outs(out %init : tensor<1x2x4xSIZEx64xf32>)
    maps [affine_map<(b, h, g, i, j, d, e) -> (b, h, g, i, d)>, affine_map<(b, h, g, i, j, d, e) -> (b, h, j, d)>,
          affine_map<(b, h, g, i, j, d, e) -> (b, h, j, e)>, affine_map<(b, h, g, i, j, d, e) -> (b, h, g, i, e)>]
    scale(0.125) normalizer(#attn.softmax)
    mask {
      %i = attn.index 3
      %j = attn.index 4
      %w = arith.constant 1024 : index
      %distance = arith.subi %i, %j : index
      %past = arith.cmpi sge, %i, %j : index
      %near = arith.cmpi slt, %distance, %w : index
      %keep = arith.andi %past, %near : i1
      attn.yield %keep : i1
    }
  %r = tensor.collapse_shape %o [[0], [1, 2], [3], [4]] : tensor<1x2x4xSIZEx64xf32> into tensor<1x8xSIZEx64xf32>
  return %r : tensor<1x8xSIZEx64xf32>
}
