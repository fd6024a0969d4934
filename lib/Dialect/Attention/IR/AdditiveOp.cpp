// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NamedOps.h"
#include "OperandMaps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

LogicalResult AdditiveOp::verify() {
  Value q = getQuery(), k = getKey(), v = getValue(), w = getWeight();
  // C1 to C3
  if (failed(verifyAgree(*this, "batch size B",
                         {{"query", getDim(q, 0)}, {"key", getDim(k, 0)}, {"value", getDim(v, 0)}})) ||
      failed(verifyAgree(*this, "D", {{"query", getDim(q, 2)}, {"key", getDim(k, 2)}, {"weight", getDim(w, 0)}})) ||
      failed(verifyAgree(*this, "M", {{"key", getDim(k, 1)}, {"value", getDim(v, 1)}})))
    return failure();
  // C4
  SmallVector<int64_t> scores{getDim(q, 0), getDim(q, 1), getDim(k, 1)};
  if (getMask() && !fits(getMask().getType(), scores, /*broadcast=*/true))
    return emitOpError("expects 'mask' to broadcast to [B, N, M] = ")
           << describe(scores) << ", got " << getMask().getType();
  // C5 and C6
  Type element = getElementType(q);
  if (failed(verifyResults(*this, getResultKinds(), element, {getDim(q, 0), getDim(q, 1), getDim(v, 2)}, scores)))
    return failure();
  // C7
  for (auto [name, operand] : {std::pair("key", k), std::pair("value", v), std::pair("weight", w)})
    if (getElementType(operand) != element)
      return emitOpError("expects 'query' and '")
             << name << "' to share the element type, got " << element << " and " << getElementType(operand);
  return success();
}

LogicalResult AdditiveOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  Location loc = getLoc();
  auto size = [&](Value tensor, unsigned dim) { return tensor::getMixedSize(builder, loc, tensor, dim); };
  for (auto [attr, result] : llvm::zip(getResultKinds().getAsRange<ResultKindAttr>(), getResults())) {
    SmallVector<OpFoldResult> &shape = shapes.emplace_back();
    shape = {size(getQuery(), 0), size(getQuery(), 1)};
    if (attr.getValue() == ResultKind::Out)
      shape.push_back(size(getValue(), 2));
    else if (attr.getValue() == ResultKind::Weights)
      shape.push_back(size(getKey(), 1));
    else if (isTopK(attr.getValue()))
      shape.push_back(builder.getIndexAttr(getDim(result, 2)));
    foldStaticSizes(builder, loc, result.getType(), shape);
  }
  return success();
}
