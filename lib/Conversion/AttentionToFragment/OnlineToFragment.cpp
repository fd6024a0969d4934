// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.online on tensor cores: FlashAttention-2's inner loop. Scores stay in the registers that the first product
// leaves them in, and are the left side of the second without an exchange.
#include "FragmentConverter.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace attn {

using fragment::MapOp;
using fragment::Reduction;
using fragment::TileType;

/// 2^x by the machine's instruction: exact at 0, and its error is far below that of the rounded weights.
static Value exp2(OpBuilder &b, Location loc, Value x) {
  return math::Exp2Op::create(b, loc, x, arith::FastMathFlags::afn);
}

LogicalResult FragmentConverter::convert(OnlineOp op) {
  if (!isa<SoftmaxAttr>(op.getNormalizer()))
    return op.emitError("normalizer ") << op.getNormalizer() << " cannot be written as fragments yet";
  return op.getGuarded() ? convertKeyByKey(op) : convertOnTensorCores(op);
}

FailureOr<OnlineOperands> FragmentConverter::getOperands(OnlineOp op) {
  OnlineOperands found;
  found.loops = getLoopInfo(op);
  const LoopInfo &loops = found.loops;
  ArrayAttr maps = op.getIndexingMaps();
  auto getMap = [&](unsigned number) { return cast<AffineMapAttr>(maps[number]).getValue(); };
  found.query = getOperand(op.getQuery(), getMap(0));
  found.key = getOperand(op.getKey(), getMap(1));
  found.value = getOperand(op.getValue(), getMap(2));
  found.queryMatrix = getMatrix(op, "query", found.query, loops.row.front(), loops.d);
  found.keyMatrix = getMatrix(op, "key", found.key, loops.key, loops.d);
  found.valueMatrix = getMatrix(op, "value", found.value, loops.key, loops.e);
  if (!found.queryMatrix || !found.keyMatrix || !found.valueMatrix)
    return failure();
  return found;
}

RegionInliner FragmentConverter::getRegions(OnlineOp op, const LoopInfo &loops, Value rowCount, Value keyCount) {
  SmallVector<OperandView> operands;
  unsigned number = 3;
  for (OperandRange group : {op.getSimilarityOperands(), op.getScoreOperands(), op.getMaskOperands()})
    for (Value operand : group)
      operands.push_back(getOperand(operand, cast<AffineMapAttr>(op.getIndexingMaps()[number++]).getValue()));
  return RegionInliner(cast<ScoredOpInterface>(op.getOperation()), loops, loops.row.front(), operands,
                       get(op.getCaptures()), get(op.getOffsets()), rowCount, keyCount,
                       op.getExponentScale().convertToDouble());
}

