// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: not attn-opt %s --explain=plan -o /dev/null 2>&1 | FileCheck %s --check-prefix=NAMED
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize))' -o %t.mlir
// RUN: not attn-opt %t.mlir --explain=plan -o /dev/null 2>&1 | FileCheck %s --check-prefix=PLAN
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-normalize,attn-select-plan))' -o %t.mlir
// RUN: not attn-opt %t.mlir --explain=plan --shape=z=1x2 -o /dev/null 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not attn-opt %t.mlir --explain=plan --shape=q=1x2 -o /dev/null 2>&1 | FileCheck %s --check-prefix=RANK
// RUN: not attn-opt %t.mlir --explain=plan --shape=q=1x2x3x5 -o /dev/null 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: not attn-opt %t.mlir --explain=plan --shape=q=1x2xN -o /dev/null 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not attn-opt %t.mlir --explain=plan --arg=q=4 -o /dev/null 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not attn-opt %t.mlir --explain=plan --arg=q=x -o /dev/null 2>&1 | FileCheck %s --check-prefix=NUMBER
// RUN: not attn-opt %t.mlir --shape=q=1x2 -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOPIC
// RUN: not attn-opt %t.mlir --explain=plan --explain-values=N=1 -o /dev/null 2>&1 | FileCheck %s --check-prefix=VALUES
// RUN: not attn-opt %t.mlir --explain-format=json -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOPIC
// RUN: not attn-opt %t.mlir --explain=plot -o /dev/null 2>&1 | FileCheck %s --check-prefix=KIND

// NAMED: [[@LINE+12]]:8: error: 'attn.sdpa' op has no plan to explain: run attn-normalize and attn-select-plan first
// PLAN: error: 'attn.generic' op has no plan to explain: run attn-select-plan first
// NAME: error: shape of attn-explain-plan: 1x2 fits no argument called 'z'
// RANK: error: shape of attn-explain-plan: 1x2 fits no argument called 'q'
// SIZE: error: shape of attn-explain-plan: 1x2x3x5 fits no argument called 'q'
// TEXT: error: shape of attn-explain-plan: expects name=sizes, as in q=1x12x77x64, got 'q=1x2xN'
// TYPE: error: arg of attn-explain-plan: no argument called 'q' is an integer
// NUMBER: error: arg of attn-explain-plan: expects name=integer, as in window=256, got 'q=x'
// TOPIC: attn-opt: error: --explain-format, --shape, --arg: go with --explain
// VALUES: attn-opt: error: --explain-values: goes with --explain=mask
// KIND: for the --explain option: Cannot find option named 'plot'!
func.func @f(%q: tensor<?x2x?x4xf32> {attn.name = "q"}) -> tensor<?x2x?x4xf32> {
  %o = attn.sdpa %q, %q, %q : (tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>, tensor<?x2x?x4xf32>) -> tensor<?x2x?x4xf32>
  return %o : tensor<?x2x?x4xf32>
}
