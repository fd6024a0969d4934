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
    `nvvm.shfl.sync`, `nvvm.ldmatrix` (8x8, b16), `nvvm.mma.sync` (m16n8k16, f16 or bf16, and m16n8k8, tf32; f32 sums),
    `nvvm.convert.float.to.tf32` (rna),
    `nvvm.cp.async.{shared.global,commit.group,wait.group}`, `nvvm.rcp.approx.ftz.f` and the intrinsics
    `llvm.nvvm.ex2.approx.{f,f32,ftz.f,ftz.f32}`; not so globals other than shared ones, atomics, inline assembly, and
    addresses of shared memory as integers.
    (example: test/Target/NVIDIA/emulate-nvvm.mlir)
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def AttnOutlineKernelsPass : Pass<"attn-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Make a task of a GPU plan a kernel, one block of threads for each";
  let description = [{
    **Takes** task functions `@NAME_task(args.., task, scratch)` whose `attn.plan` has `warps`. **Leaves** for each a
    `gpu.module @NAME_device` with `func.func @NAME_kernel(args..)`, where the number of the block is that of the task; of
    the task function its declaration; on both `attn.launch = {kernel, threads}`. Of a task whose keys are divided
    (`@NAME_task(args.., task, part, parts, partials, scratch)`, and `@NAME_merge` alike) there are two,
    `@NAME_kernel(args.., parts, partials)`, one block for each part, and `@NAME_merge_kernel`, one for each task, where
    `partials` holds the states of the parts of all tasks. **Fails** where scratch is used.
    (example: test/Target/NVIDIA/outline-kernels.mlir)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect"];
}

def AttnPipelineFetchesPass : Pass<"attn-pipeline-fetches", "::mlir::func::FuncOp"> {
  let summary = "Fetch the next key tile while one is used";
  let description = [{
    **Takes** loops whose body fetches to stage 0 of shared memory with two stages, from views that depend on the loop's
    position alone. **Leaves** them rotated: the first tile is fetched before the loop, in each iteration the next one to
    the other stage, after the one wait and the one barrier that are left. Loops that fetch in a branch, or whose shared
    memory has one stage, are left alone.
    (example: test/Target/NVIDIA/pipeline-fetches.mlir)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

def AttnConvertFragmentToNVVMPass : Pass<"attn-convert-fragment-to-nvvm", "::mlir::gpu::GPUModuleOp"> {
  let summary = "Write what a block does with tiles as what each of its threads does";
  let description = [{
    **Takes** functions with `attn.launch` and ops of the fragment dialect. **Leaves** none of them:

    | fragment | becomes |
    |---|---|
    | tiles | vectors of what one lane holds; an operand's pairs are 32-bit registers |
    | `alloc` | a part of `@attn_shared`, the block's shared memory; `attn.launch` says how many bytes are in use |
    | `fetch` | `cp.async` of 16 bytes where D is a multiple of 8 and address and stride are multiples of 16 bytes (asked for at run time), else loads and stores of elements |
    | `load`, `dot` | `ldmatrix.x4` and `mma.sync.m16n8k16`, the right side loaded where it is multiplied |
    | `map` | the region once for each element that a lane holds |
    | `reduce`, `sum_rows` | trees, then `shfl.sync.bfly` |
    | `store` | pairs of elements where rows are aligned to them, else elements |

    `math.exp2` of f32 with `fastmath<afn>` becomes `ex2.approx.ftz`, whose relative error is at most 2^-22.
    (example: test/Target/NVIDIA/fragment-to-nvvm.mlir)
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def AttnFinishKernelsPass : Pass<"attn-finish-kernels", "::mlir::ModuleOp"> {
  let summary = "Mark kernels in the llvm dialect as such";
  let description = [{
    **Takes** functions of the llvm dialect with `attn.launch` in `gpu.module`s. **Leaves** them with `nvvm.kernel` and
    `nvvm.reqntid`; `attn.launch`, with the bytes of shared memory, on the host's declaration of the task.
    (example: test/Target/NVIDIA/finish-kernels.mlir)
  }];
}

#endif // ATTN_TARGET_NVIDIA_PASSES_TD
