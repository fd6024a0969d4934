// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_FUZZER_FUZZMAIN_H
#define ATTN_FUZZER_FUZZMAIN_H

#include "mlir/IR/DialectRegistry.h"

namespace attn {

/// The program attn-fuzz. Kernels are parsed with the dialects of `registry`. Returns the exit status.
int fuzzMain(int argc, char **argv, const mlir::DialectRegistry &registry);

} // namespace attn

#endif // ATTN_FUZZER_FUZZMAIN_H
