// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loops of an attention op, classified by which operands use them (attn.generic, C2 and C3).
#ifndef ATTN_DIALECT_ATTENTION_IR_LOOPS_H
#define ATTN_DIALECT_ATTENTION_IR_LOOPS_H

#include "mlir/IR/AffineMap.h"
#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"

namespace attn {

/// What a loop is, by its use in query, key, value and out. `Fixed` loops are used by no operand (tile ops only): they
/// have extent 1 and their position is their offset.
enum class LoopKind { Batch, Row, Key, D, E, Fixed };

/// "batch", "row", "key", "d", "e" or "fixed".
llvm::StringRef stringifyLoopKind(LoopKind kind);

/// The loops of one attention op.
struct LoopInfo {
  /// Kind of each loop, by number.
  llvm::SmallVector<LoopKind> kinds;
  /// Loop numbers of each kind, ascending.
  llvm::SmallVector<unsigned> batch, row, fixed;
  /// Loop numbers of the single loops. `e` is unset (-1) for attn.weights, which has no V.
  int key = -1, d = -1, e = -1;

  unsigned getNumLoops() const { return kinds.size(); }
};

/// Classifies loops by use; maps are projected permutations of the same loops. For attn.weights `value` is null and
/// `out` is the map of the weights. `allowFixed` accepts unused loops. On failure `error` says what was expected and
/// got.
mlir::FailureOr<LoopInfo> classifyLoops(mlir::AffineMap query, mlir::AffineMap key, mlir::AffineMap value,
                                        mlir::AffineMap out, bool allowFixed, std::string &error);

class GenericOp;
class OnlineOp;
class ScoredOpInterface;
class WeightsOp;
/// Loops of a verified op.
LoopInfo getLoopInfo(GenericOp op);
LoopInfo getLoopInfo(OnlineOp op);
LoopInfo getLoopInfo(WeightsOp op);
LoopInfo getLoopInfo(ScoredOpInterface op);

/// The loops of the results of a projected permutation, in order.
llvm::SmallVector<unsigned> getLoops(mlir::AffineMap map);

} // namespace attn

#endif // ATTN_DIALECT_ATTENTION_IR_LOOPS_H
