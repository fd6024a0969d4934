// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_TOOLS_ATTN_REDUCE_REDUCTIONPATTERNS_H
#define ATTN_TOOLS_ATTN_REDUCE_REDUCTIONPATTERNS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace attn {

/// Teaches -reduction-tree to make attention ops simpler: without their bias, mask, causal, scale and result clauses,
/// without the regions of `attn.generic`, and with smaller sizes. Each change is made by itself, and stays only if the
/// module verifies and its test still finds it interesting.
void registerReductionPatterns(mlir::DialectRegistry &registry);

} // namespace attn

#endif // ATTN_TOOLS_ATTN_REDUCE_REDUCTIONPATTERNS_H
