// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// UNSUPPORTED: asan
// RUN: mlir-opt --load-dialect-plugin=%attn_plugin --load-pass-plugin=%attn_plugin %s \
// RUN:   --pass-pipeline='builtin.module(func.func(canonicalize))' | FileCheck %s
// RUN: mlir-opt --load-dialect-plugin=%attn_plugin --load-pass-plugin=%attn_plugin %s \
// RUN:   --pass-pipeline='builtin.module(func.func(attn-normalize))' | FileCheck %s --check-prefix=PASS

// An mlir-opt that never heard of us loads the one library and reads, prints and canonicalizes our ops, and
// runs our passes.

// CHECK-LABEL: func.func @keeps_a_used_op
//       CHECK:   attn.sdpa
// PASS-LABEL: func.func @keeps_a_used_op
//   PASS-NOT:   attn.sdpa
//       PASS:   attn.generic
// CHECK-LABEL: func.func @drops_an_unused_op
//   CHECK-NOT:   attn.sdpa
func.func @keeps_a_used_op(%q: tensor<1x4x5x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x6xf32>) -> tensor<1x4x5x6xf32> {
  %o = attn.sdpa %q, %k, %v : (tensor<1x4x5x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x6xf32>) -> tensor<1x4x5x6xf32>
  return %o : tensor<1x4x5x6xf32>
}

func.func @drops_an_unused_op(%q: tensor<1x4x5x8xf32>, %k: tensor<1x2x7x8xf32>, %v: tensor<1x2x7x6xf32>) {
  %o = attn.sdpa %q, %k, %v : (tensor<1x4x5x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x6xf32>) -> tensor<1x4x5x6xf32>
  return
}
