// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OperandMaps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>

using namespace mlir;
using namespace attn;

static int64_t getDim(Value tensor, unsigned dim) { return cast<RankedTensorType>(tensor.getType()).getDimSize(dim); }

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

static bool disagree(int64_t a, int64_t b) { return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b; }

static LogicalResult verifyAgree(SdpaOp op, StringRef what, ArrayRef<std::pair<StringRef, int64_t>> sizes) {
  for (size_t i = 0; i < sizes.size(); ++i)
    for (size_t j = i + 1; j < sizes.size(); ++j)
      if (disagree(sizes[i].second, sizes[j].second))
        return op.emitOpError("expects '") << sizes[i].first << "' and '" << sizes[j].first << "' to share " << what
                                           << ", got " << sizes[i].second << " and " << sizes[j].second;
  return success();
}

/// Sizes, in the order of `shape`, do not contradict `type`; with `broadcast`, aligned right and 1 may stand for any.
static bool fits(RankedTensorType type, ArrayRef<int64_t> shape, bool broadcast) {
  int64_t rank = type.getRank(), full = shape.size();
  if (broadcast ? rank < 1 || rank > full : rank != full)
    return false;
  return llvm::none_of(llvm::zip(type.getShape(), shape.take_back(rank)), [&](auto sizes) {
    auto [size, expected] = sizes;
    return disagree(size, expected) && !(broadcast && size == 1);
  });
}

static std::string describe(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + (ShapedType::isDynamic(size) ? "?" : std::to_string(size));
  return text + "]";
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
  // C6
  if (failed(verifyResultKinds(*this, getResultKinds(), getResults().size(),
                               {ResultKind::Out, ResultKind::Lse, ResultKind::Weights})))
    return failure();
  if (getResults().empty() || cast<ResultKindAttr>(getResultKinds()[0]).getValue() != ResultKind::Out)
    return emitOpError("expects the first result kind to be out");
  // C7
  Type element = getElementType(q);
  Type accumulator = element.isF64() ? element : Float32Type::get(getContext());
  SmallVector<int64_t> out(cast<RankedTensorType>(q.getType()).getShape());
  out.back() = getValueHeadSize();
  for (auto [attr, result] : llvm::zip(getResultKinds().getAsRange<ResultKindAttr>(), getResults())) {
    ResultKind kind = attr.getValue();
    SmallVector<int64_t> shape = kind == ResultKind::Out ? out : scores;
    if (kind == ResultKind::Lse)
      shape.pop_back();
    Type expected = kind == ResultKind::Out ? element : accumulator;
    auto type = cast<RankedTensorType>(result.getType());
    if (!fits(type, shape, /*broadcast=*/false) || type.getElementType() != expected)
      return emitOpError("expects result '") << stringifyResultKind(kind) << "' to be " << expected << " of shape "
                                             << describe(shape) << ", got " << type;
  }
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
    }
    // Static dimensions of the result type have to come back as constants.
    for (auto [dim, expected] : llvm::enumerate(cast<RankedTensorType>(result.getType()).getShape()))
      if (!ShapedType::isDynamic(expected))
        shape[dim] = builder.getIndexAttr(expected);
      else if (std::optional<int64_t> constant = getConstantIntValue(shape[dim]))
        shape[dim] = arith::ConstantIndexOp::create(builder, loc, *constant).getResult();
  }
  return success();
}
