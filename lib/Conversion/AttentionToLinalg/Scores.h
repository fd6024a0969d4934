// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The scores of one tile, shared by attn.online and attn.weights.
#ifndef ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_SCORES_H
#define ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_SCORES_H

#include "GenericBuilder.h"
#include "attn/Dialect/Attention/IR/Attention.h"

namespace attn {

/// What the two ops have in common and their interface does not say.
struct ScoredTile {
  /// Mutable: accessors of an op are not const, though all they read is a pointer.
  mutable ScoredOpInterface op;
  LoopInfo loops;
  /// Type of scores, f32 or f64.
  mlir::Type type;
  /// Orientation of the score tile: loops of its dimensions.
  mlir::AffineMap map;
  double exponentScale;
  PlanAttr plan;
  /// Whether scores have to be right for whatever finite or infinite values: what may be NaN instead is redone so.
  bool isGuarded;
};

/// Reports a tile whose score scratch would not have a static size.
llvm::LogicalResult checkTile(const ScoredTile &tile);

/// Loop number k of the op in a linalg op, as a position in the whole problem.
mlir::Value buildPosition(mlir::OpBuilder &builder, ScoredOpInterface op, const LoopOrder &order, unsigned loop);

/// Number of the first map after those of query, key and, where there is one, value.
unsigned getFirstElementMap(ScoredOpInterface op);

/// Operands of one role with their maps, without the dimensions of fixed loops: those have extent 1 and no place in a
/// linalg op.
llvm::SmallVector<MappedTensor> mapOperands(mlir::OpBuilder &builder, const ScoredTile &tile,
                                            mlir::OperandRange operands, unsigned firstMap);

/// The body of `region` at the builder's insertion point, on `scalars` and the op's captures. The op `known`, if any,
/// is left out and has the result `value`.
mlir::Value inlineRegion(mlir::OpBuilder &builder, ScoredOpInterface op, mlir::Region &region, const LoopOrder &order,
                         llvm::ArrayRef<mlir::Value> scalars, mlir::Operation *known = nullptr, mlir::Value value = {});

/// A new tensor over loops of the tile: a slice of one of static size, so that it becomes a static allocation.
MappedTensor buildScratch(mlir::OpBuilder &builder, const ScoredTile &tile, mlir::AffineMap map,
                          mlir::Type elementType);

/// Role `qk`: S = sum_d similarity(Q, K, x..), not yet scaled, in `destination` (of the tile's orientation) or else in
/// a new scratch tensor.
MappedTensor buildSimilaritySum(mlir::OpBuilder &builder, const ScoredTile &tile, mlir::Value destination = {});

/// What is done to each similarity sum before the normalizer sees it.
class ScoreEpilogue {
public:
  /// Creates constants and slices at `builder`'s insertion point.
  ScoreEpilogue(mlir::OpBuilder &builder, const ScoredTile &tile);
  /// Nothing is.
  bool isIdentity() const;
  /// Element operands of the score and mask regions, in the order in which `build` wants their scalars.
  llvm::ArrayRef<MappedTensor> getOperands() const { return operands; }
  /// -inf where the mask is false, else exponent_scale * score(scale * s, y..).
  mlir::Value build(mlir::OpBuilder &builder, const LoopOrder &order, mlir::Value s, mlir::ValueRange scalars) const;

private:
  const ScoredTile &tile;
  llvm::SmallVector<MappedTensor> operands;
  /// Null for a factor of 1.
  mlir::Value scale, exponentScale;
  mlir::Value negativeInfinity;
};

} // namespace attn

#endif // ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_SCORES_H
