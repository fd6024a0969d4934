// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Attributes of the attention dialect without its ops: what targets may see.
#ifndef ATTN_DIALECT_ATTENTION_IR_ATTENTIONATTRIBUTES_H
#define ATTN_DIALECT_ATTENTION_IR_ATTENTIONATTRIBUTES_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"

#include "attn/Dialect/Attention/IR/AttentionDialect.h.inc"
#include "attn/Dialect/Attention/IR/AttentionEnums.h.inc"

namespace attn {

/// What scores and states are exponents of. Tile ops use Two: one exp2 instruction or polynomial, with the
/// factor log2(e) folded into the scores once. `m` and `l` of Two belong to scores multiplied by log2(e); `lse` and
/// `max` are natural in both. Normalizers without exponentials ignore it.
enum class ExpBase { E, Two };

/// Which value of NormalizerInterface::finish is the result of kind lse, max or entropy.
inline unsigned getFinishIndex(ResultKind kind) {
  return kind == ResultKind::Lse ? 1 : kind == ResultKind::Max ? 2 : 3;
}

/// Whether a result of this kind has a trailing dimension k.
inline bool isTopK(ResultKind kind) { return kind == ResultKind::TopkValues || kind == ResultKind::TopkIndices; }

// Defaults of NormalizerInterface.

/// Whether a result of this kind needs nothing but the weights themselves.
bool needsOnlyWeights(ResultKind kind);
/// `state` and a factor of 1: nothing changes when a row without maximum sees more keys.
llvm::SmallVector<mlir::Value> keepSums(mlir::OpBuilder &builder, mlir::Location loc, mlir::FloatType type,
                                        mlir::ValueRange state);
mlir::Value buildOne(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type type);

} // namespace attn

#include "attn/Dialect/Attention/IR/AttentionInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Attention/IR/AttentionAttrs.h.inc"

namespace attn {

/// Discardable attribute with a #attn.plan: on attn.generic, then on the loop it becomes, then on the task function.
constexpr llvm::StringLiteral kPlanName = "attn.plan";
/// Discardable string attribute of a linalg op: what the op is for.
constexpr llvm::StringLiteral kRoleName = "attn.role";
/// Role of the linalg op that puts the scores of a key tile into the sorted lists of their rows. `ins` is scores over
/// rows and keys; `outs` are the lists, scores and positions, over rows and ranks, and what goes from one rank to the
/// next, over rows. Its loops are a row, a key, a rank, in this order, and sequential. A score that does not belong
/// before the last of the list changes nothing.
constexpr llvm::StringLiteral kRankRole = "rank";
/// Discardable attribute of a kernel function that returns nothing: an array of {kind, name, type}, one an argument.
constexpr llvm::StringLiteral kArgumentsName = "attn.arguments";
/// String attribute of an argument or result of a kernel function on tensors: its name for callers.
constexpr llvm::StringLiteral kArgumentName = "attn.name";
/// Discardable unit attribute of math.exp2: the argument is 0 or less, or NaN, so that its expansion needs no upper
/// bound.
constexpr llvm::StringLiteral kNonPositiveName = "attn.non_positive";

/// The op that asks the call how many parts keys are divided into. Targets answer it, and see no other op.
constexpr llvm::StringLiteral kNumSplitsOpName = "attn.num_splits";
/// Discardable unit attribute of the scf.forall over those parts, inside the loop over row tiles.
constexpr llvm::StringLiteral kSplitName = "attn.split";

} // namespace attn

#endif // ATTN_DIALECT_ATTENTION_IR_ATTENTIONATTRIBUTES_H
