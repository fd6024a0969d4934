// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From attention on tiles to tiles that the threads of a GPU hold.
#ifndef ATTN_CONVERSION_ATTENTIONTOFRAGMENT_ATTENTIONTOFRAGMENT_H
#define ATTN_CONVERSION_ATTENTIONTOFRAGMENT_ATTENTIONTOFRAGMENT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace attn {

#define GEN_PASS_DECL
#include "attn/Conversion/AttentionToFragment/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/AttentionToFragment/Passes.h.inc"

/// Replaces the body of `function`, a kernel function whose plan is one for a GPU, by ops on fragments and views. Fails
/// with an error for what has no such form.
llvm::LogicalResult convertToFragment(mlir::RewriterBase &rewriter, mlir::func::FuncOp function);

} // namespace attn

#endif // ATTN_CONVERSION_ATTENTIONTOFRAGMENT_ATTENTIONTOFRAGMENT_H
