// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// exp2, exp and tanh by polynomials in registers.
#ifndef ATTN_LIB_TARGET_CPU_EXPANDEXPONENTIALS_H
#define ATTN_LIB_TARGET_CPU_EXPANDEXPONENTIALS_H

#include "mlir/IR/PatternMatch.h"

namespace attn {

/// math.exp2, math.exp and math.tanh of f32, scalars and vectors, total. `hasScalef`: vectors of 16 lanes have an
/// instruction that scales by a power of two.
void populateExponentialPatterns(mlir::RewritePatternSet &patterns, bool hasScalef);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_EXPANDEXPONENTIALS_H
