// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_TARGET_NVIDIA_PASSES_TD
#define ATTN_TARGET_NVIDIA_PASSES_TD

include "mlir/Pass/PassBase.td"

def AttnEmulateNVVMPass : Pass<"attn-emulate-nvvm", "::mlir::ModuleOp"> {
  let summary = "Make GPU kernels call the emulator, so that they run on the CPU";
  let description = [{
    **Takes** functions of the `llvm` dialect with NVVM ops, in the module or in `gpu.module`s of it; kernels carry
    `nvvm.kernel`. **Leaves** the same functions for the host: each NVVM op is a call of `attn_emu_*`
    (include/attn/Emulator/Emulator.h), each load and store that may leave the thread's own stack is told to the
    emulator before it happens, shared memory is the emulator's. For each kernel NAME there is
    `@attn_emu_kernel_NAME(ptr)`, which takes an array with the address of each argument;
    `@attn_emu_static_shared_bytes` says how much shared memory the globals of the module are. Each call says where it
    comes from: the op and its location.
    **Fails** on what is not emulated, by name. Emulated are `nvvm.barrier0`, `nvvm.barrier` without reduction,
    `nvvm.bar.warp.sync`, `nvvm.read.ptx.sreg.{tid,ntid,ctaid,nctaid}.{x,y,z}`, `nvvm.read.ptx.sreg.{laneid,warpsize}`,
    `nvvm.shfl.sync`, `nvvm.ldmatrix` (8x8, b16), `nvvm.mma.sync` (m16n8k16, f16 or bf16, f32 sums),
    `nvvm.cp.async.{shared.global,commit.group,wait.group}`, `nvvm.rcp.approx.ftz.f` and the intrinsics
    `llvm.nvvm.ex2.approx.{f,f32,ftz.f,ftz.f32}`; not so globals other than shared ones, atomics, inline assembly, and
    addresses of shared memory as integers.
    (example: test/Target/NVIDIA/emulate-nvvm.mlir)
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // ATTN_TARGET_NVIDIA_PASSES_TD
