// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What attn.generic, attn.online and attn.weights share (ScoredOpInterface): element operands, captures and regions.
#include "OperandMaps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace attn {

LogicalResult verifyScoredOperands(ScoredOpInterface op, OperandMaps &maps, unsigned firstElementOperand,
                                   const LoopInfo &loops) {
  // generic C5
  unsigned first = firstElementOperand, count = op.getSimilarityOperands().size();
  if (failed(maps.verifyKinds(first, count, loops, {LoopKind::Batch, LoopKind::Row, LoopKind::Key, LoopKind::D})))
    return failure();
  first += count;
  count = op.getScoreOperands().size() + op.getMaskOperands().size();
  if (failed(maps.verifyKinds(first, count, loops, {LoopKind::Batch, LoopKind::Row, LoopKind::Key})))
    return failure();
  // generic C9
  for (auto [number, capture] : llvm::enumerate(op.getCaptures())) {
    Type type = capture.getType();
    if (!isa<IntegerType, IndexType, FloatType, RankedTensorType>(type))
      return op.emitOpError("expects 'capture ")
             << number << "' to be an integer, index, float or ranked tensor, got " << type;
  }
  // generic C10
  if (!op.getOffsets().empty() && op.getOffsets().size() != loops.getNumLoops())
    return op.emitOpError("expects no offset or one per loop (")
           << loops.getNumLoops() << "), got " << op.getOffsets().size();
  return success();
}

namespace {

LogicalResult verifyRegion(ScoredOpInterface op, Region &region, StringRef name, ArrayRef<Type> arguments,
                           Type yielded) {
  if (region.empty())
    return success();
  // generic C8
  Block &block = region.front();
  if (!llvm::equal(block.getArgumentTypes(), arguments)) {
    InFlightDiagnostic diagnostic = op.emitOpError("expects region '") << name << "' to take (";
    llvm::interleaveComma(arguments, diagnostic);
    diagnostic << "), got (";
    llvm::interleaveComma(block.getArgumentTypes(), diagnostic);
    return diagnostic << ")";
  }
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(&block.back());
  if (!yield)
    return op.emitOpError("expects region '") << name << "' to end in attn.yield";
  if (yield.getValue().getType() != yielded)
    return op.emitOpError("expects region '")
           << name << "' to yield " << yielded << ", got " << yield.getValue().getType();
  // generic C13
  for (Operation &nested : block) {
    bool known = isa_and_nonnull<arith::ArithDialect, math::MathDialect>(nested.getDialect()) ||
                 isa<tensor::ExtractOp, IndexOp, YieldOp>(nested);
    if (!known || nested.getNumRegions() != 0 || !isMemoryEffectFree(&nested)) {
      InFlightDiagnostic diagnostic = op.emitOpError("expects region '")
                                      << name << "' to hold only pure ops of arith, math, tensor.extract and "
                                      << "attn.index, got '" << nested.getName() << "'";
      diagnostic.attachNote(nested.getLoc()) << "the op is here";
      return diagnostic;
    }
  }
  return success();
}

} // namespace

LogicalResult verifyScoredRegions(ScoredOpInterface op) {
  Type accumulator = op.getAccumulatorType();
  auto arguments = [&](std::initializer_list<Type> first, OperandRange operands) {
    SmallVector<Type> types(first);
    for (Value operand : operands)
      types.push_back(getElementType(operand));
    llvm::append_range(types, op.getCaptures().getTypes());
    return types;
  };
  Type i1 = IntegerType::get(op.getContext(), 1);
  if (failed(verifyRegion(op, op.getSimilarity(), "similarity",
                          arguments({accumulator, accumulator}, op.getSimilarityOperands()), accumulator)) ||
      failed(verifyRegion(op, op.getScore(), "score", arguments({accumulator}, op.getScoreOperands()), accumulator)))
    return failure();
  return verifyRegion(op, op.getMask(), "mask", arguments({}, op.getMaskOperands()), i1);
}

} // namespace attn
