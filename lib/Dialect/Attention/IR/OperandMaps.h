// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Checks that several attention ops share: operands and their indexing maps, result kinds, regions.
#ifndef ATTN_LIB_DIALECT_ATTENTION_IR_OPERANDMAPS_H
#define ATTN_LIB_DIALECT_ATTENTION_IR_OPERANDMAPS_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "llvm/ADT/Twine.h"

namespace attn {

/// `op` has no discardable attribute that nothing would honour: a misspelt one would be silently ignored.
llvm::LogicalResult verifyNoStrayAttributes(mlir::Operation *op);

/// The tensor operands of an op that have loops, in the order of `indexing_maps`. Each check reports one error on the
/// op; nothing but verifyMaps may be called before verifyMaps succeeded.
class OperandMaps {
public:
  OperandMaps(mlir::Operation *op, mlir::ArrayAttr maps) : op(op), maps(maps) {}

  /// Adds an operand with the next map. Its last `trailing` dimensions are no loops.
  void add(mlir::Value tensor, const llvm::Twine &name, unsigned trailing = 0);
  /// Adds operands with a map each; they are called "`name` 0" and so on.
  void addEach(mlir::ValueRange tensors, llvm::StringRef name);
  /// Adds the similarity, score and mask operands of an op on scores.
  void addElementOperands(ScoredOpInterface scored);
  /// Adds operands with one map for all, which is there even if no operand is.
  void addShared(mlir::ValueRange tensors, llvm::StringRef name);

  /// There is one map per operand, over the same loops, a projected permutation with one result per dimension.
  /// `order` lists the operands for the message.
  llvm::LogicalResult verifyMaps(llvm::StringRef order);
  /// Static sizes that one loop gives to several operands are equal.
  llvm::LogicalResult verifySizes();
  /// Operands `first` to `first + count` use only loops of `kinds`.
  llvm::LogicalResult verifyKinds(unsigned first, unsigned count, const LoopInfo &loops,
                                  llvm::ArrayRef<LoopKind> kinds);
  /// Operands `first` to `first + count` use exactly the loops of `kinds`.
  llvm::LogicalResult verifyExactKinds(unsigned first, unsigned count, const LoopInfo &loops,
                                       llvm::ArrayRef<LoopKind> kinds);

  unsigned size() const { return operands.size(); }
  unsigned getNumLoops() const { return getMap(0).getNumDims(); }
  llvm::StringRef getName(unsigned operand) const { return operands[operand].name; }
  /// The map of an operand.
  mlir::AffineMap getMap(unsigned operand) const {
    return llvm::cast<mlir::AffineMapAttr>(maps[operands[operand].map]).getValue();
  }

private:
  struct Operand {
    /// Null stands for a map that no operand uses.
    mlir::Value tensor;
    std::string name;
    unsigned map, trailing;
  };
  mlir::RankedTensorType getType(const Operand &operand) const {
    return llvm::cast<mlir::RankedTensorType>(operand.tensor.getType());
  }

  mlir::Operation *op;
  mlir::ArrayAttr maps;
  llvm::SmallVector<Operand> operands;
  unsigned numMaps = 0;
};

/// Result kinds: `count` of them, `out` first, each at most once, all of `allowed`.
llvm::LogicalResult verifyResultKinds(mlir::Operation *op, mlir::ArrayAttr kinds, size_t count,
                                      llvm::ArrayRef<ResultKind> allowed);

/// Tensors of top-k, each null where it is not asked for, come together and share a last dimension of one static size.
llvm::LogicalResult verifyTopK(mlir::Operation *op, mlir::Value values, mlir::Value indices);

/// Element operands, captures and offsets of an op on scores: generic C5, C9 and C10.
llvm::LogicalResult verifyScoredOperands(ScoredOpInterface op, OperandMaps &maps, unsigned firstElementOperand,
                                         const LoopInfo &loops);
/// Its regions, after what they hold has been verified: generic C8 and C13.
llvm::LogicalResult verifyScoredRegions(ScoredOpInterface op);

/// The element type of a tensor.
mlir::Type getElementType(mlir::Value tensor);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_IR_OPERANDMAPS_H
