// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the mask is on a tile of rows and keys, decided at run time where the analysis of its code cannot say.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_TILECLASSIFIER_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_TILECLASSIFIER_H

#include "KeyBounds.h"
#include "RangeArithmetic.h"

namespace attn {

/// Runs the mask region on ranges of its values. An operand's smallest and largest value on the tile are looked for in
/// memory; so are those of a table between the smallest and the largest position that it is read at.
class TileClassifier {
public:
  /// Computes what does not depend on the key at the insertion point of `tile`, once for its rows.
  TileClassifier(RowTile &tile, KeyBounds &bounds);

  struct Truth {
    /// Whether the mask keeps every pair of the tile, and whether it may keep one, as i1.
    mlir::Value always, possible;
  };
  /// For the rows of the tile and `keys`, of which there is at least one.
  Truth classify(const KeyTile &keys);

private:
  using Ranges = llvm::DenseMap<mlir::Value, RangeOfValues>;

  bool dependsOnKey(mlir::Value value);
  /// Computes the largest parts of `value` that do not depend on the key.
  void prepare(mlir::Value value);
  RangeOfValues getRange(mlir::Value value, const KeyTile *keys);
  RangeOfValues computeRange(mlir::Value value, const KeyTile *keys);
  RangeOfValues getPosition(unsigned loop, const KeyTile *keys);
  RangeOfValues getOperandRange(unsigned number, const KeyTile *keys);
  RangeOfValues getTableRange(mlir::tensor::ExtractOp extract, const KeyTile *keys);
  /// The range of the elements of `tensor` at positions [lower, upper) of each dimension (upper null: at lower). If
  /// there are none, every value of its type: asked for with `mayBeEmpty`.
  RangeOfValues search(mlir::Value tensor, llvm::ArrayRef<mlir::Value> lower, llvm::ArrayRef<mlir::Value> upper,
                       bool mayBeEmpty);

  RowTile &tile;
  KeyBounds &bounds;
  mlir::RewriterBase &rewriter;
  mlir::Location loc;
  RangeArithmetic arithmetic;
  mlir::Block &mask;
  llvm::DenseMap<mlir::Value, bool> keyDependence;
  /// Of values that do not depend on the key, and of all others for the key tile that is being classified.
  Ranges ofRows, ofTile;
};

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_TILECLASSIFIER_H
