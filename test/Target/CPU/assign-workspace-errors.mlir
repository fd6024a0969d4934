// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-assign-workspace))' -split-input-file -verify-diagnostics

func.func private @size_at_run_time(%n: index, %scratch: memref<?xi8>) attributes {attn.kernel = {name = "a"}} {
  // expected-error @below {{a task may only allocate buffers of constant size, got 'memref<?xf32>'}}
  %buffer = memref.alloc(%n) : memref<?xf32>
  memref.copy %buffer, %buffer : memref<?xf32> to memref<?xf32>
  return
}

// -----

// The caller of the block would see bytes that its sibling uses for something else.
func.func private @leaves_its_block(%flag: i1, %other: memref<8xf32>, %scratch: memref<?xi8>)
    attributes {attn.kernel = {name = "a"}} {
  %chosen = scf.if %flag -> memref<8xf32> {
    // expected-error @below {{a buffer that leaves its block cannot live in the workspace}}
    %buffer = memref.alloc() : memref<8xf32>
    scf.yield %buffer : memref<8xf32>
  } else {
    scf.yield %other : memref<8xf32>
  }
  memref.copy %chosen, %other : memref<8xf32> to memref<8xf32>
  return
}
