// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(func.func(attn-prepare-abi))' -split-input-file -verify-diagnostics

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

// What would need memory or time of its own has no place beside the loop.

func.func @producer(%q: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %empty = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{a compiled kernel holds attention and stages of linalg ops: expects nothing but sizes, checks and views beside them, got 'linalg.fill'; move it to the caller, or write it as a linalg.generic before attn-plan-stages}}
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %init : tensor<4x8xf32>
}

// -----

func.func @no_loop(%q: tensor<4x8xf32>) -> tensor<4x8xf32> { // expected-error {{a compiled kernel holds attention or other stages: expects an scf.forall with 'attn.plan', got none; attn-tile-and-fuse and attn-tile-stages make it}}
  return %q : tensor<4x8xf32>
}

// -----

#gpu = #attn.plan<online, rows_major, rows = 64, keys = 64, lanes = 32, register_tile = [16, 8], precision = f16, warps = 4, stages = 1>

func.func @two_loops_of_a_gpu(%q: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %empty = tensor.empty() : tensor<4x8xf32>
  // expected-note @below {{the first one is here; give each a function of its own}}
  %r = scf.forall (%i) in (4) shared_outs(%o = %empty) -> tensor<4x8xf32> {
    scf.forall.in_parallel {
    }
  } {attn.plan = #gpu}
  // expected-error @below {{a kernel of a GPU holds one attention: expects one scf.forall with 'attn.plan', got a second one}}
  %s = scf.forall (%i) in (4) shared_outs(%o = %r) -> tensor<4x8xf32> {
    scf.forall.in_parallel {
    }
  } {attn.plan = #gpu}
  return %s : tensor<4x8xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

// An argument that is handed back would have to be copied.

// expected-note @below {{it comes from here; only tensor.collapse_shape and tensor.cast may stand between}}
func.func @returns_argument(%q: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %empty = tensor.empty() : tensor<4x8xf32>
  %r = scf.forall (%i) in (4) shared_outs(%o = %empty) -> tensor<4x8xf32> {
    scf.forall.in_parallel {
    }
  } {attn.plan = #plan}
  // expected-error @below {{result #1 is not written by an scf.forall of this kernel, so it has no place in an output of the caller}}
  return %r, %q : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

// Starting from an input would mean to overwrite it, or to copy it.

func.func @starts_from_input(%q: tensor<4x8xf32>) -> tensor<4x8xf32> {
  // expected-error @below {{expects output #0 to start from tensor.empty, so that it can start from the caller's memory}}
  %r = scf.forall (%i) in (4) shared_outs(%o = %q) -> tensor<4x8xf32> {
    scf.forall.in_parallel {
    }
  } {attn.plan = #plan}
  return %r : tensor<4x8xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

func.func @result_without_memory(%q: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %empty = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{result #1 is neither returned nor read, so it has no memory}}
  %r:2 = scf.forall (%i) in (4) shared_outs(%o = %empty, %p = %empty) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
    scf.forall.in_parallel {
    }
  } {attn.plan = #plan}
  return %r#0 : tensor<4x8xf32>
}

// -----

// expected-error @below {{expects tensors, integers, floats and indices in the signature of a kernel, got 'vector<4xf32>'}}
func.func @vector_argument(%q: tensor<4x8xf32>, %v: vector<4xf32>) -> tensor<4x8xf32> {
  return %q : tensor<4x8xf32>
}

// -----

// The arithmetic of positions holds up to the largest size that a call may have.

func.func @size_beyond_positions(%q: tensor<4x1073741825xf32>) -> tensor<4x8xf32> { // expected-error {{expects sizes of at most 1073741824 (ATTN_MAX_SIZE) in the signature of a kernel, got 1073741825 in 'tensor<4x1073741825xf32>'; compile for a part of it, with offsets}}
  %empty = tensor.empty() : tensor<4x8xf32>
  return %empty : tensor<4x8xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

// An argument that is updated belongs to the loop that does so.

func.func @read_beside_update(%cache: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %empty = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{cannot update argument #0 in place: it is used beside the loop that writes into it}}
  %r = scf.forall (%i) in (4) shared_outs(%o = %cache) -> tensor<4x8xf32> {
    scf.forall.in_parallel {
    }
  } {attn.in_place, attn.plan = #plan}
  %s = scf.forall (%i) in (4) shared_outs(%o = %empty) -> tensor<4x8xf32> {
    // expected-note @below {{it is used here; read what the loop leaves}}
    %old = tensor.extract_slice %cache[%i, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<1x8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %old into %o[%i, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<4x8xf32>
    }
  } {attn.plan = #plan}
  return %r, %s : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

func.func @joined_update(%cache: tensor<4x8xf32>) -> tensor<32xf32> {
  %r = scf.forall (%i) in (4) shared_outs(%o = %cache) -> tensor<4x8xf32> {
    scf.forall.in_parallel {
    }
  } {attn.in_place, attn.plan = #plan}
  // expected-error @below {{expects what updates argument #0 in place to be returned as it is}}
  %s = tensor.collapse_shape %r [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  return %s : tensor<32xf32>
}

// -----

#plan = #attn.plan<online, rows_minor, rows = 64, keys = 32, lanes = 16, register_tile = [4, 4]>

func.func @updates_nothing(%cache: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %empty = tensor.empty() : tensor<4x8xf32>
  // expected-error @below {{expects output #0 to start from an argument, which the loop is to update in place}}
  %r = scf.forall (%i) in (4) shared_outs(%o = %empty) -> tensor<4x8xf32> {
    scf.forall.in_parallel {
    }
  } {attn.in_place, attn.plan = #plan}
  return %r : tensor<4x8xf32>
}
