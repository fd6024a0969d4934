// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: not attn-opt %s -pass-pipeline='builtin.module(attn-explain-masks)' -o /dev/null 2>&1 | FileCheck %s --check-prefix=PLAN
// RUN: not attn-opt %s --explain=mask --explain-values=N=x -o /dev/null 2>&1 | FileCheck %s --check-prefix=VALUES
// RUN: not attn-opt %s --explain=mask --shape=z=1x2 -o /dev/null 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not attn-opt %s --explain=mask --arg=q=1 -o /dev/null 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not attn-opt %s --explain=plan --explain-svg=%t.svg -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOPIC
// RUN: not attn-compile %S/../../../WayDown/generic.mlir --explain=mask --explain-svg=%t.svg 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: attn-compile %s --stop-after=plan -o %t.plan.mlir
// RUN: not attn-opt %t.plan.mlir --explain=mask --explain-svg=%t/no/such/folder.svg -o /dev/null 2>&1 | FileCheck %s --check-prefix=FILE
// RUN: echo "module {}" | not attn-opt --explain=mask --explain-svg=%t.svg 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not ls %t.svg
// RUN: not attn-opt %S/../../../Integration/CPU/Inputs/levels.mlir --explain=mask -o /dev/null 2>&1 | FileCheck %s --check-prefix=NAMED
// RUN: not attn-opt %s --explain=plot -o /dev/null 2>&1 | FileCheck %s --check-prefix=KIND

// PLAN: error: expects a plan in 'attn.plan' for an explanation of the mask: run attn-select-plan first
// VALUES: error: values of attn-explain-masks: expects name=number, got 'N=x'
// NAME: error: shape of attn-explain-masks: 1x2 fits no argument called 'z'
// TYPE: error: arg of attn-explain-masks: no argument called 'q' is an integer
// TOPIC: attn-opt: error: --explain-svg: goes with --explain=mask
// MISSING: error: svg of attn-explain-masks: no picture without a value for {{.*}}, for the mask of @causal at {{.*}}generic.mlir
// FILE: error: svg of attn-explain-masks: cannot open output file
// NONE: error: svg of attn-explain-masks: there is no mask to draw
// NAMED: error: expects a plan for an explanation of its mask: run attn-normalize and attn-select-plan first
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
