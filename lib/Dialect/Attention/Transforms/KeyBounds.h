// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The key ranges of one row tile as values.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYBOUNDS_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYBOUNDS_H

#include "RowTile.h"
#include "attn/Analysis/KeyRanges.h"

namespace attn {

class KeyBounds {
public:
  /// Computes every step of `ranges` at the insertion point of `tile`.
  KeyBounds(RowTile &tile, const KeyRanges &ranges);

  /// The value of a step.
  mlir::OpFoldResult operator[](unsigned step) const { return values[firstStep + step]; }
  /// Whether one of `tests` holds for the key tile `number`, as an i1.
  mlir::Value anyHolds(llvm::ArrayRef<KeyTileTest> tests, mlir::Value number);
  /// A value of the mask region that depends on neither row nor key, computed outside of it.
  mlir::Value getRegionValue(mlir::Value value) { return hoist(value); }
  /// The indexing map of a mask operand.
  mlir::AffineMap getMaskMap(unsigned number);

private:
  mlir::OpFoldResult getSymbol(const KeyRangeSymbol &symbol);
  mlir::Value hoist(mlir::Value value);
  mlir::OpFoldResult toIndex(mlir::Value value);
  mlir::OpFoldResult clamp(mlir::OpFoldResult value);
  /// All results of `map` are at least 0.
  mlir::Value areNonNegative(mlir::AffineMap map, mlir::Value number);

  RowTile &tile;
  mlir::RewriterBase &rewriter;
  mlir::Location loc;
  int64_t largestSymbol;
  /// Symbols, then steps.
  llvm::SmallVector<mlir::OpFoldResult> values;
  unsigned firstStep;
  llvm::DenseMap<mlir::Value, mlir::Value> hoisted;
};

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYBOUNDS_H
