// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The loops over key tiles of one row tile.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYLOOPS_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYLOOPS_H

#include "RowTile.h"
#include "attn/Analysis/KeyRanges.h"

namespace attn {

class KeyLoops {
public:
  /// Packs what does not depend on the key and computes the bounds of all loops.
  explicit KeyLoops(RowTile &tile);

  /// Visits all keys: acc over [e, rows] and the states over [rows] of the finished row tile.
  llvm::SmallVector<mlir::Value> accumulate();
  /// Fills `destination`, a slice of the op's weights, with those of the row tile. `state` holds the state tensors,
  /// then the factor, each over [rows].
  mlir::Value writeWeights(llvm::ArrayRef<mlir::Value> state, const TileOperand &destination);

private:
  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(const KeyTile &, mlir::ValueRange)>;

  /// The operands of a tile op for one key tile.
  struct Operands {
    TileOperand query, key;
    llvm::SmallVector<TileOperand> similarity, score, mask;
    llvm::SmallVector<mlir::Value> captures, offsets;
  };

  /// An operand that may be over keys: then it is loaded with each key tile, else it was loaded with the row tile.
  struct Source {
    unsigned number;
    mlir::Value tensor;
    std::optional<TileOperand> loaded;
  };

  void addSources(mlir::OperandRange tensors, unsigned &number, llvm::SmallVectorImpl<Source> &sources);
  void computeBounds();
  llvm::SmallVector<TileOperand> load(llvm::ArrayRef<Source> sources, const KeyTile &keys);
  Operands load(const KeyTile &keys, bool withMask);
  void cloneRegions(mlir::Region &similarity, mlir::Region &score, mlir::Region &mask, bool withMask);
  /// Maps in the order of a tile op's operands, then `others`. Ops without V have no `value`.
  mlir::ArrayAttr getMaps(const Operands &operands, const TileOperand *value, llvm::ArrayRef<mlir::AffineMap> others);

  /// What accumulator and state of a row hold before any key.
  llvm::SmallVector<mlir::Value> getStartValues();
  llvm::SmallVector<mlir::Value> freshState();
  /// scf.for over the key tiles of [lower, upper), without iterations nothing; whole tiles have a static size.
  llvm::SmallVector<mlir::Value> loop(mlir::OpFoldResult lower, mlir::OpFoldResult upper, bool wholeTiles,
                                      mlir::ValueRange init, Body body);
  llvm::SmallVector<mlir::Value> step(const KeyTile &keys, mlir::ValueRange state, bool withMask, bool guarded);
  /// The weights of one key tile over [keys, rows], of the rows that the tile has.
  mlir::Value weigh(const KeyTile &keys, llvm::ArrayRef<mlir::Value> state, bool withMask);
  /// Whether a NaN or an infinity stands in acc, as an i1.
  mlir::Value hasNonFinite(mlir::Value acc);

  RowTile &tile;
  mlir::RewriterBase &rewriter;
  mlir::Location loc;
  GenericOp op;
  KeyRanges ranges;
  llvm::SmallVector<mlir::OpFoldResult> bounds;
  TileOperand query;
  llvm::SmallVector<Source> similarity, score, mask;
  double scale, exponentScale;
};

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYLOOPS_H
