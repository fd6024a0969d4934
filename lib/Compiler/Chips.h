// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels for several chips in one artefact: each call asks its caller's choose function which of them its device is to
// run, as devices of a machine differ.
#ifndef ATTN_LIB_COMPILER_CHIPS_H
#define ATTN_LIB_COMPILER_CHIPS_H

#include "attn/Pipelines/Pipelines.h"
#include "attn/Target/CPU/KernelSignature.h"

#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace attn {

/// Joins `modules`, which hold the kernels `kernels` compiled for `chips` in that order, into one whose entry points
/// choose among them.
llvm::Expected<std::unique_ptr<llvm::Module>> joinChips(std::vector<std::unique_ptr<llvm::Module>> modules,
                                                        llvm::ArrayRef<GPUDescription> chips,
                                                        llvm::ArrayRef<KernelSignature> kernels);

} // namespace attn

#endif // ATTN_LIB_COMPILER_CHIPS_H
