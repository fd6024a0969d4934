// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Attention ops on tiles as linalg ops on tiles (pass attn-convert-to-linalg).
#ifndef ATTN_CONVERSION_ATTENTIONTOLINALG_ATTENTIONTOLINALG_H
#define ATTN_CONVERSION_ATTENTIONTOLINALG_ATTENTIONTOLINALG_H

#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace attn {

class FinalizeOp;
class MergeOp;
class OnlineOp;
class WeightsOp;

#define GEN_PASS_DECL
#include "attn/Conversion/AttentionToLinalg/Passes.h.inc"

/// Each replaces `op` by linalg ops on tensors that write into the destinations of `op`, in the order of its results.
/// failure() means that the op is not supported: an error was reported on it and the IR is unchanged.
llvm::LogicalResult convertToLinalg(mlir::RewriterBase &rewriter, OnlineOp op);
llvm::LogicalResult convertToLinalg(mlir::RewriterBase &rewriter, WeightsOp op);
llvm::LogicalResult convertToLinalg(mlir::RewriterBase &rewriter, MergeOp op);
llvm::LogicalResult convertToLinalg(mlir::RewriterBase &rewriter, FinalizeOp op);

#define GEN_PASS_REGISTRATION
#include "attn/Conversion/AttentionToLinalg/Passes.h.inc"

} // namespace attn

#endif // ATTN_CONVERSION_ATTENTIONTOLINALG_ATTENTIONTOLINALG_H
