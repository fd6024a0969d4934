// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "BodyVectorizer.h"

#include "IndexRange.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace attn {

bool BodyVectorizer::isVector(Value original) const { return isa<VectorType>(map.lookupOrDefault(original).getType()); }

Value BodyVectorizer::broadcast(Value value) {
  if (width == 1 || isa<VectorType>(value.getType()))
    return value;
  return vector::BroadcastOp::create(b, loc, VectorType::get({width}, value.getType()), value);
}

/// The lanes of an index or integer value as integers of `bits` bits, from whatever width they have.
Value BodyVectorizer::laneInteger(Value original, unsigned bits) {
  Value value = map.lookupOrDefault(original);
  Type element = b.getIntegerType(bits);
  if (!isa<VectorType>(value.getType())) {
    if (value.getType().isIndex())
      value = arith::IndexCastOp::create(b, loc, element, value);
    return broadcast(value);
  }
  unsigned have = cast<VectorType>(value.getType()).getElementTypeBitWidth();
  Type type = VectorType::get({width}, element);
  if (have < bits)
    return arith::ExtSIOp::create(b, loc, type, value);
  if (have > bits)
    return arith::TruncIOp::create(b, loc, type, value);
  return value;
}

/// Index arithmetic with a lane operand. Lanes hold i32 where all intervals fit, else i64.
LogicalResult BodyVectorizer::visitIndexOp(Operation &op) {
  if (auto cast = dyn_cast<arith::IndexCastOp>(op)) {
    if (cast.getType().isIndex()) {
      unsigned bits = cast.getIn().getType().getIntOrFloatBitWidth() <= 32 ? 32 : 64;
      map.map(cast.getResult(), laneInteger(cast.getIn(), bits));
    } else {
      map.map(cast.getResult(), laneInteger(cast.getIn(), cast.getType().getIntOrFloatBitWidth()));
    }
    return success();
  }
  bool hasLanes = isa<arith::ArithDialect>(op.getDialect()) || isa<math::AbsIOp>(op);
  if (!hasLanes || op.getNumResults() != 1)
    return op.emitError("'") << op.getName() << "' has no form on lanes of index";
  bool isUnsigned = isa<arith::DivUIOp, arith::RemUIOp, arith::MinUIOp, arith::MaxUIOp>(op);
  if (auto cmp = dyn_cast<arith::CmpIOp>(op))
    isUnsigned = cmp.getPredicate() >= arith::CmpIPredicate::ult;
  bool narrow = true;
  auto admit = [&](Value value) {
    auto range = getIndexRange(value);
    narrow &= range && range->fitsInt32() && (!isUnsigned || range->isNonNegative());
  };
  for (Value operand : op.getOperands())
    if (operand.getType().isIndex())
      admit(operand);
  if (op.getResult(0).getType().isIndex())
    admit(op.getResult(0));
  unsigned bits = narrow ? 32 : 64;
  SmallVector<Value> operands;
  for (Value operand : op.getOperands())
    operands.push_back(operand.getType().isIndex() ? laneInteger(operand, bits)
                                                   : broadcast(map.lookupOrDefault(operand)));
  Type element = op.getResult(0).getType().isIndex() ? b.getIntegerType(bits) : op.getResult(0).getType();
  Operation *lanes =
      b.create(loc, op.getName().getIdentifier(), operands, VectorType::get({width}, element), op.getAttrs());
  map.map(op.getResult(0), lanes->getResult(0));
  return success();
}

