// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TileNest.h"

#include "BodyVectorizer.h"
#include "TileAccess.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace attn {

/// Bits of a cache line.
static constexpr int64_t kLineBits = 512;

/// Whether `memref` is a piece of the task's own memory.
static bool isScratch(Value memref) {
  while (auto view = memref.getDefiningOp<memref::SubViewOp>())
    memref = view.getSource();
  return memref.getDefiningOp<memref::ViewOp>() != nullptr;
}

LogicalResult TileNest::analyzeOperands() {
  if (!op.hasPureBufferSemantics())
    return op.emitError("expects buffers: run bufferisation first");
  for (AffineMap map : op.getIndexingMapsArray())
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return op.emitError("cannot vectorise an operand whose indexing map is no projected permutation");
  b.setInsertionPoint(op);
  for (Range range : getLinalgOp().createLoopRanges(b, loc))
    extents.push_back(range.size);
  return success();
}

linalg::LinalgOp TileNest::findInitializer(OpOperand *carried) {
  Operation *previous = op->getPrevNode();
  while (previous && !isa<linalg::LinalgOp>(previous) && isMemoryEffectFree(previous))
    previous = previous->getPrevNode();
  auto candidate = dyn_cast_or_null<linalg::LinalgOp>(previous);
  if (!candidate || candidate.getNumDpsInits() != 1 || candidate.getNumParallelLoops() != candidate.getNumLoops())
    return {};
  Value target = carried->get();
  if (candidate.getDpsInits()[0] != target)
    return {};
  // No other operand may read what the initialiser would have written.
  for (OpOperand &operand : op->getOpOperands())
    if (&operand != carried && operand.get() == target)
      return {};
  AffineMap candidateOut = candidate.getIndexingMapsArray().back();
  if (!candidateOut.isPermutation())
    return {};
  for (OpOperand *input : candidate.getDpsInputOperands()) {
    AffineMap map = candidate.getMatchingIndexingMap(input);
    bool isScalar = !isa<MemRefType>(input->get().getType());
    if (!isScalar && !map.isProjectedPermutation(true))
      return {};
  }
  return candidate;
}

Value TileNest::loadArgument(linalg::LinalgOp user, OpOperand &operand, ValueRange at, int lanes, int64_t width) {
  if (!isa<MemRefType>(operand.get().getType()))
    return operand.get();
  if (user.getMatchingBlockArgument(&operand).use_empty())
    return getZero(b, loc, getElementTypeOrSelf(operand.get().getType()));
  return loadElements(b, loc, operand.get(), user.getMatchingIndexingMap(&operand), at, lanes, width);
}

FailureOr<Value> TileNest::initialValue(linalg::LinalgOp initializer, OpOperand *output, const Positions &at, int lanes,
                                        int64_t width) {
  if (!initializer)
    return loadElements(b, loc, output->get(), mapOf(output), at, lanes, width);
  // Positions of the initialiser's loops, through the output both write.
  AffineMap out = mapOf(output), initializerOut = initializer.getIndexingMapsArray().back();
  Positions initializerAt(initializer.getNumLoops());
  int initializerLanes = -1;
  for (auto [mine, its] : llvm::zip_equal(out.getResults(), initializerOut.getResults())) {
    auto loop = cast<AffineDimExpr>(its).getPosition();
    auto position = dyn_cast<AffineDimExpr>(mine);
    initializerAt[loop] = position ? at[position.getPosition()] : constant(0);
    if (position && int(position.getPosition()) == lanes)
      initializerLanes = loop;
  }
  SmallVector<Value> arguments, results;
  for (OpOperand &operand : initializer->getOpOperands())
    arguments.push_back(loadArgument(initializer, operand, initializerAt, initializerLanes, width));
  BodyVectorizer body(b, loc, width);
  if (failed(body.run(*initializer.getBlock(), arguments, initializerAt, initializerLanes, results)))
    return failure();
  return results[0];
}

Value TileNest::blocksEnd(unsigned loop, Value begin, int64_t step) {
  if (step == 1)
    return extent(loop);
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  OpFoldResult end = affine::makeComposedFoldedAffineApply(b, loc, s0 + (s1 - s0).floorDiv(step) * step,
                                                           {getAsOpFoldResult(begin), extents[loop]});
  return getValueOrCreateConstantIndexOp(b, loc, end);
}

SmallVector<OpOperand *> TileNest::findStreams(unsigned rowLoop, unsigned columnLoop) {
  AffineMap map = AffineMap::get(op.getNumLoops(), 0, {b.getAffineDimExpr(rowLoop), b.getAffineDimExpr(columnLoop)},
                                 b.getContext());
  return llvm::filter_to_vector(op.getDpsInputOperands(), [&](OpOperand *input) {
    auto type = dyn_cast<MemRefType>(input->get().getType());
    return type && mapOf(input) == map && !type.getLayout().isIdentity() && !isScratch(input->get()) &&
           type.areTrailingDimsContiguous(1) && !type.isDynamicDim(1);
  });
}

LogicalResult TileNest::withPrefetches(unsigned rowLoop, unsigned columnLoop, bool always,
                                       function_ref<LogicalResult()> nest) {
  SmallVector<OpOperand *> streams = findStreams(rowLoop, columnLoop);
  hasPrefetches = always && !streams.empty();
  if (always || streams.empty())
    return nest();
  Value stream = streams.front()->get();
  auto metadata = memref::ExtractStridedMetadataOp::create(b, loc, stream);
  Value isApart = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, metadata.getStrides()[0],
                                        constant(cast<MemRefType>(stream.getType()).getDimSize(1)));
  auto branch = scf::IfOp::create(b, loc, isApart, /*withElseRegion=*/true);
  for (Block *block : {branch.thenBlock(), branch.elseBlock()}) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(block);
    hasPrefetches = block == branch.thenBlock();
    if (failed(nest()))
      return failure();
  }
  return success();
}

void TileNest::prefetchRow(unsigned rowLoop, Value row, unsigned columnLoop, Value column, int64_t columns, int level) {
  for (OpOperand *input : findStreams(rowLoop, columnLoop)) {
    int64_t lineSize = kLineBits / getElementTypeOrSelf(input->get().getType()).getIntOrFloatBitWidth();
    for (int64_t k = 0; columns >= lineSize && k < columns; k += lineSize)
      memref::PrefetchOp::create(b, loc, input->get(), ValueRange{row, add(column, k)}, /*isWrite=*/false,
                                 /*localityHint=*/4 - level, /*isDataCache=*/true);
  }
}

LogicalResult TileNest::loop(Value lower, Value upper, int64_t step, function_ref<LogicalResult(Value)> body) {
  auto low = getConstantIntValue(lower), high = getConstantIntValue(upper);
  if (low && high && *low >= *high)
    return success();
  if (low && high && *high - *low <= step)
    return body(lower);
  OpBuilder::InsertionGuard guard(b);
  auto forOp = scf::ForOp::create(b, loc, lower, upper, constant(step));
  b.setInsertionPointToStart(forOp.getBody());
  return body(forOp.getInductionVar());
}

} // namespace attn
