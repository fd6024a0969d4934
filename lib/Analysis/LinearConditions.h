// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The mask region of an attention op as linear conditions on row and key.
#ifndef ATTN_LIB_ANALYSIS_LINEARCONDITIONS_H
#define ATTN_LIB_ANALYSIS_LINEARCONDITIONS_H

#include "attn/Analysis/KeyRanges.h"

namespace attn {

/// Numbers symbols as they are asked for.
class KeyRangeSymbols {
public:
  KeyRangeSymbols(mlir::MLIRContext *context, llvm::SmallVectorImpl<KeyRangeSymbol> &symbols)
      : context(context), symbols(symbols) {}
  mlir::AffineExpr get(KeyRangeSymbol::Kind kind, unsigned number = 0);
  mlir::MLIRContext *getContext() { return context; }

private:
  mlir::MLIRContext *context;
  llvm::SmallVectorImpl<KeyRangeSymbol> &symbols;
};

/// row * i + key * j + rest: `i` and `j` are positions of row and key in the whole problem, `rest` is affine in
/// symbols.
struct LinearForm {
  int64_t row = 0, key = 0;
  mlir::AffineExpr rest;
};

/// The condition that a linear form is at least 0.
using LinearCondition = LinearForm;

struct LinearConditions {
  /// All of these hold for a kept pair. Each has key != 0.
  llvm::SmallVector<LinearCondition> known;
  /// A pair for which all of `known` hold is kept.
  bool exact = true;
};

/// Reads the mask of `op`; an op without mask keeps every pair.
LinearConditions readLinearConditions(ScoredOpInterface op, const LoopInfo &loops, unsigned rowLoop,
                                      KeyRangeSymbols &symbols);

} // namespace attn

#endif // ATTN_LIB_ANALYSIS_LINEARCONDITIONS_H
