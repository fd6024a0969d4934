// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tensor arguments and results as views that the caller owns (pass attn-prepare-abi).
#ifndef ATTN_CONVERSION_PREPAREABI_PREPAREABI_H
#define ATTN_CONVERSION_PREPAREABI_PREPAREABI_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace attn {

#define GEN_PASS_DECL
#include "attn/Conversion/PrepareAbi/Passes.h.inc"

/// Rewrites the signature of `function` (description of the pass). failure(): an error was reported and `function` is
/// unchanged. Does nothing to declarations and to functions without tensors in their signature.
llvm::LogicalResult prepareAbi(mlir::RewriterBase &rewriter, mlir::func::FuncOp function);

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/PrepareAbi/Passes.h.inc"

} // namespace attn

#endif // ATTN_CONVERSION_PREPAREABI_PREPAREABI_H
