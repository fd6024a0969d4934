// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_RUNNER_RUNMAIN_H
#define ATTN_RUNNER_RUNMAIN_H

#include "mlir/IR/DialectRegistry.h"

namespace attn {

/// The program attn-run. Inputs are parsed with the dialects of `registry`. Returns the exit status.
int runMain(int argc, char **argv, const mlir::DialectRegistry &registry);

} // namespace attn

#endif // ATTN_RUNNER_RUNMAIN_H
