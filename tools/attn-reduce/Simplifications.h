// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_TOOLS_ATTN_REDUCE_SIMPLIFICATIONS_H
#define ATTN_TOOLS_ATTN_REDUCE_SIMPLIFICATIONS_H

#include "mlir/IR/PatternMatch.h"
#include <functional>

namespace attn {

/// Changes an op and what is around it in its function. Returns the op, or the one that took its place.
using Simplification = std::function<mlir::Operation *(mlir::RewriterBase &, mlir::Operation *)>;

/// What can be tried on an attention op as it is now. Not all of it gives IR that verifies.
llvm::SmallVector<Simplification> collectSimplifications(mlir::Operation *op);

} // namespace attn

#endif // ATTN_TOOLS_ATTN_REDUCE_SIMPLIFICATIONS_H
