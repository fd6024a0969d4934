// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Builds linalg ops whose operands are described by the loops of the attention op they come from.
#ifndef ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_GENERICBUILDER_H
#define ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_GENERICBUILDER_H

#include "attn/Dialect/Attention/IR/Loops.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/PatternMatch.h"

namespace attn {

/// A tensor and which loops of the attention op its dimensions are.
struct MappedTensor {
  mlir::Value value;
  mlir::AffineMap map;
};

/// Where in a linalg op each loop of the attention op went.
class LoopOrder {
public:
  /// Dimension k of the linalg op is loop `loops[k]`.
  explicit LoopOrder(llvm::ArrayRef<unsigned> loops) : loops(loops) {}
  unsigned size() const { return loops.size(); }
  /// The dimension of `loop`, or nullopt where the linalg op does not have it.
  std::optional<unsigned> getDim(unsigned loop) const;
  /// `map`, over the attention op's loops, as a map over the linalg op's.
  mlir::AffineMap translate(mlir::AffineMap map) const;

private:
  llvm::SmallVector<unsigned> loops;
};

/// Entry `index` of an attribute like `indexing_maps`.
mlir::AffineMap getMap(mlir::ArrayAttr maps, size_t index);

/// `map` with loop `from` replaced by loop `to`.
mlir::AffineMap replaceLoop(mlir::AffineMap map, unsigned from, unsigned to);

/// Builds ops with one role at one location.
class GenericBuilder {
public:
  /// Receives one scalar per operand (ins, then outs) and returns one per out.
  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &, mlir::ValueRange)>;

  GenericBuilder(mlir::OpBuilder &builder, mlir::Location loc) : builder(builder), loc(loc) {}

  /// linalg.generic over `order`, without what in its body nobody uses. A dimension is parallel if every out has it,
  /// else a reduction.
  llvm::SmallVector<mlir::Value> generic(llvm::StringRef role, const LoopOrder &order, llvm::ArrayRef<MappedTensor> ins,
                                         llvm::ArrayRef<MappedTensor> outs, Body body);
  /// linalg.fill of `dest` with `value`, a constant of its element type.
  mlir::Value fill(llvm::StringRef role, double value, mlir::Value dest);
  /// A new tensor.empty of static shape.
  mlir::Value empty(llvm::ArrayRef<int64_t> shape, mlir::Type elementType);
  /// A constant of `type`.
  mlir::Value constant(mlir::Type type, double value);
  /// -FLT_MAX (or that of `type`): what stands for the maximum of a row without keys, so that differences stay finite.
  mlir::Value lowest(mlir::Type type);
  mlir::Value negativeInfinity(mlir::Type type);

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// The larger of two, `b` where they are equal or one is NaN: one instruction on every vector unit, where
/// arith.maximumf takes three to six.
mlir::Value selectMax(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value a, mlir::Value b);

/// A 16-bit float in accumulator type; others as they are.
mlir::Value extend(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value, mlir::Type type);

} // namespace attn

#endif // ATTN_LIB_CONVERSION_ATTENTIONTOLINALG_GENERICBUILDER_H
