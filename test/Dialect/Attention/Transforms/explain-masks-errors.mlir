// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: not attn-opt %s -pass-pipeline='builtin.module(attn-explain-masks)' -o /dev/null 2>&1 | FileCheck %s --check-prefix=PLAN
// RUN: not attn-opt %s --explain=mask --explain-values=N=x -o /dev/null 2>&1 | FileCheck %s --check-prefix=VALUES
// RUN: not attn-opt %s --explain=plot -o /dev/null 2>&1 | FileCheck %s --check-prefix=KIND

// PLAN: error: expects a plan in 'attn.plan' for an explanation of the mask: run attn-select-plan first
// VALUES: error: values of attn-explain-masks: expects name=number, got 'N=x'
// KIND: for the --explain option: Cannot find option named 'plot'!
func.func @no_plan(%q: tensor<5x4xf32>, %k: tensor<7x4xf32>, %v: tensor<7x3xf32>, %o: tensor<5x3xf32>) -> tensor<5x3xf32> {
  %0 = attn.generic ins(%q, %k, %v : tensor<5x4xf32>, tensor<7x4xf32>, tensor<7x3xf32>) outs(out %o : tensor<5x3xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>] normalizer(#attn.softmax)
    mask {
      %i = attn.index 0
      %j = attn.index 1
      %keep = arith.cmpi sle, %j, %i : index
      attn.yield %keep : i1
    }
  return %0 : tensor<5x3xf32>
}
