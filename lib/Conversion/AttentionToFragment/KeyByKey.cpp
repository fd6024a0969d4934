// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.online without tensor cores: each key by itself, by the definition of the normalizer. It is exact f32 for f32
// inputs, and leaves what is not kept out of the sum by selection, which a product of tiles cannot.
#include "FragmentConverter.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace attn {

LogicalResult FragmentConverter::convertKeyByKey(OnlineOp op) {
  FailureOr<OnlineOperands> operands = getOperands(op);
  if (failed(operands))
    return failure();
  const LoopInfo &loops = operands->loops;
  Value queryMatrix = operands->queryMatrix, keyMatrix = operands->keyMatrix, valueMatrix = operands->valueMatrix;
  Value rowCount = getSize(operands->query, loops.row.front()), keyCount = getSize(operands->key, loops.key),
        depth = getSize(operands->key, loops.d);
  Value valueSize = getSize(operands->value, loops.e);
  RegionInliner regions = getRegions(op, loops, rowCount, keyCount);

  auto loop = scf::ForOp::create(b, loc, index(0), keyCount, index(1), get(op.getInits()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value at = loop.getInductionVar(), acc = loop.getRegionIterArg(0);
  fragment::TileType rowsType = getRowsType(b.getF32Type());
  // For each row: m', l', the factor of acc and the weight, which is -1 where the key is not kept.
  auto step = fragment::MapOp::create(
      b, loc, TypeRange{rowsType, rowsType, rowsType, rowsType}, ValueRange(loop.getRegionIterArgs()).drop_front(),
      [&](OpBuilder &b, Location loc, ValueRange state, Value rowOfTile, Value) {
        Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
        auto constant = [&](float x) { return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(x)).getResult(); };
        Value readRow = regions.clamp(b, loc, rowOfTile, rowCount);
        auto sum = scf::ForOp::create(
            b, loc, zero, depth, one, constant(0), [&](OpBuilder &b, Location loc, Value d, ValueRange sums) {
              Value q = memref::LoadOp::create(b, loc, queryMatrix, ValueRange{readRow, d});
              Value k = memref::LoadOp::create(b, loc, keyMatrix, ValueRange{at, d});
              Value term = regions.similarity(b, loc, q, k, {rowOfTile, at, d});
              Value next = arith::AddFOp::create(b, loc, sums[0], term, arith::FastMathFlags::contract);
              scf::YieldOp::create(b, loc, next);
            });
        Value logit = regions.logit(b, loc, sum.getResult(0), {rowOfTile, at, {}});
        Value none = constant(-std::numeric_limits<float>::infinity());
        Value isKept = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::UNE, logit, none);
        SmallVector<Value> kept = op.getNormalizer().step(b, loc, ExpBase::Two, state, logit);
        SmallVector<Value> otherwise(state.begin(), state.end());
        otherwise.append({constant(1), constant(-1)});
        SmallVector<Value> results;
        for (auto [yes, no] : llvm::zip_equal(kept, otherwise))
          results.push_back(arith::SelectOp::create(b, loc, isKept, yes, no));
        return results;
      });
  auto accType = cast<fragment::TileType>(acc.getType());
  bool isPadded = cast<MemRefType>(valueMatrix.getType()).getDimSize(1) != accType.getColumns();
  auto update = fragment::MapOp::create(
      b, loc, TypeRange(accType), {acc, step.getResult(2), step.getResult(3)},
      [&](OpBuilder &b, Location loc, ValueRange elements, Value, Value column) {
        if (isPadded)
          column = regions.clamp(b, loc, column, valueSize);
        Value v = memref::LoadOp::create(b, loc, valueMatrix, ValueRange{at, column});
        v = widen(b, loc, v, b.getF32Type());
        Value scaled = arith::MulFOp::create(b, loc, elements[0], elements[1]);
        Value term = arith::MulFOp::create(b, loc, v, elements[2], arith::FastMathFlags::contract);
        Value sum = arith::AddFOp::create(b, loc, scaled, term, arith::FastMathFlags::contract);
        Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
        Value isMissing = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OLT, elements[2], zero);
        return SmallVector<Value>{arith::SelectOp::create(b, loc, isMissing, elements[0], sum)};
      });
  scf::YieldOp::create(b, loc, ValueRange{update.getResult(0), step.getResult(0), step.getResult(1)});
  values.map(op.getResults(), loop.getResults());
  return success();
}

} // namespace attn
