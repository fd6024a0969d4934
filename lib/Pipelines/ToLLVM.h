// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What every way to the llvm dialect ends with.
#ifndef ATTN_LIB_PIPELINES_TOLLVM_H
#define ATTN_LIB_PIPELINES_TOLLVM_H

#include "mlir/Pass/PassManager.h"

namespace attn {

/// Memory, scalars, control flow and functions to the llvm dialect. Vectors and mathematical functions come before.
void addScalarConversionToLLVM(mlir::OpPassManager &pm);

} // namespace attn

#endif // ATTN_LIB_PIPELINES_TOLLVM_H
