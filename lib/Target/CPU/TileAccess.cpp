// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TileAccess.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace attn {

static SmallVector<Value> getIndices(OpBuilder &b, Location loc, AffineMap map, ValueRange positions) {
  SmallVector<Value> indices;
  for (AffineExpr expr : map.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      indices.push_back(positions[dim.getPosition()]);
    else
      indices.push_back(arith::ConstantIndexOp::create(b, loc, cast<AffineConstantExpr>(expr).getValue()));
  }
  return indices;
}

/// A memref of i1 seen as bytes. Both types lower to one descriptor, so the cast vanishes with the LLVM conversion.
static Value asBytes(OpBuilder &b, Location loc, Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.getElementType().isInteger(1))
    return memref;
  Type bytes = MemRefType::get(type.getShape(), b.getI8Type(), type.getLayout(), type.getMemorySpace());
  return UnrealizedConversionCastOp::create(b, loc, bytes, memref).getResult(0);
}

/// i1 from a byte: any bit set is true.
static Value fromByte(OpBuilder &b, Location loc, Value byte) {
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(byte.getType()));
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, byte, zero);
}

static bool isInnermost(AffineMap map, int loop) {
  if (loop < 0 || map.getNumResults() == 0)
    return false;
  auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
  return last && int(last.getPosition()) == loop;
}

/// Neighbours along the innermost dimension are neighbours in memory. They are not in a slice that dropped what was the
/// innermost dimension, such as a mask over rows of a tensor [.., N, 1].
static bool hasUnitStride(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  return type.getRank() == 0 || type.areTrailingDimsContiguous(1);
}

Value loadElements(OpBuilder &b, Location loc, Value memref, AffineMap map, ValueRange positions, int lanesLoop,
                   int64_t width) {
  if (width > 1 && isInnermost(map, lanesLoop) && !hasUnitStride(memref))
    return gatherElements(b, loc, memref, map, positions, lanesLoop, width);
  bool isBool = cast<MemRefType>(memref.getType()).getElementType().isInteger(1);
  memref = asBytes(b, loc, memref);
  SmallVector<Value> indices = getIndices(b, loc, map, positions);
  Value value;
  if (width > 1 && isInnermost(map, lanesLoop)) {
    Type type = VectorType::get({width}, cast<MemRefType>(memref.getType()).getElementType());
    value = vector::LoadOp::create(b, loc, type, memref, indices);
  } else {
    value = memref::LoadOp::create(b, loc, memref, indices);
  }
  return isBool ? fromByte(b, loc, value) : value;
}

void storeElements(OpBuilder &b, Location loc, Value value, Value memref, AffineMap map, ValueRange positions,
                   int lanesLoop) {
  if (auto vector = dyn_cast<VectorType>(value.getType()); vector && !hasUnitStride(memref)) {
    for (int64_t lane = 0; lane < vector.getNumElements(); ++lane) {
      SmallVector<Value> at(positions);
      at[lanesLoop] = arith::AddIOp::create(b, loc, at[lanesLoop], arith::ConstantIndexOp::create(b, loc, lane));
      storeElements(b, loc, vector::ExtractOp::create(b, loc, value, lane), memref, map, at, lanesLoop);
    }
    return;
  }
  if (cast<MemRefType>(memref.getType()).getElementType().isInteger(1)) {
    memref = asBytes(b, loc, memref);
    Type byte = b.getI8Type();
    if (auto vector = dyn_cast<VectorType>(value.getType()))
      byte = vector.clone(byte);
    value = arith::ExtUIOp::create(b, loc, byte, value);
  }
  SmallVector<Value> indices = getIndices(b, loc, map, positions);
  if (isa<VectorType>(value.getType())) {
    assert(isInnermost(map, lanesLoop) && "lanes are the output's innermost dimension");
    vector::StoreOp::create(b, loc, value, memref, indices);
  } else {
    memref::StoreOp::create(b, loc, value, memref, indices);
  }
}

Value gatherElements(OpBuilder &b, Location loc, Value memref, AffineMap map, ValueRange positions, int lanesLoop,
                     int64_t width) {
  if (width == 1)
    return loadElements(b, loc, memref, map, positions, /*lanesLoop=*/-1, 1);
  Value result;
  for (int64_t lane = 0; lane < width; ++lane) {
    SmallVector<Value> at(positions);
    at[lanesLoop] = arith::AddIOp::create(b, loc, at[lanesLoop], arith::ConstantIndexOp::create(b, loc, lane));
    Value scalar = loadElements(b, loc, memref, map, at, /*lanesLoop=*/-1, 1);
    if (!result) {
      Type type = VectorType::get({width}, scalar.getType());
      result = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
    }
    result = vector::InsertOp::create(b, loc, scalar, result, lane);
  }
  return result;
}

SmallVector<Value> transposeVectors(OpBuilder &b, Location loc, ValueRange rows) {
  SmallVector<Value> vectors(rows);
  int64_t n = vectors.size();
  SmallVector<int64_t> low, high;
  for (int64_t k = 0; k < n / 2; ++k) {
    low.append({k, n + k});
    high.append({n / 2 + k, n + n / 2 + k});
  }
  // Interleaving vector i with vector i + n/2 moves one bit of the row number into the lane number a round.
  for (int64_t round = 1; round < n; round *= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < n / 2; ++i) {
      next.push_back(vector::ShuffleOp::create(b, loc, vectors[i], vectors[i + n / 2], low));
      next.push_back(vector::ShuffleOp::create(b, loc, vectors[i], vectors[i + n / 2], high));
    }
    vectors = next;
  }
  return vectors;
}

Value getZero(OpBuilder &b, Location loc, Type type) { return arith::ConstantOp::create(b, loc, b.getZeroAttr(type)); }

} // namespace attn
