// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_COMPILER_COMPILEMAIN_H
#define ATTN_COMPILER_COMPILEMAIN_H

#include "mlir/IR/DialectRegistry.h"

namespace attn {

/// The program attn-compile. Inputs are parsed with the dialects of `registry`. Returns the exit status.
int compileMain(int argc, char **argv, const mlir::DialectRegistry &registry);

} // namespace attn

#endif // ATTN_COMPILER_COMPILEMAIN_H
