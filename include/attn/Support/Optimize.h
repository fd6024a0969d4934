// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// LLVM's own passes over a module, for every target.
#ifndef ATTN_SUPPORT_OPTIMIZE_H
#define ATTN_SUPPORT_OPTIMIZE_H

#include "llvm/Passes/PassBuilder.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace attn {

/// Runs LLVM's default pipeline of `optLevel`, 0 to 3, over `module`. Without `hasLibrary` loops that fill or copy do
/// not become calls of memset and memcpy.
void optimize(llvm::Module &module, llvm::TargetMachine &machine, unsigned optLevel, bool hasLibrary = true,
              const llvm::PipelineTuningOptions &tuning = {});

} // namespace attn

#endif // ATTN_SUPPORT_OPTIMIZE_H
