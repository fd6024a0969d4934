// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shared by the parts of attn-convert-to-fragment: what became of each tensor.
#ifndef ATTN_LIB_CONVERSION_ATTENTIONTOFRAGMENT_FRAGMENTCONVERTER_H
#define ATTN_LIB_CONVERSION_ATTENTIONTOFRAGMENT_FRAGMENTCONVERTER_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "attn/Dialect/Fragment/IR/Fragment.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

namespace attn {

/// An operand of an attention op where it lies in memory: dimension d of the view runs over loop `map.getResult(d)`.
struct OperandView {
  mlir::Value view;
  mlir::AffineMap map;
};

/// Q, K and V of a tile op: as they lie, and as [row, d], [key, d] and [key, e].
struct OnlineOperands {
  LoopInfo loops;
  OperandView query, key, value;
  mlir::Value queryMatrix, keyMatrix, valueMatrix;
};

class RegionInliner;

/// Where regions of an attention op are evaluated: the loops' positions within the tile, null for loops that have one.
struct TilePosition {
  mlir::Value row, key, depth;
};

/// Copies code from the body of a kernel on tensors to one on views and fragments, block by block.
class FragmentConverter {
public:
  FragmentConverter(mlir::OpBuilder &builder, PlanAttr plan) : b(builder), plan(plan) {}

  /// Converts the ops of `block` but its terminator, at the insertion point.
  llvm::LogicalResult convertBlock(mlir::Block &block);

private:
  llvm::LogicalResult convert(mlir::Operation *op);
  llvm::LogicalResult convert(mlir::scf::ForallOp op);
  llvm::LogicalResult convert(mlir::scf::ForOp op);
  llvm::LogicalResult convert(mlir::scf::IfOp op);
  llvm::LogicalResult convert(mlir::linalg::GenericOp op);
  llvm::LogicalResult convert(mlir::linalg::FillOp op);
  llvm::LogicalResult convert(mlir::tensor::ExtractSliceOp op);
  llvm::LogicalResult convert(mlir::tensor::ExtractOp op);
  llvm::LogicalResult convert(OnlineOp op);
  llvm::LogicalResult convert(FinalizeOp op);
  llvm::LogicalResult convert(MergeOp op);
  llvm::LogicalResult convertView(mlir::Operation *op);

  // attn.online, in two ways.
  llvm::LogicalResult convertOnTensorCores(OnlineOp op);
  llvm::LogicalResult convertKeyByKey(OnlineOp op);

  // Keys divided among blocks.
  /// The loop over parts; what comes behind it where there is one part is done in it.
  llvm::LogicalResult convertParts(mlir::scf::ForallOp op);
  /// What comes behind the loop where there are several.
  llvm::LogicalResult convertMerge(mlir::scf::IfOp op);
  /// What `part` has of `memory`, whose first dimension are the parts.
  mlir::Value getPart(mlir::Value memory, mlir::Value part, llvm::ArrayRef<int64_t> shape);

  // What became of values.
  /// A number, a view or a fragment.
  mlir::Value get(mlir::Value value) { return values.lookupOrDefault(value); }
  mlir::OpFoldResult get(mlir::OpFoldResult value);
  llvm::SmallVector<mlir::Value> get(mlir::ValueRange range);
  /// The type of what a tensor of accumulator or state becomes; other types are kept.
  mlir::Type getType(mlir::Type type);
  fragment::TileType getAccumulatorType(int64_t columns, mlir::Type type);
  fragment::TileType getRowsType(mlir::Type type);

  // Operands of attention ops.
  OperandView getOperand(mlir::Value tensor, mlir::AffineMap map);
  /// Fails after an error on `op` where Q, K or V is not a matrix.
  llvm::FailureOr<OnlineOperands> getOperands(OnlineOp op);
  /// The regions of `op`, of a tile with so many rows and keys.
  RegionInliner getRegions(OnlineOp op, const LoopInfo &loops, mlir::Value rowCount, mlir::Value keyCount);
  /// The view with its dimensions in the order of these loops; null after an error on `op` where it has others.
  mlir::Value getMatrix(mlir::Operation *op, llvm::StringRef name, const OperandView &operand, int outer, int inner);
  /// Rows or keys that `view` has along `loop`.
  mlir::Value getSize(const OperandView &operand, unsigned loop);
  /// Creates the shared memory of a row tile at the insertion point.
  void allocate(OnlineOp op);

  // Scalars.
  mlir::Value index(int64_t value) { return mlir::arith::ConstantIndexOp::create(b, loc, value); }
  mlir::Value number(mlir::Type type, double value);
  mlir::Value splat(fragment::TileType type, double value);

  mlir::OpBuilder &b;
  PlanAttr plan;
  mlir::Location loc = b.getUnknownLoc();
  mlir::IRMapping values;
  /// Scratch tiles that are not made: where their elements lie instead, and which dimension of the scratch each
  /// dimension of that view is.
  llvm::DenseMap<mlir::Value, OperandView> packs;
  /// While the end of an only part is converted: the tensors over all parts, and its state.
  llvm::DenseMap<mlir::Value, mlir::Value> onlyStates;
  /// Choices whose one half is done already.
  llvm::DenseSet<mlir::Operation *> merges;
  /// Shared memory of Q, K and V; null where products are not on tensor cores.
  mlir::Value queries, keys, valuesShared;
};

/// Evaluates the regions of one attention op for an element at a time.
class RegionInliner {
public:
  /// `operands` are the similarity, score and mask operands, in order; `captures` what the op's captures became. `rows`
  /// and `keys` bound positions at which memory is read.
  RegionInliner(ScoredOpInterface op, LoopInfo loops, int rowLoop, llvm::ArrayRef<OperandView> operands,
                llvm::ArrayRef<mlir::Value> captures, llvm::ArrayRef<mlir::Value> offsets, mlir::Value rows,
                mlir::Value keys, double exponentScale);

  /// similarity(q, k, ..) in f32; q and k are extended.
  mlir::Value similarity(mlir::OpBuilder &b, mlir::Location loc, mlir::Value q, mlir::Value k, TilePosition position);
  /// From the similarity's sum to the logit in base 2: scale, score, and -inf where the mask says no.
  mlir::Value logit(mlir::OpBuilder &b, mlir::Location loc, mlir::Value sum, TilePosition position);
  /// A position at which memory may be read.
  mlir::Value clamp(mlir::OpBuilder &b, mlir::Location loc, mlir::Value position, mlir::Value size);
  TilePosition clamp(mlir::OpBuilder &b, mlir::Location loc, TilePosition position);

private:
  mlir::Value inlineRegion(mlir::OpBuilder &b, mlir::Location loc, mlir::Region &region, unsigned firstOperand,
                           unsigned numOperands, llvm::ArrayRef<mlir::Value> leading, TilePosition position);
  mlir::Value load(mlir::OpBuilder &b, mlir::Location loc, const OperandView &operand, TilePosition position);

  ScoredOpInterface op;
  LoopInfo loops;
  int rowLoop;
  llvm::SmallVector<OperandView> operands;
  llvm::SmallVector<mlir::Value> captures, offsets;
  mlir::Value rows, keys;
  double exponentScale;
};

/// `value` in `type`, a float that is not narrower; other types are kept.
mlir::Value widen(mlir::OpBuilder &b, mlir::Location loc, mlir::Value value, mlir::Type type);

} // namespace attn

#endif // ATTN_LIB_CONVERSION_ATTENTIONTOFRAGMENT_FRAGMENTCONVERTER_H
