// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The loops over key tiles of one row tile.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYLOOPS_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYLOOPS_H

#include "KeyBounds.h"
#include "TileClassifier.h"

namespace attn {

class KeyLoops {
public:
  /// Packs what does not depend on the key and computes the bounds of all loops.
  explicit KeyLoops(RowTile &tile);

  /// The normalizer of `op` with the state that the op's results need.
  static NormalizerInterface getNormalizer(GenericOp op);
  /// What accumulator, state and lists of a row hold before any key.
  static llvm::SmallVector<mlir::Value> getStartValues(RowTile &tile);
  /// Their types: acc is over [e, rows], or [rows, e] in orientation rows_major, each state over [rows], and where
  /// top-k is asked for (TopK.h) its two lists lie as acc does.
  static llvm::SmallVector<mlir::RankedTensorType> getStateTypes(RowTile &tile);

  /// Visits all keys, of `tile.split` if it is set: acc, the states and the lists after them.
  llvm::SmallVector<mlir::Value> accumulate();
  /// The same, in `buffers`, whose contents do not matter.
  llvm::SmallVector<mlir::Value> accumulate(mlir::ValueRange buffers);
  /// Fills `destination`, a slice of the op's weights, with those of the row tile. `state` holds the state tensors,
  /// then the factor, each over [rows].
  mlir::Value writeWeights(llvm::ArrayRef<mlir::Value> state, const TileOperand &destination);

private:
  using LoopBody = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value start, mlir::ValueRange state)>;
  using TileBody =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(const KeyTile &, mlir::ValueRange state, bool withMask)>;

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

  /// Whether Q, K and V are multiplied as they are.
  bool isNarrow() const { return tile.plan.getPrecision() != Precision::Accumulator; }
  void addSources(mlir::OperandRange tensors, unsigned &number, llvm::SmallVectorImpl<Source> &sources);
  llvm::SmallVector<TileOperand> load(llvm::ArrayRef<Source> sources, const KeyTile &keys);
  /// Q with its rows where the plan wants them, times `factor`.
  TileOperand packQuery(mlir::Type elementType, double factor);
  /// `asTheyAre`: the operands of the contractions as they are, else in the accumulator's type.
  Operands load(const KeyTile &keys, bool withMask, bool asTheyAre);
  /// What `load` needs where it widens although the plan says bf16.
  void packWideQuery();
  void cloneRegions(mlir::Region &similarity, mlir::Region &score, mlir::Region &mask, bool withMask);
  /// Maps in the order of a tile op's operands, then `others`. Ops without V have no `value`.
  mlir::ArrayAttr getMaps(const Operands &operands, const TileOperand *value, llvm::ArrayRef<mlir::AffineMap> others);

  /// Where the keys of `tile.split` begin and end.
  void computeCuts();
  /// The part of [lower, upper) that is of this split.
  std::pair<mlir::OpFoldResult, mlir::OpFoldResult> restrict(unsigned lower, unsigned upper);
  /// scf.for over the first keys of the tiles of [lower, upper), without iterations nothing.
  llvm::SmallVector<mlir::Value> loop(mlir::OpFoldResult lower, mlir::OpFoldResult upper, mlir::ValueRange init,
                                      LoopBody body);
  /// The key tile at `start` in a loop that ends at `upper`; a whole one has a static size.
  KeyTile getTile(mlir::Value start, mlir::OpFoldResult upper, bool isWhole);
  llvm::SmallVector<mlir::Value> choose(mlir::Value condition, mlir::ValueRange init,
                                        llvm::function_ref<llvm::SmallVector<mlir::Value>()> ifTrue,
                                        llvm::function_ref<llvm::SmallVector<mlir::Value>()> ifFalse);
  /// One tile whose mask has to be looked at: where a classifier may say that it need not be, `body` in branches.
  llvm::SmallVector<mlir::Value> visitMasked(const KeyTile &keys, mlir::ValueRange args, TileBody body);
  /// One tile of a Tested segment: `body` in branches.
  llvm::SmallVector<mlir::Value> visitTested(const KeySegment &segment, mlir::Value start, mlir::OpFoldResult upper,
                                             mlir::ValueRange args, TileBody body);
  /// All segments in order, each tile with mask or without.
  llvm::SmallVector<mlir::Value> visitAll(mlir::ValueRange init, TileBody body);
  llvm::SmallVector<mlir::Value> step(const KeyTile &keys, mlir::ValueRange state, bool withMask, bool guarded);
  /// The weights of one key tile, of the rows that the tile has.
  mlir::Value weigh(const KeyTile &keys, llvm::ArrayRef<mlir::Value> state, bool withMask);
  /// Whether a NaN or an infinity stands in acc, as an i1.
  mlir::Value hasNonFinite(mlir::Value acc);

  RowTile &tile;
  mlir::RewriterBase &rewriter;
  mlir::Location loc;
  GenericOp op;
  KeyRanges ranges;
  std::optional<KeyBounds> bounds;
  /// Keys of this split, [firstKey, endKey); null without.
  mlir::Value firstKey, endKey;
  std::optional<TileClassifier> classifier;
  TileOperand query, wideQuery;
  llvm::SmallVector<Source> similarity, score, mask;
  NormalizerInterface normalizer;
  double scale, exponentScale;
};

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_KEYLOOPS_H
