// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-plan-stages,attn-tile-stages))' -split-input-file -verify-diagnostics
// RUN: not attn-opt %s -pass-pipeline='builtin.module(func.func(attn-select-plan{shared-bytes=102400}))' -split-input-file 2>&1 | FileCheck %s

// A GPU has no stages.

// CHECK: error: cannot append in a kernel of a GPU, which holds one attention: append before it is called

!rows = tensor<2x4x3x64xf32>
!cache = tensor<2x4x?x64xf32>
func.func @not_an_argument(%rows: !rows, %n: index, %at: tensor<2xi32>) -> !cache {
  %cache = tensor.empty(%n) : !cache
  // expected-error @below {{cannot append in place: expects 'cache' to be an argument of the kernel}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>) : (!rows, !cache) -> !cache
  return %0 : !cache
}

// -----

!rows = tensor<2x4x3x64xf32>
!cache = tensor<2x4x?x64xf32>
func.func @read_before(%rows: !rows, %cache: !cache, %at: tensor<2xi32>) -> (tensor<2x4x1x64xf32>, !cache) {
  // expected-note @below {{it is used here: read the result of the append, and let a mask leave out what is new}}
  %old = tensor.extract_slice %cache[0, 0, 0, 0] [2, 4, 1, 64] [1, 1, 1, 1] : !cache to tensor<2x4x1x64xf32>
  // expected-error @below {{cannot append in place: the cache is used beside the append, which would copy it as a whole}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>) : (!rows, !cache) -> !cache
  return %old, %0 : tensor<2x4x1x64xf32>, !cache
}

// -----

!rows = tensor<2x4x3x64xf32>
func.func @appends_itself(%cache: !rows, %at: tensor<2xi32>) -> !rows {
  // expected-error @below {{cannot append in place: the cache is used beside the append, which would copy it as a whole}}
  // expected-note @below {{it is used here}}
  %0 = attn.append_kv %cache, %cache at(%at : tensor<2xi32>) : (!rows, !rows) -> !rows
  return %0 : !rows
}

// -----

!rows = tensor<2x4x3x64xf32>
!cache = tensor<2x4x?x64xf32>
func.func @not_returned(%rows: !rows, %cache: !cache, %at: tensor<2xi32>) -> index {
  %c2 = arith.constant 2 : index
  // expected-error @below {{cannot append in place: expects the kernel to return the result once, got 0 times}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>) : (!rows, !cache) -> !cache
  %n = tensor.dim %0, %c2 : !cache
  return %n : index
}

// -----

!rows = tensor<2x4x3x64xf32>
!cache = tensor<2x4x?x64xf32>
func.func @two_appends_in_a_chain(%rows: !rows, %cache: !cache, %at: tensor<2xi32>) -> !cache {
  // expected-error @below {{cannot append in place: expects the kernel to return the result once, got 0 times}}
  %0 = attn.append_kv %rows, %cache at(%at : tensor<2xi32>) : (!rows, !cache) -> !cache
  %1 = attn.append_kv %rows, %0 at(%at : tensor<2xi32>) : (!rows, !cache) -> !cache
  return %1 : !cache
}
