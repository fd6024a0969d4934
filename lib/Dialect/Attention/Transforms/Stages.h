// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Stages of a kernel beside attention: groups of linalg ops that are computed tile by tile in one parallel loop.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_STAGES_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_STAGES_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SmallBitVector.h"

#include <optional>

namespace attn {

/// The linalg.generic of the same block that makes `value`, or null.
mlir::linalg::GenericOp getGenericProducer(mlir::Value value);

/// Those who use the result of `op`; tensor.dim, which asks for sizes only, is left out.
llvm::SmallVector<mlir::OpOperand *> getReaders(mlir::linalg::GenericOp op);

/// sum over k of left * right, each possibly widened, added to the output: `columns` is the innermost loop of the
/// output and indexes the right operand only.
struct Contraction {
  mlir::OpOperand *left, *right;
  unsigned columns, reduction;
};

/// `op` as a contraction of two tensors over one loop; nullopt for any other op.
std::optional<Contraction> getContraction(mlir::linalg::GenericOp op);

/// Whether `contraction` of `op` can be taken in pairs of bf16, added in f32: both operands are bf16 and widened as
/// they are, pairs of the left one are neighbours in memory, and of the right one a tile has the reduction and the
/// columns.
bool canMultiplyPairs(mlir::linalg::GenericOp op, const Contraction &contraction);

/// Where the loops of an op of a stage are among those of the stage's last op: a number for each loop, -1 for one that
/// is whole in every tile.
using LoopPlaces = llvm::SmallVector<int>;

/// Places of the loops of `producer`, which the user at `places` reads through `map`.
LoopPlaces placeProducer(mlir::linalg::GenericOp producer, llvm::ArrayRef<int> places, mlir::AffineMap map);

/// A stage under construction, or found again by the plan on its last op.
struct Stage {
  mlir::linalg::GenericOp root;
  /// Every op of the stage with the places of its loops, in the order in which they were found: users before producers.
  llvm::SmallVector<std::pair<mlir::linalg::GenericOp, LoopPlaces>> ops;
  /// Loops of the root that are tiled.
  llvm::SmallBitVector tiled;

  explicit Stage(mlir::linalg::GenericOp root);
  bool hasContraction() const;
  const LoopPlaces *find(mlir::linalg::GenericOp op) const;
  /// Adds `op`, all of whose readers are in the stage, unless it cannot be computed tile by tile with it.
  bool join(mlir::linalg::GenericOp op);
};

/// The stage whose last op is `root`: with it all producers that are in no other and of no attention.
Stage findStage(mlir::linalg::GenericOp root);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_STAGES_H
