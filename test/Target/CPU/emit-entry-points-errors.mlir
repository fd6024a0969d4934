// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(attn-emit-entry-points)' -split-input-file -verify-diagnostics

// expected-error @below {{'attn.kernel' expects 'name', 'workspace' and 'arguments'}}
llvm.func @f_task() attributes {attn.kernel = {name = "f"}} {
  llvm.return
}

// -----

// expected-error @below {{'attn.kernel' expects argument names to be C identifiers, got 'a b'}}
llvm.func @f_task() attributes {attn.kernel = {name = "f", workspace = 0 : i64, arguments = [
    {kind = "input", name = "a b", type = tensor<2xf32>}]}} {
  llvm.return
}

// -----

// expected-error @below {{'attn.kernel' expects outputs after all inputs and scalars}}
llvm.func @f_task() attributes {attn.kernel = {name = "f", workspace = 0 : i64, arguments = [
    {kind = "output", name = "o", type = tensor<2xf32>}, {kind = "input", name = "a", type = tensor<2xf32>}]}} {
  llvm.return
}

// -----

// expected-error @below {{'attn.kernel' cannot pass the element type of 'a' through the C interface}}
llvm.func @f_task() attributes {attn.kernel = {name = "f", workspace = 0 : i64, arguments = [
    {kind = "input", name = "a", type = tensor<2xi7>}]}} {
  llvm.return
}

// -----

// expected-error @below {{'attn.kernel' expects tensors of rank 0 to 6, got rank 7 for 'a'}}
llvm.func @f_task() attributes {attn.kernel = {name = "f", workspace = 0 : i64, arguments = [
    {kind = "input", name = "a", type = tensor<1x1x1x1x1x1x2xf32>}]}} {
  llvm.return
}

// -----

// expected-error @below {{needs the function 'f_tasks'}}
llvm.func @f_task() attributes {attn.kernel = {name = "f", workspace = 0 : i64, arguments = []}} {
  llvm.return
}

// -----

// expected-error @below {{does not take what 'attn.kernel' says: expects '!llvm.func<void (i64, ptr, ptr, i64, i64, i64)>'}}
llvm.func @f_task() attributes {attn.kernel = {name = "f", workspace = 0 : i64, arguments = []}} {
  llvm.return
}
llvm.func @f_tasks() -> i64 {
  %0 = llvm.mlir.constant(0 : i64) : i64
  llvm.return %0 : i64
}
llvm.func @f_check() -> i32 {
  %0 = llvm.mlir.constant(0 : i32) : i32
  llvm.return %0 : i32
}

// -----

llvm.func @f_task(%t: i64, %w0: !llvm.ptr, %w: !llvm.ptr, %o: i64, %n: i64, %s: i64)
    attributes {attn.kernel = {name = "f", workspace = 0 : i64, arguments = []}} {
  llvm.return
}
llvm.func @f_tasks() -> i64 {
  %0 = llvm.mlir.constant(0 : i64) : i64
  llvm.return %0 : i64
}
llvm.func @f_check() -> i32 {
  %0 = llvm.mlir.constant(0 : i32) : i32
  llvm.return %0 : i32
}
// expected-error @below {{has the name 'f_body' that kernel 'f' needs: rename one of the two}}
llvm.func @f_body() {
  llvm.return
}

// -----

// expected-error @below {{would be an undefined symbol of the object: kernels must not need libraries}}
llvm.func @expf(f32) -> f32
