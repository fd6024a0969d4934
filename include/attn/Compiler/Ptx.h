// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From kernels in the nvvm dialect to what a GPU's driver loads.
#ifndef ATTN_COMPILER_PTX_H
#define ATTN_COMPILER_PTX_H

#include "attn/Pipelines/Pipelines.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"

#include <string>

namespace attn {

/// Assembly of NVIDIA's virtual machine for one gpu.module, by LLVM's code generator.
mlir::FailureOr<std::string> compileToPtx(mlir::Operation *gpuModule, const GPUDescription &gpu, unsigned optLevel);

/// LLVM IR of one gpu.module, optimised.
mlir::FailureOr<std::string> compileToDeviceIR(mlir::Operation *gpuModule, const GPUDescription &gpu,
                                               unsigned optLevel);

/// Machine code for the chip, by NVIDIA's assembler ptxas: that of CUDA_HOME or CUDA_ROOT, or one on PATH. The error
/// says what it said, or where it can be had.
llvm::Expected<std::string> assemble(llvm::StringRef ptx, const GPUDescription &gpu);

} // namespace attn

#endif // ATTN_COMPILER_PTX_H
