// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The GPUs that kernels are compiled for.
#ifndef ATTN_COMPILER_GPUTARGET_H
#define ATTN_COMPILER_GPUTARGET_H

#include "attn/Pipelines/Pipelines.h"

#include "llvm/Support/Error.h"

#include <string>
#include <vector>

namespace attn {

/// What --target names.
enum class TargetKind { CPU, NVIDIA, NVIDIAEmulated };

/// The chip of --chip where none is given: the oldest, whose code every other one can run.
inline constexpr llvm::StringLiteral kDefaultChip = "sm_80";

/// Describes `chip`, "sm_90" for instance. The error of an unknown name lists those that are known.
llvm::Expected<GPUDescription> describeGPU(llvm::StringRef chip);

/// Describes each of `chips`, of none kDefaultChip. A name that stands twice is an error.
llvm::Expected<std::vector<GPUDescription>> describeGPUs(llvm::ArrayRef<std::string> chips);

/// The target of this name; `accepted` are those that a tool takes. The error lists them.
llvm::Expected<TargetKind> parseTarget(llvm::StringRef name, llvm::ArrayRef<TargetKind> accepted);

} // namespace attn

#endif // ATTN_COMPILER_GPUTARGET_H
