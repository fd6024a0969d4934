// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// linalg.generic ops over loops of an attention op, one for each step of the definition.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_NAIVEBUILDER_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_NAIVEBUILDER_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace attn {

/// A tensor and the loop that indexes each of its dimensions.
struct LoopTensor {
  mlir::Value tensor;
  llvm::SmallVector<unsigned> loops;
};

class NaiveBuilder {
public:
  /// `maps` are those of `tensors`; sizes of loops come from both.
  NaiveBuilder(mlir::RewriterBase &builder, mlir::Location loc, mlir::FloatType type, mlir::ArrayAttr maps);

  /// Notes operand `tensor` with the next map. Dimensions over loops in `fixed`, which have size 1, are sliced away.
  LoopTensor add(mlir::Value tensor, llvm::ArrayRef<unsigned> fixed = {});
  /// Notes operands with a map each, or one map for all.
  llvm::SmallVector<LoopTensor> addEach(mlir::ValueRange tensors, llvm::ArrayRef<unsigned> fixed = {});
  llvm::SmallVector<LoopTensor> addShared(mlir::ValueRange tensors);

  /// A new tensor over `loops`, with elements of the accumulator type unless told otherwise.
  LoopTensor empty(llvm::ArrayRef<unsigned> loops, mlir::Type elementType = {});
  LoopTensor filled(llvm::ArrayRef<unsigned> loops, mlir::Value value);
  /// `tensor` with all elements set to `value`.
  LoopTensor filled(const LoopTensor &tensor, mlir::Value value);

  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &builder, mlir::ValueRange ins,
                                                                 mlir::ValueRange outs)>;
  /// One linalg.generic over `loops`, outermost first. A loop that some out does not use is a reduction: its iterations
  /// come in ascending order. Floats that `body` returns are converted to the element type of their out. Returns `outs`
  /// with the results.
  llvm::SmallVector<LoopTensor> generic(llvm::ArrayRef<unsigned> loops, llvm::ArrayRef<LoopTensor> ins,
                                        llvm::ArrayRef<LoopTensor> outs, Body body);

  mlir::Value constant(mlir::OpBuilder &builder, double value);
  mlir::Value toAccumulator(mlir::OpBuilder &builder, mlir::Value value) { return convert(builder, value, type); }
  /// Whether a score is that of a kept key: scores of the others are -inf.
  mlir::Value isKept(mlir::OpBuilder &builder, mlir::Value score);
  mlir::Value isNan(mlir::OpBuilder &builder, mlir::Value value);

  mlir::RewriterBase &builder;
  mlir::Location loc;
  /// The accumulator type.
  mlir::FloatType type;

private:
  mlir::Value convert(mlir::OpBuilder &nested, mlir::Value value, mlir::Type to);

  mlir::ArrayAttr maps;
  unsigned nextMap = 0;
  /// By loop; null where no operand has told yet.
  llvm::SmallVector<mlir::OpFoldResult> sizes;
};

/// Scores of `op` over `loops` (batches, rows, key, in any order): exponent_scale * score(scale * sum), or -inf for
/// keys that are not kept.
struct ScoreOperands {
  LoopTensor query, key;
  llvm::SmallVector<LoopTensor> similarity, score, mask;
};
LoopTensor buildScores(NaiveBuilder &naive, ScoredOpInterface op, const ScoreOperands &operands,
                       llvm::ArrayRef<unsigned> loops, unsigned d, double exponentScale);

/// Builds the results of `op` at the insertion point.
llvm::SmallVector<mlir::Value> decomposeGenericNaively(mlir::RewriterBase &rewriter, GenericOp op);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_NAIVEBUILDER_H
