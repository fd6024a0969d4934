// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_SUPPORT_VERSION_H
#define ATTN_SUPPORT_VERSION_H

#include "llvm/ADT/StringRef.h"

namespace attn {

/// The version of the compiler, as in "0.1.0".
llvm::StringRef getVersion();

} // namespace attn

#endif // ATTN_SUPPORT_VERSION_H
