// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NamedOps.h"
#include "OperandMaps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace attn;

int64_t SdpaOp::getBatch() { return getDim(getQuery(), 0); }
int64_t SdpaOp::getHeads() { return getDim(getQuery(), getHeadDim()); }
int64_t SdpaOp::getKvHeads() { return getDim(getKey(), getHeadDim()); }
int64_t SdpaOp::getQueryRows() { return getDim(getQuery(), getRowDim()); }
int64_t SdpaOp::getKeyRows() { return getDim(getKey(), getRowDim()); }
int64_t SdpaOp::getHeadSize() { return getDim(getQuery(), 3); }
int64_t SdpaOp::getValueHeadSize() { return getDim(getValue(), 3); }

double SdpaOp::getScaleFactor() {
  if (std::optional<APFloat> scale = getScale())
    return scale->convertToDouble();
  int64_t size = getHeadSize();
  return 1.0 / std::sqrt(static_cast<double>(ShapedType::isDynamic(size) ? getDim(getKey(), 3) : size));
}

Value SdpaOp::getResultOfKind(ResultKind kind) {
  for (auto [attr, result] : llvm::zip(getResultKinds().getAsRange<ResultKindAttr>(), getResults()))
    if (attr.getValue() == kind)
      return result;
  return {};
}

void SdpaOp::build(OpBuilder &builder, OperationState &state, Value query, Value key, Value value) {
  auto queryType = cast<RankedTensorType>(query.getType());
  SmallVector<int64_t> shape(queryType.getShape());
  shape.back() = cast<RankedTensorType>(value.getType()).getShape().back();
  build(builder, state, TypeRange{queryType.clone(shape)}, query, key, value, /*bias=*/Value(), /*mask=*/Value(),
        /*causal=*/CausalKindAttr(), LayoutAttr::get(builder.getContext(), Layout::BHND), /*scale=*/FloatAttr(),
        builder.getArrayAttr(ResultKindAttr::get(builder.getContext(), ResultKind::Out)));
}

LogicalResult SdpaOp::verify() {
  unsigned head = getHeadDim(), row = getRowDim();
  Value q = getQuery(), k = getKey(), v = getValue();
  // C1
  if (failed(
          verifyAgree(*this, "batch size B", {{"query", getBatch()}, {"key", getDim(k, 0)}, {"value", getDim(v, 0)}})))
    return failure();
  // C2
  if (failed(verifyAgree(*this, "head size D", {{"query", getHeadSize()}, {"key", getDim(k, 3)}})))
    return failure();
  // C3
  if (failed(verifyAgree(*this, "Hkv", {{"key", getKvHeads()}, {"value", getDim(v, head)}})) ||
      failed(verifyAgree(*this, "M", {{"key", getKeyRows()}, {"value", getDim(v, row)}})))
    return failure();
  // C4. No heads at all are a multiple of no heads.
  int64_t heads = getHeads(), kvHeads = getKvHeads();
  if (ShapedType::isDynamic(kvHeads))
    kvHeads = getDim(v, head);
  if (!ShapedType::isDynamic(heads) && !ShapedType::isDynamic(kvHeads) &&
      (kvHeads == 0 ? heads != 0 : heads % kvHeads != 0))
    return emitOpError("expects H to be a multiple of Hkv, got ") << heads << " and " << kvHeads;
  // C5
  SmallVector<int64_t> scores{getBatch(), heads, getQueryRows(), getKeyRows()};
  for (auto [name, operand] : {std::pair("bias", getBias()), std::pair("mask", getMask())})
    if (operand && !fits(cast<RankedTensorType>(operand.getType()), scores, /*broadcast=*/true))
      return emitOpError("expects '") << name << "' to broadcast to [B, H, N, M] = " << describe(scores) << ", got "
                                      << operand.getType();
  // C6 and C7
  Type element = getElementType(q);
  SmallVector<int64_t> out(cast<RankedTensorType>(q.getType()).getShape());
  out.back() = getValueHeadSize();
  if (failed(verifyResults(*this, getResultKinds(), element, out, scores)))
    return failure();
  // C8
  for (auto [name, operand] : {std::pair("key", k), std::pair("value", v)})
    if (getElementType(operand) != element)
      return emitOpError("expects 'query' and '")
             << name << "' to share the element type, got " << element << " and " << getElementType(operand);
  // C9
  int64_t size = ShapedType::isDynamic(getHeadSize()) ? getDim(k, 3) : getHeadSize();
  if (!getScale() && (ShapedType::isDynamic(size) || size == 0))
    return emitOpError("expects 'scale' where D is unknown or 0");
  return success();
}

LogicalResult SdpaOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  Location loc = getLoc();
  auto size = [&](Value tensor, unsigned dim) { return tensor::getMixedSize(builder, loc, tensor, dim); };
  for (auto [attr, result] : llvm::zip(getResultKinds().getAsRange<ResultKindAttr>(), getResults())) {
    SmallVector<OpFoldResult> &shape = shapes.emplace_back();
    if (attr.getValue() == ResultKind::Out) {
      for (unsigned dim = 0; dim < 3; ++dim)
        shape.push_back(size(getQuery(), dim));
      shape.push_back(size(getValue(), 3));
    } else {
      shape = {size(getQuery(), 0), size(getQuery(), getHeadDim()), size(getQuery(), getRowDim())};
      if (attr.getValue() == ResultKind::Weights)
        shape.push_back(size(getKey(), getRowDim()));
      if (isTopK(attr.getValue()))
        shape.push_back(builder.getIndexAttr(getDim(result, 3)));
    }
    foldStaticSizes(builder, loc, result.getType(), shape);
  }
  return success();
}
