// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two unknown sizes in one dimension have no strides: a refusal that says what to do, and no object.
// RUN: rm -f %t.o
// RUN: not attn-compile %s -o %t.o 2>&1 | FileCheck %s
// RUN: test ! -e %t.o
// CHECK: error: cannot compile grouped heads of an unknown number of key heads: give 'key' and 'value' a static number of heads Hkv
func.func @unknown_heads(%q: tensor<1x?x?x8xf32>, %k: tensor<1x?x?x8xf32>, %v: tensor<1x?x?x8xf32>)
    -> tensor<1x?x?x8xf32> {
  %o = attn.sdpa %q, %k, %v : (tensor<1x?x?x8xf32>, tensor<1x?x?x8xf32>, tensor<1x?x?x8xf32>) -> tensor<1x?x?x8xf32>
  return %o : tensor<1x?x?x8xf32>
}
