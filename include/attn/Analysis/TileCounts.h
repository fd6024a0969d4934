// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How often tiled attention visits a key tile, counted by running the integer arithmetic of its loops.
#ifndef ATTN_ANALYSIS_TILECOUNTS_H
#define ATTN_ANALYSIS_TILECOUNTS_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

#include <optional>
#include <string>
#include <vector>

namespace attn {

/// Computes indices from what is known of the arguments of a function.
class IndexEvaluator {
public:
  /// Says that dimension `dim` of `tensor` has this size.
  void setDim(mlir::Value tensor, int64_t dim, int64_t size) { dims[{tensor, dim}] = size; }
  /// Says what the integers (i1: 0 or 1) of `tensor` are, whose sizes are known, in row-major order.
  void setElements(mlir::Value tensor, llvm::ArrayRef<int64_t> values) {
    elements[tensor].assign(values.begin(), values.end());
  }
  /// Sets a loop variable for the values inside of its loop.
  void setVariable(mlir::Value variable, int64_t number);

  /// The value of an integer or index (i1: 0 or 1), or of a size; nothing where it is not known: see getUnknown().
  std::optional<int64_t> evaluate(mlir::OpFoldResult value);
  std::optional<int64_t> evaluateDim(mlir::Value tensor, int64_t dim);

  /// What kept evaluate() from an answer first: "dimension 2 of 'q'".
  llvm::StringRef getUnknown() const { return unknown; }
  /// Whether any answer depended on this loop variable.
  bool isUsed(mlir::Value variable) const { return used.contains(variable); }

private:
  std::optional<int64_t> compute(mlir::Value value);
  std::optional<int64_t> computeDim(mlir::Value tensor, int64_t dim);
  std::optional<int64_t> computeElement(mlir::Value tensor, mlir::ValueRange indices);
  std::optional<int64_t> computeLoop(mlir::scf::ForOp loop, unsigned result);
  std::nullopt_t doNotKnow(const llvm::Twine &what);

  llvm::DenseMap<std::pair<mlir::Value, int64_t>, int64_t> dims;
  llvm::DenseMap<mlir::Value, std::vector<int64_t>> elements;
  llvm::DenseMap<mlir::Value, int64_t> variables;
  /// Answers, by the region that the value is defined in.
  llvm::DenseMap<mlir::Region *, llvm::DenseMap<mlir::Value, int64_t>> known;
  llvm::DenseSet<mlir::Value> used;
  std::string unknown;
};

/// One visit of a key tile by attn.online (without those that redo a row tile) or attn.weights.
struct TileVisit {
  /// Number of the row tile; position of the first key, the op's offset included.
  int64_t rowTile, firstKey, keys;
  bool isMasked, isOnline;
};

/// Visits of key tiles, summed over all tasks.
struct TileVisits {
  int64_t tiles = 0;
  /// Their keys, and their pairs of an existing row and a key.
  int64_t keys = 0, pairs = 0;
  /// The pairs that are computed: idle lanes of a tile of few rows count.
  int64_t computed = 0;
};

struct TileCounts {
  /// Iterations of the scf.forall, and their rows.
  int64_t tasks = 0, rows = 0;
  /// Visits by attn.online (without those that redo a row tile), and by attn.weights; [1] looks at a mask.
  TileVisits online[2], weights[2];
  /// Whether a tile may be visited less than is counted: the evaluator did not know a condition, and the branch that
  /// visits more was counted.
  bool isAtMost = false;
};

/// Counts what `tiled`, made by tileAttention() for `numRows` rows along the tiled loop, does. Nothing where the bounds
/// of a loop depend on what the evaluator does not know. `visits` gets those that were counted,
/// of one task where several do the same.
std::optional<TileCounts> countTiles(mlir::scf::ForallOp tiled, int64_t numRows, IndexEvaluator &evaluator,
                                     std::vector<TileVisit> *visits = nullptr);

} // namespace attn

#endif // ATTN_ANALYSIS_TILECOUNTS_H