/// Positions to read a table at, inside of it: those of rows that the last row tile does not have may lie behind its
/// end.
SmallVector<Value> BodyVectorizer::clampToTable(memref::LoadOp load, Value table) {
  SmallVector<Value> indices;
  for (auto [dim, index] : llvm::enumerate(load.getIndices())) {
    Value value = map.lookupOrDefault(index);
    Value first = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
    Value last = arith::SubIOp::create(b, loc, memref::DimOp::create(b, loc, table, dim), one);
    if (auto lanes = dyn_cast<VectorType>(value.getType())) {
      first = broadcast(arith::IndexCastOp::create(b, loc, lanes.getElementType(), first));
      last = broadcast(arith::IndexCastOp::create(b, loc, lanes.getElementType(), last));
    }
    value = arith::MinSIOp::create(b, loc, value, last);
    indices.push_back(arith::MaxSIOp::create(b, loc, value, first));
  }
  return indices;
}

/// A table read: at positions that differ by lane one scalar load a lane.
Value BodyVectorizer::gather(Operation &op) {
  auto load = cast<memref::LoadOp>(op);
  Value table = map.lookupOrDefault(load.getMemref());
  SmallVector<Value> positions = clampToTable(load, table);
  if (llvm::none_of(positions, [](Value position) { return isa<VectorType>(position.getType()); }))
    return memref::LoadOp::create(b, loc, table, positions);
  Type type = VectorType::get({width}, load.getType());
  Value result = arith::ConstantOp::create(b, loc, type, b.getZeroAttr(type));
  for (int64_t lane = 0; lane < width; ++lane) {
    SmallVector<Value> indices;
    for (Value position : positions) {
      if (isa<VectorType>(position.getType())) {
        position = vector::ExtractOp::create(b, loc, position, lane);
        position = arith::IndexCastOp::create(b, loc, b.getIndexType(), position);
      }
      indices.push_back(position);
    }
    Value scalar = memref::LoadOp::create(b, loc, table, indices);
    result = vector::InsertOp::create(b, loc, scalar, result, lane);
  }
  return result;
}

LogicalResult BodyVectorizer::visit(Operation &op) {
  if (isa<memref::LoadOp>(op)) {
    map.map(op.getResult(0), gather(op));
    return success();
  }
  if (llvm::none_of(op.getOperands(), [&](Value v) { return isVector(v); })) {
    b.clone(op, map);
    return success();
  }
  auto isIndex = [](Value v) { return v.getType().isIndex(); };
  if (llvm::any_of(op.getOperands(), isIndex) || llvm::any_of(op.getResults(), isIndex))
    return visitIndexOp(op);
  if (!OpTrait::hasElementwiseMappableTraits(&op) || op.getNumResults() != 1)
    return op.emitError("'") << op.getName() << "' has no form on vector lanes";
  SmallVector<Value> operands;
  for (Value operand : op.getOperands())
    operands.push_back(broadcast(map.lookupOrDefault(operand)));
  Operation *lanes = b.create(loc, op.getName().getIdentifier(), operands,
                              VectorType::get({width}, op.getResult(0).getType()), op.getAttrs());
  map.map(op.getResult(0), lanes->getResult(0));
  return success();
}

LogicalResult BodyVectorizer::run(Block &body, ValueRange arguments, ValueRange positions, int laneLoop,
                                  SmallVectorImpl<Value> &results) {
  map.clear();
  map.map(body.getArguments(), arguments);
  for (Operation &op : body.without_terminator()) {
    if (auto index = dyn_cast<linalg::IndexOp>(op)) {
      Value position = positions[index.getDim()];
      if (width == 1 || int(index.getDim()) != laneLoop) {
        map.map(index.getResult(), position);
        continue;
      }
      // Positions inside a problem fit 32 bits (kMaxDimension).
      SmallVector<int32_t> iota;
      for (int64_t lane = 0; lane < width; ++lane)
        iota.push_back(lane);
      Value lanes = arith::ConstantOp::create(b, loc, b.getI32VectorAttr(iota));
      Value base = broadcast(arith::IndexCastOp::create(b, loc, b.getI32Type(), position));
      map.map(index.getResult(), arith::AddIOp::create(b, loc, base, lanes));
      continue;
    }
    if (failed(visit(op)))
      return failure();
  }
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(broadcast(map.lookupOrDefault(value)));
  return success();
}

} // namespace attn
