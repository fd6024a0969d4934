// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 11, case 9360: few rows, a V of [Dv, M], a mask and a sigmoid. The second visit of the keys, for rows that meet NaN
// or an infinity, leaves masked keys out of sums whose lanes are keys: that was no sum to the compiler, which refused.
// RUN: attn-run %s --compare --shape=k=33x24 --shape=v=17x33 --arg=p=0
// RUN: attn-run %s --compare --shape=k=70x24 --shape=v=17x70 --arg=p=5 --fill=v=nan@:,17: --fill=k=inf@17: | FileCheck %s
// CHECK: out: ok: 204 compared, 0 exempt
// RUN: attn-run %s --compare --shape=k=70x24 --shape=v=17x70 --arg=p=5 --fill=v=nan@3,2
func.func @kernel(%q: tensor<12x24xf32> {attn.name = "q"}, %k: tensor<?x24xf32> {attn.name = "k"},
                  %v: tensor<17x?xf32> {attn.name = "v"}, %p: index {attn.name = "p"})
    -> (tensor<12x17xf32> {attn.name = "out"}) {
  %init = tensor.empty() : tensor<12x17xf32>
  %r = attn.generic ins(%q, %k, %v : tensor<12x24xf32>, tensor<?x24xf32>, tensor<17x?xf32>)
    captures(%p : index) outs(out %init : tensor<12x17xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (e, j)>,
          affine_map<(i, j, d, e) -> (i, e)>]
    scale(0.5) normalizer(#attn.sigmoid)
    mask {
    ^bb0(%past: index):
      %i = attn.index 0
      %j = attn.index 1
      %last = arith.addi %i, %past : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %r : tensor<12x17xf32>
}
