// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Support/Version.h"

llvm::StringRef attn::getVersion() { return ATTN_VERSION; }
