// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// REQUIRES: avx2
// Seed 11, case 5508: scores beyond -FLT_MAX are -inf in the kernel, which leaves no key; the definition has keys, and a
// sink of +inf that makes NaN of them. docs/Numerics.md exempts that, and nothing else of the call.
// RUN: attn-run %s --compare --fill=k=1e30 --fill=sink=inf@0 --worst-case | FileCheck %s
// CHECK: out: ok: 0 compared, 20 exempt
// CHECK: lse: ok: 0 compared, 4 exempt
// RUN: attn-run %s --compare --fill=sink=inf@0 --worst-case | FileCheck %s --check-prefix=IN-RANGE
// IN-RANGE: out: ok: 20 compared, 0 exempt
// IN-RANGE: lse: ok: 4 compared, 0 exempt
func.func @kernel(%q: tensor<4x8xf32> {attn.name = "q"}, %k: tensor<9x8xf32> {attn.name = "k"},
                  %v: tensor<9x5xf32> {attn.name = "v"}, %sink: tensor<4xf32> {attn.name = "sink"})
    -> (tensor<4x5xf32> {attn.name = "out"}, tensor<4xf32> {attn.name = "lse"}) {
  %init0 = tensor.empty() : tensor<4x5xf32>
  %init1 = tensor.empty() : tensor<4xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<4x8xf32>, tensor<9x8xf32>, tensor<9x5xf32>)
    normalizer_ins(%sink : tensor<4xf32>) outs(out %init0 : tensor<4x5xf32>, lse %init1 : tensor<4xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i)>, affine_map<(i, j, d, e) -> (i, e)>, affine_map<(i, j, d, e) -> (i)>]
    scale(1.0) normalizer(#attn.softmax_sink)
    similarity {
    ^bb0(%x: f32, %y: f32):
      %apart = arith.subf %x, %y : f32
      %square = arith.mulf %apart, %apart : f32
      %near = arith.negf %square : f32
      attn.yield %near : f32
    }
  return %r#0, %r#1 : tensor<4x5xf32>, tensor<4xf32>
}
