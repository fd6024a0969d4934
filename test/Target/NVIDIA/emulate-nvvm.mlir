// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -attn-emulate-nvvm -split-input-file | FileCheck %s

// A kernel in a gpu.module becomes a function of the module: shared memory is the emulator's, accesses are told before
// they happen with their width, and whether they write; what is on the thread's own stack is its own business.

// CHECK-NOT:   gpu.module
// CHECK-NOT:   nvvm
// CHECK-LABEL: llvm.func @copy(
//  CHECK-SAME:   %[[IN:.+]]: !llvm.ptr<1>)
//       CHECK:   %[[TID:.+]] = llvm.call @attn_emu_register({{.+}}) : (i32) -> i32
//       CHECK:   %[[BASE:.+]] = llvm.call @attn_emu_shared({{.+}}) : (i64) -> !llvm.ptr
//       CHECK:   %[[SHARED:.+]] = llvm.addrspacecast %[[BASE]] : !llvm.ptr to !llvm.ptr<3>
//       CHECK:   %[[FROM:.+]] = llvm.getelementptr %[[IN]][%[[TID]]]
//       CHECK:   %[[TOLD:.+]] = llvm.addrspacecast %[[FROM]] : !llvm.ptr<1> to !llvm.ptr
//  CHECK-DAG:   %[[WIDTH:.+]] = llvm.mlir.constant(4 : i32) : i32
//  CHECK-DAG:   %[[READS:.+]] = llvm.mlir.constant(0 : i32) : i32
//       CHECK:   llvm.call @attn_emu_access(%[[TOLD]], %[[WIDTH]], %[[READS]], %{{.+}})
//  CHECK-NEXT:   %[[X:.+]] = llvm.load %[[FROM]]
//       CHECK:   %[[WRITES:.+]] = llvm.mlir.constant(1 : i32) : i32
//       CHECK:   llvm.call @attn_emu_access({{.+}}, %[[WRITES]], %{{.+}})
//  CHECK-NEXT:   llvm.store %[[X]], %[[SHARED]]
//       CHECK:   llvm.call @attn_emu_barrier(
//       CHECK:   %[[OWN:.+]] = llvm.alloca
//   CHECK-NOT:   attn_emu_access
//       CHECK:   llvm.store %[[X]], %[[OWN]]
//
// The launch's side: how much shared memory it takes, and an entry that takes addresses of arguments.
//
//       CHECK: llvm.mlir.global external constant @attn_emu_static_shared_bytes(144 : i64)
//       CHECK: llvm.func @attn_emu_kernel_copy(%[[ARGS:.+]]: !llvm.ptr)
//       CHECK:   %[[SLOT:.+]] = llvm.getelementptr %[[ARGS]][0]
//       CHECK:   %[[ADDRESS:.+]] = llvm.load %[[SLOT]]
//       CHECK:   %[[ARG:.+]] = llvm.load %[[ADDRESS]] : !llvm.ptr -> !llvm.ptr<1>
//       CHECK:   llvm.call @copy(%[[ARG]])
module attributes {gpu.container_module} {
  gpu.module @device {
    llvm.mlir.global internal @first() {addr_space = 3 : i32} : !llvm.array<5 x i8>
    llvm.mlir.global internal @tile() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<32 x i32>
    llvm.func @copy(%in: !llvm.ptr<1>) attributes {gpu.kernel, nvvm.kernel} {
      %tid = nvvm.read.ptx.sreg.tid.x : i32
      %s = llvm.mlir.addressof @tile : !llvm.ptr<3>
      %from = llvm.getelementptr %in[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
      %x = llvm.load %from : !llvm.ptr<1> -> i32
      llvm.store %x, %s : i32, !llvm.ptr<3>
      nvvm.barrier0
      %one = llvm.mlir.constant(1 : i32) : i32
      %own = llvm.alloca %one x i32 : (i32) -> !llvm.ptr
      llvm.store %x, %own : i32, !llvm.ptr
      llvm.return
    }
  }
}

// -----

// A function that is no kernel has no entry; it may be called by one and is watched all the same.

// CHECK-LABEL: llvm.func @helper(
//       CHECK:   llvm.call @attn_emu_access(
//   CHECK-NOT: @attn_emu_kernel_helper
llvm.func @helper(%p: !llvm.ptr) {
  %x = llvm.load %p : !llvm.ptr -> f32
  llvm.return
}
