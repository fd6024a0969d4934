// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What targets agree on about the attribute attn.kernel, which says what the world outside knows of a kernel.
#ifndef ATTN_SUPPORT_KERNELATTRIBUTES_H
#define ATTN_SUPPORT_KERNELATTRIBUTES_H

#include "llvm/ADT/StringRef.h"

namespace attn {

/// An entry of attn.kernel: the kernel is one of a GPU.
constexpr llvm::StringLiteral kIsLaunchedName = "launched";

/// What the parts of one row tile share begins with the number of those that are done, where that is counted: a cache
/// line of its own.
constexpr int64_t kPartialsHeaderBytes = 64;

} // namespace attn

#endif // ATTN_SUPPORT_KERNELATTRIBUTES_H
