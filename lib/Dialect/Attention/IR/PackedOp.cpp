// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NamedOps.h"
#include "OperandMaps.h"

#include "attn/Dialect/Attention/IR/Storage.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

LogicalResult PackedOp::verify() {
  Value q = getQuery(), k = getKey(), v = getValue();
  // C1 and C2
  if (failed(verifyAgree(*this, "head size D", {{"query", getDim(q, 2)}, {"key", getDim(k, 2)}})) ||
      failed(verifyAgree(*this, "M", {{"key", getDim(k, 0)}, {"value", getDim(v, 0)}})) ||
      failed(verifyAgree(*this, "Hkv", {{"key", getDim(k, 1)}, {"value", getDim(v, 1)}})))
    return failure();
  int64_t heads = getDim(q, 1), kvHeads = ShapedType::isDynamic(getDim(k, 1)) ? getDim(v, 1) : getDim(k, 1);
  if (!ShapedType::isDynamic(heads) && !ShapedType::isDynamic(kvHeads) &&
      (kvHeads == 0 ? heads != 0 : heads % kvHeads != 0))
    return emitOpError("expects H to be a multiple of Hkv, got ") << heads << " and " << kvHeads;
  // C3
  if (failed(verifyAgree(*this, "S + 1", {{"rows", getDim(getRows(), 0)}, {"keys", getDim(getKeys(), 0)}})))
    return failure();
  for (auto [name, sums] : {std::pair("rows", Value(getRows())), std::pair("keys", Value(getKeys()))})
    if (int64_t size = getDim(sums, 0); size == 0 || size > kMostSequences + 1)
      return emitOpError("expects '") << name << "' to hold 1 to " << kMostSequences + 1 << " sums, got " << size;
  // C4 and C5
  for (auto attr : getResultKinds().getAsRange<ResultKindAttr>())
    if (attr.getValue() != ResultKind::Out && attr.getValue() != ResultKind::Lse)
      return emitOpError("expects result kinds out and lse, got ") << stringifyResultKind(attr.getValue());
  Type element = getElementType(q);
  if (failed(verifyResults(*this, getResultKinds(), element, {getDim(q, 0), heads, getDim(v, 2)},
                           {heads, getDim(q, 0), getDim(k, 0)})))
    return failure();
  // C6
  for (auto [name, operand] : {std::pair("key", k), std::pair("value", v)})
    if (getElementType(operand) != element)
      return emitOpError("expects 'query' and '")
             << name << "' to share the element type, got " << element << " and " << getElementType(operand);
  // C7
  int64_t size = ShapedType::isDynamic(getDim(q, 2)) ? getDim(k, 2) : getDim(q, 2);
  if (!getScale() && (ShapedType::isDynamic(size) || size == 0))
    return emitOpError("expects 'scale' where D is unknown or 0");
  return success();
}

LogicalResult PackedOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  Location loc = getLoc();
  auto size = [&](Value tensor, unsigned dim) { return tensor::getMixedSize(builder, loc, tensor, dim); };
  for (auto [attr, result] : llvm::zip(getResultKinds().getAsRange<ResultKindAttr>(), getResults())) {
    SmallVector<OpFoldResult> &shape = shapes.emplace_back();
    if (attr.getValue() == ResultKind::Out)
      shape = {size(getQuery(), 0), size(getQuery(), 1), size(getValue(), 2)};
    else
      shape = {size(getQuery(), 1), size(getQuery(), 0)};
    foldStaticSizes(builder, loc, result.getType(), shape);
  }
  return success();
}
