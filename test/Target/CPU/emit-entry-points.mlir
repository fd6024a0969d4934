// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -pass-pipeline='builtin.module(attn-emit-entry-points{cpu=x86-64-v3})' | FileCheck %s

// A kernel that copies a [?,3] tensor and adds a scalar, one row a task: the three functions that the target stage
// leaves. Its description, its questions and its entry are made from `attn.kernel` alone.

// Helpers of kernels must not be visible.
// CHECK: llvm.mlir.global internal constant @table
llvm.mlir.global private constant @table(7 : i32) : i32

// CHECK: llvm.func internal @copy_task
// CHECK-NOT: attn.kernel
llvm.func @copy_task(%a0: !llvm.ptr, %a: !llvm.ptr, %ao: i64, %an: i64, %ad: i64, %as: i64, %at: i64, %x: f32,
                     %o0: !llvm.ptr, %o: !llvm.ptr, %oo: i64, %on: i64, %od: i64, %os: i64, %ot: i64,
                     %task: i64, %w0: !llvm.ptr, %w: !llvm.ptr, %wo: i64, %wn: i64, %ws: i64)
    attributes {attn.kernel = {name = "copy", workspace = 12 : i64, arguments = [
      {kind = "input", name = "a", type = tensor<?x3xf32>}, {kind = "scalar", name = "x", type = f32},
      {kind = "output", name = "out", type = tensor<?x3xf32>}]}} {
  %zero = llvm.mlir.constant(0 : i64) : i64
  %one = llvm.mlir.constant(1 : i64) : i64
  %three = llvm.mlir.constant(3 : i64) : i64
  %arow = llvm.mul %task, %as : i64
  %orow = llvm.mul %task, %os : i64
  llvm.br ^loop(%zero : i64)
^loop(%d: i64):
  %ai = llvm.add %arow, %d : i64
  %from = llvm.getelementptr %a[%ai] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  %value = llvm.load %from : !llvm.ptr -> f32
  %sum = llvm.fadd %value, %x : f32
  // Through scratch, so that tests notice a slot that is shared or out of bounds.
  %slot = llvm.getelementptr %w[%d] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  llvm.store volatile %sum, %slot : f32, !llvm.ptr
  %again = llvm.load volatile %slot : !llvm.ptr -> f32
  %oi = llvm.add %orow, %d : i64
  %to = llvm.getelementptr %o[%oi] : (!llvm.ptr, i64) -> !llvm.ptr, f32
  llvm.store %again, %to : f32, !llvm.ptr
  %next = llvm.add %d, %one : i64
  %more = llvm.icmp "slt" %next, %three : i64
  llvm.cond_br %more, ^loop(%next : i64), ^end
^end:
  llvm.return
}

// CHECK: llvm.func internal @copy_tasks
llvm.func @copy_tasks(%a0: !llvm.ptr, %a: !llvm.ptr, %ao: i64, %an: i64, %ad: i64, %as: i64, %at: i64, %x: f32,
                      %o0: !llvm.ptr, %o: !llvm.ptr, %oo: i64, %on: i64, %od: i64, %os: i64, %ot: i64) -> i64 {
  llvm.return %an : i64
}

// CHECK: llvm.func internal @copy_check
llvm.func @copy_check(%a0: !llvm.ptr, %a: !llvm.ptr, %ao: i64, %an: i64, %ad: i64, %as: i64, %at: i64, %x: f32,
                      %o0: !llvm.ptr, %o: !llvm.ptr, %oo: i64, %on: i64, %od: i64, %os: i64, %ot: i64) -> i32 {
  %differ = llvm.icmp "ne" %an, %on : i64
  %ok = llvm.mlir.constant(0 : i32) : i32
  %shape = llvm.mlir.constant(4 : i32) : i32
  %status = llvm.select %differ, %shape, %ok : i1, i32
  llvm.return %status : i32
}

// A slot of 12 bytes takes a whole cache line; tasks and workers out of range do nothing.
// CHECK-LABEL: llvm.func internal @copy_body
//  CHECK-SAME:   (%[[CONTEXT:.+]]: !llvm.ptr, %[[TASK:.+]]: i64, %[[WORKER:.+]]: i32)
//       CHECK:   llvm.icmp "uge" %[[TASK]], %{{.+}} : i64
//       CHECK:   llvm.icmp "uge" %[[WORKER]], %{{.+}} : i32
//       CHECK:   %[[SLOT:.+]] = llvm.sext %[[WORKER]]
//       CHECK:   %[[BYTES:.+]] = llvm.mlir.constant(64 : i64)
//       CHECK:   llvm.mul %[[SLOT]], %[[BYTES]]
//       CHECK:   llvm.call @copy_task
//       CHECK:   llvm.atomicrmw add

// CHECK-LABEL: llvm.func @copy(
//  CHECK-SAME:   %[[CALL:.+]]: !llvm.ptr, %{{.+}}: !llvm.ptr, %[[X:.+]]: f32, %{{.+}}: !llvm.ptr) -> i32
//  CHECK-SAME:   attn.kernel
//  CHECK-SAME:   passthrough = ["no-builtins", "nounwind"]
//  CHECK-SAME:   uwtable_kind
//       CHECK:   llvm.call @copy_check
//       CHECK:   llvm.call @copy_tasks
//       CHECK:   llvm.call @copy_body
//       CHECK:   llvm.mlir.addressof @copy_body
//       CHECK:   llvm.call %{{.+}}(%{{.+}}) : !llvm.ptr, (!llvm.ptr, i64, !llvm.ptr, !llvm.ptr) -> ()

// CHECK-LABEL: llvm.func @copy_workspace_size(
// CHECK: llvm.mlir.constant(63 : i64)
// CHECK: llvm.func @copy_abi_version() -> i32
// CHECK: llvm.mlir.global internal constant @copy_description_text
// CHECK-SAME: \22abi\22:1,\22name\22:\22copy\22
// CHECK-SAME: \22cpu\22:\22x86-64-v3\22,\22workspace_bytes_per_worker\22:12
// CHECK-SAME: \22name\22:\22a\22,\22kind\22:\22input\22,\22dtype\22:\22f32\22,\22sizes\22:[null,3]
// CHECK: llvm.func @copy_description() -> !llvm.ptr
