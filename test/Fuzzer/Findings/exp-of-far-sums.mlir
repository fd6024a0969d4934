// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 11, case 2354: exp of sums near -70 errs by 70 roundings of its result, which the budget did not know of: it
// looked at the score before and after the region only.
// RUN: attn-run %s --compare --shape=q=32x4 --shape=k=17x4 --shape=v=17x5 --fill=q=0 --arg=first=90 --worst-case
func.func @kernel(%q: tensor<?x4xf32> {attn.name = "q"}, %k: tensor<?x4xf32> {attn.name = "k"},
                  %v: tensor<?x5xf32> {attn.name = "v"}, %first: index {attn.name = "first"})
    -> (tensor<?x5xf32> {attn.name = "out"}, tensor<?xf32> {attn.name = "max"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : tensor<?x4xf32>
  %init0 = tensor.empty(%n) : tensor<?x5xf32>
  %init1 = tensor.empty(%n) : tensor<?xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x5xf32>)
    offsets(%first, %c0, %c0, %c0) outs(out %init0 : tensor<?x5xf32>, max %init1 : tensor<?xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>, affine_map<(i, j, d, e) -> (i)>]
    scale(1.0) normalizer(#attn.softmax)
    score {
    ^bb0(%s: f32):
      %slope = arith.constant 0.7 : f32
      %j = attn.index 1
      %i = attn.index 0
      %apart = arith.subi %j, %i : index
      %integer = arith.index_cast %apart : index to i32
      %distance = arith.sitofp %integer : i32 to f32
      %far = arith.mulf %slope, %distance : f32
      %sum = arith.addf %s, %far : f32
      %t = math.exp %sum : f32
      attn.yield %t : f32
    }
  return %r#0, %r#1 : tensor<?x5xf32>, tensor<?xf32>
}
