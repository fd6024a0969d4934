// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: attn-opt %s -attn-emulate-nvvm -split-input-file -verify-diagnostics

llvm.func @reduction(%x: i32) attributes {nvvm.kernel} {
  // expected-error @below {{'nvvm.barrier' op with a reduction is not emulated}}
  %y = nvvm.barrier #nvvm.reduction<and> %x -> i32
  llvm.return
}

// -----

llvm.func @cluster() attributes {nvvm.kernel} {
  // expected-error @below {{'nvvm.cluster.arrive' op is not emulated (attn-emulate-nvvm lists what is}}
  nvvm.cluster.arrive
  // All that is unknown is said at once.
  // expected-error @below {{'nvvm.cluster.wait' op is not emulated}}
  nvvm.cluster.wait
  llvm.return
}

// -----

llvm.func @intrinsic(%x: f32) attributes {nvvm.kernel} {
  // expected-error @below {{of 'llvm.nvvm.sin.approx.f' is not emulated (llvm.nvvm.ex2.approx.* are)}}
  %y = llvm.call_intrinsic "llvm.nvvm.sin.approx.f"(%x) : (f32) -> f32
  llvm.return
}

// -----

llvm.func @mma_shape(%a: vector<2xf16>, %c: f32) attributes {nvvm.kernel} {
  // expected-error @below {{'nvvm.mma.sync' op is emulated for m16n8k16 of f16 or bf16 and m16n8k8 of tf32, with f32 sums, only}}
  %d = nvvm.mma.sync A[%a, %a] B[%a] C[%c, %c, %c, %c] {layoutA = #nvvm.mma_layout<row>,
    layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 8>}
    : (vector<2xf16>, vector<2xf16>, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  llvm.return
}

// -----

llvm.func @atomic(%p: !llvm.ptr<1>, %x: i32) attributes {nvvm.kernel} {
  // expected-error @below {{'llvm.atomicrmw' op is not emulated}}
  %y = llvm.atomicrmw add %p, %x monotonic : !llvm.ptr<1>, i32
  llvm.return
}

// -----

llvm.func @address(%p: !llvm.ptr<3>) attributes {nvvm.kernel} {
  // expected-error @below {{of an address of shared memory is not emulated: compute with offsets}}
  %y = llvm.ptrtoint %p : !llvm.ptr<3> to i32
  llvm.return
}

// -----

// expected-error @below {{(address space 3) are not emulated, got address space 1}}
llvm.mlir.global internal @table() {addr_space = 1 : i32} : !llvm.array<4 x i32>

// -----

module {
  llvm.func @twice() {
    llvm.return
  }
  gpu.module @device {
    // expected-error @below {{expects each name once among the module and its gpu.modules, got 'twice' twice}}
    llvm.func @twice() {
      llvm.return
    }
  }
}
