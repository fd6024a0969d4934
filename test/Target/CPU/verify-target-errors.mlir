// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -attn-verify-target -verify-diagnostics

// A kernel must neither allocate nor copy. The note tells a buffer that nobody placed from one that should not exist.

func.func @static_allocation() {
  // expected-error @below {{stage 'target' allows no allocation, got one of 'memref<16xf32>'}}
  // expected-note @below {{attn-assign-workspace should have placed this in the workspace}}
  %a = memref.alloc() : memref<16xf32>
  // expected-error @below {{stage 'target' allows no allocation, got one of 'memref<4xf32>'}}
  // expected-note @below {{attn-assign-workspace should have placed this in the workspace}}
  %b = memref.alloca() : memref<4xf32>
  return
}

func.func @allocation_of_unknown_size(%n: index) {
  // expected-error @below {{stage 'target' allows no allocation, got one of 'memref<?x16xf32>'}}
  // expected-note @below {{one-shot-bufferize made this because an update could not happen in place}}
  %a = memref.alloc(%n) : memref<?x16xf32>
  return
}

func.func @copy(%a: memref<16xf32>, %b: memref<16xf32>) {
  // expected-error @below {{stage 'target' allows no copy of a buffer, got one of 'memref<16xf32>'}}
  // expected-note @below {{one-shot-bufferize made this because an update could not happen in place}}
  memref.copy %a, %b : memref<16xf32> to memref<16xf32>
  return
}

func.func @earlier_stages(%a: memref<16xf32>, %zero: f32) {
  // expected-error @below {{stage 'target' allows no linalg op}}
  // expected-note @below {{attn-vectorize-tiles should have replaced this}}
  linalg.fill ins(%zero : f32) outs(%a : memref<16xf32>)
  // expected-error @below {{stage 'target' allows no tensor op}}
  // expected-note @below {{one-shot-bufferize should have replaced this}}
  %t = tensor.empty() : tensor<4xf32>
  return
}