LogicalResult FragmentConverter::convertOnTensorCores(OnlineOp op) {
  FailureOr<OnlineOperands> operands = getOperands(op);
  if (failed(operands))
    return failure();
  const LoopInfo &loops = operands->loops;
  Value queryMatrix = operands->queryMatrix, keyMatrix = operands->keyMatrix, valueMatrix = operands->valueMatrix;
  if (getElementTypeOrSelf(keyMatrix.getType()) != getElementTypeOrSelf(valueMatrix.getType()) ||
      getElementTypeOrSelf(keyMatrix.getType()) != getElementTypeOrSelf(queryMatrix.getType()))
    return op.emitError("expects Q, K and V of one type on tensor cores");

  Value stage = index(0);
  fragment::FetchOp::create(b, loc, keyMatrix, keys, stage);
  fragment::CommitOp::create(b, loc);
  fragment::FetchOp::create(b, loc, valueMatrix, valuesShared, stage);
  fragment::CommitOp::create(b, loc);
  fragment::WaitOp::create(b, loc, 1);
  fragment::BarrierOp::create(b, loc);

  Type f32 = b.getF32Type(), narrow = getElementTypeOrSelf(keyMatrix.getType());
  auto shared = cast<fragment::SharedType>(queries.getType());
  auto operandType = [&](int64_t columns) {
    return TileType::get(b.getContext(), plan.getRows(), columns, narrow, fragment::Layout::Operand);
  };
  TileType scoreType = getAccumulatorType(plan.getKeys(), f32), rowsType = getRowsType(f32);
  Value left = fragment::LoadOp::create(b, loc, operandType(shared.getColumns()), queries, stage);
  Value scores = fragment::DotOp::create(b, loc, scoreType, b.getUnitAttr(), left, keys, stage, splat(scoreType, 0));

  // Logits in base 2.
  Value rowCount = getSize(operands->query, loops.row.front()), keyCount = getSize(operands->key, loops.key);
  RegionInliner regions = getRegions(op, loops, rowCount, keyCount);
  bool isWhole = cast<MemRefType>(keyMatrix.getType()).getDimSize(0) == plan.getKeys();
  auto logits = MapOp::create(
      b, loc, TypeRange(scoreType), scores, [&](OpBuilder &b, Location loc, ValueRange elements, Value row, Value key) {
        Value logit = regions.logit(b, loc, elements[0], {row, key, {}});
        if (isWhole)
          return SmallVector<Value>{logit};
        Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, key, keyCount);
        Value none = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
        return SmallVector<Value>{arith::SelectOp::create(b, loc, exists, logit, none)};
      });
  scores = logits.getResult(0);

  // m' = max(m, row maxima), alpha = 2^(m - m'), p = 2^(s - m'). A row without keys has m' = -inf: the lowest finite
  // number in its place keeps the differences from being NaN.
  SmallVector<Value> state = get(op.getInits());
  Value acc = state[0], m = state[1], l = state[2];
  Value top = fragment::ReduceOp::create(b, loc, Reduction::Max, scores, m);
  auto update = MapOp::create(b, loc, TypeRange{rowsType, rowsType, rowsType}, {m, top, l},
                              [](OpBuilder &b, Location loc, ValueRange elements, Value, Value) {
                                Value lowest = arith::ConstantOp::create(
                                    b, loc, b.getF32FloatAttr(std::numeric_limits<float>::lowest()));
                                Value reference = arith::MaxNumFOp::create(b, loc, elements[1], lowest);
                                Value alpha = exp2(b, loc, arith::SubFOp::create(b, loc, elements[0], reference));
                                Value sum = arith::MulFOp::create(b, loc, elements[2], alpha);
                                return SmallVector<Value>{reference, alpha, sum};
                              });
  Value reference = update.getResult(0), alpha = update.getResult(1);
  auto weights = MapOp::create(b, loc, TypeRange(scoreType), {scores, reference},
                               [](OpBuilder &b, Location loc, ValueRange elements, Value, Value) {
                                 Value difference = arith::SubFOp::create(b, loc, elements[0], elements[1]);
                                 return SmallVector<Value>{exp2(b, loc, difference)};
                               });
  // The sum takes weights before they are rounded.
  l = fragment::ReduceOp::create(b, loc, Reduction::Add, weights.getResult(0), update.getResult(2));
  auto rescaled = MapOp::create(b, loc, TypeRange(acc.getType()), {acc, alpha},
                                [](OpBuilder &b, Location loc, ValueRange elements, Value, Value) {
                                  return SmallVector<Value>{arith::MulFOp::create(b, loc, elements[0], elements[1])};
                                });
  fragment::WaitOp::create(b, loc, 0);
  fragment::BarrierOp::create(b, loc);
  Value rounded = fragment::ConvertOp::create(b, loc, operandType(scoreType.getColumns()), weights.getResult(0));
  acc = fragment::DotOp::create(b, loc, acc.getType(), UnitAttr(), rounded, valuesShared, stage, rescaled.getResult(0));
  // The next tile must not arrive before all warps have read this one.
  fragment::BarrierOp::create(b, loc);
  values.map(op.getResults(), ValueRange{acc, top, l});
  return success();
}

} // namespace attn
