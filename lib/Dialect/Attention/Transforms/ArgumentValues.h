// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the options of explanations say about the arguments of functions.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_ARGUMENTVALUES_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_ARGUMENTVALUES_H

#include "attn/Analysis/TileCounts.h"

namespace attn {

/// Tells the evaluator sizes ("q=1x8x100x64") and numbers ("window=256") of arguments of the functions below `root`.
/// Fails with an error that names the option of `pass` where no argument is meant.
mlir::LogicalResult setArguments(mlir::Operation *root, llvm::StringRef pass, llvm::ArrayRef<std::string> shapes,
                                 llvm::ArrayRef<std::string> scalars, IndexEvaluator &evaluator);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_ARGUMENTVALUES_H
