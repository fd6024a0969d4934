// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What loop nests around a linalg op on buffers have in common, whichever loop its lanes are.
#ifndef ATTN_LIB_TARGET_CPU_TILENEST_H
#define ATTN_LIB_TARGET_CPU_TILENEST_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace attn {

/// Positions of all loops of the op being vectorised: scalars of index type.
using Positions = llvm::SmallVector<mlir::Value>;

/// Few rows read K and V as they come from memory. How many rows of K or V prefetches run ahead then: 32 and 64 served
/// alike, 16 and fewer less.
constexpr int64_t kRowsAhead = 32;
/// From so many query rows on, arithmetic is the limit as much as memory is: the processor's own prefetches, which
/// follow one stream best, fall behind, and prefetches pay for themselves. With fewer rows they cost a quarter of the
/// bandwidth.
constexpr int64_t kBusyRows = 8;

class TileNest {
protected:
  TileNest(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op) : b(rewriter), loc(op.getLoc()), op(op) {}

  /// Refuses tensors and operands that are no slices; computes the extents right before the op.
  mlir::LogicalResult analyzeOperands();
  /// The op right before this one, if all it does is to initialise the output `carried` elementwise; else null.
  mlir::linalg::LinalgOp findInitializer(mlir::OpOperand *carried);
  /// The value of a block argument of `user`: a scalar operand, what memory holds, or 0 for what the body does not
  /// read.
  mlir::Value loadArgument(mlir::linalg::LinalgOp user, mlir::OpOperand &operand, mlir::ValueRange at, int lanes,
                           int64_t width);
  /// What `output` holds at `at` before the op: from memory, or what `initializer`, if there is one, makes of it.
  mlir::FailureOr<mlir::Value> initialValue(mlir::linalg::LinalgOp initializer, mlir::OpOperand *output,
                                            const Positions &at, int lanes, int64_t width);
  /// Where the whole blocks of `step` positions end that start at `begin`.
  mlir::Value blocksEnd(unsigned loop, mlir::Value begin, int64_t step);
  /// Makes the code of `nest` for operands that are read from memory as [rowLoop, columnLoop], row by row, with
  /// `hasPrefetches` saying whether to ask for rows: always, or else, in a second copy, only where rows are no
  /// neighbours in memory. A test inside the loops cost a tenth of the bandwidth.
  mlir::LogicalResult withPrefetches(unsigned rowLoop, unsigned columnLoop, bool always,
                                     llvm::function_ref<mlir::LogicalResult()> nest);
  /// Asks for row `row`, a position of `rowLoop`, of what the caller owns and the op reads as [rowLoop, columnLoop],
  /// the columns contiguous: `columns` of them from `column` on. What lies beyond the last row is never touched.
  /// `level` is the cache that it shall reach: 1 or 2.
  void prefetchRow(unsigned rowLoop, mlir::Value row, unsigned columnLoop, mlir::Value column, int64_t columns,
                   int level);
  /// `body` for lower, lower + step, ... below upper, as an scf.for without results.
  mlir::LogicalResult loop(mlir::Value lower, mlir::Value upper, int64_t step,
                           llvm::function_ref<mlir::LogicalResult(mlir::Value)> body);

  mlir::Value extent(unsigned loop) { return getValueOrCreateConstantIndexOp(b, loc, extents[loop]); }
  mlir::Value constant(int64_t value) { return mlir::arith::ConstantIndexOp::create(b, loc, value); }
  mlir::Value add(mlir::Value a, int64_t n) {
    if (n == 0)
      return a;
    return mlir::arith::AddIOp::create(b, loc, a, constant(n), mlir::arith::IntegerOverflowFlags::nsw);
  }
  mlir::linalg::LinalgOp getLinalgOp() { return llvm::cast<mlir::linalg::LinalgOp>(op.getOperation()); }
  mlir::AffineMap mapOf(mlir::OpOperand *operand) { return op.getMatchingIndexingMap(operand); }
  bool uses(mlir::OpOperand *operand, unsigned loop) { return mapOf(operand).isFunctionOfDim(loop); }
  /// Whether `loop` is the innermost dimension of the operand.
  bool isInnermost(mlir::OpOperand *operand, unsigned loop) {
    mlir::AffineMap map = mapOf(operand);
    return map.getNumResults() > 0 && map.getResults().back() == b.getAffineDimExpr(loop);
  }

  mlir::RewriterBase &b;
  mlir::Location loc;
  mlir::linalg::GenericOp op;
  llvm::SmallVector<mlir::OpFoldResult> extents;
  bool hasPrefetches = false;

private:
  /// Inputs that the caller owns and the op reads as [rowLoop, columnLoop], the columns contiguous.
  llvm::SmallVector<mlir::OpOperand *> findStreams(unsigned rowLoop, unsigned columnLoop);
};

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_TILENEST_H
