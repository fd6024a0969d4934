// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels for several processors in one artefact: each call goes to the code for the last processor of the list that
// the machine at hand can run.
#ifndef ATTN_LIB_COMPILER_LEVELS_H
#define ATTN_LIB_COMPILER_LEVELS_H

#include "attn/Compiler/TargetMachine.h"
#include "attn/Target/CPU/KernelSignature.h"

#include "llvm/IR/Module.h"

namespace attn {

/// Joins `modules`, which hold the kernels `kernels` compiled for `levels` in that order, into one whose entry points
/// choose among them. Fails when a processor has a feature that cpuid cannot be asked for.
llvm::Expected<std::unique_ptr<llvm::Module>> joinLevels(std::vector<std::unique_ptr<llvm::Module>> modules,
                                                         llvm::ArrayRef<Target> levels,
                                                         llvm::ArrayRef<KernelSignature> kernels);

} // namespace attn

#endif // ATTN_LIB_COMPILER_LEVELS_H
