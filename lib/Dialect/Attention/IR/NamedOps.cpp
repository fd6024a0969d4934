// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NamedOps.h"
#include "OperandMaps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attn;

int64_t attn::getDim(Value tensor, unsigned dim) { return cast<RankedTensorType>(tensor.getType()).getDimSize(dim); }

static bool disagree(int64_t a, int64_t b) { return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b; }

LogicalResult attn::verifyAgree(Operation *op, StringRef what, ArrayRef<std::pair<StringRef, int64_t>> sizes) {
  for (size_t i = 0; i < sizes.size(); ++i)
    for (size_t j = i + 1; j < sizes.size(); ++j)
      if (disagree(sizes[i].second, sizes[j].second))
        return op->emitOpError("expects '") << sizes[i].first << "' and '" << sizes[j].first << "' to share " << what
                                            << ", got " << sizes[i].second << " and " << sizes[j].second;
  return success();
}

bool attn::fits(RankedTensorType type, ArrayRef<int64_t> shape, bool broadcast) {
  int64_t rank = type.getRank(), full = shape.size();
  if (broadcast ? rank < 1 || rank > full : rank != full)
    return false;
  return llvm::none_of(llvm::zip(type.getShape(), shape.take_back(rank)), [&](auto sizes) {
    auto [size, expected] = sizes;
    return disagree(size, expected) && !(broadcast && size == 1);
  });
}

std::string attn::describe(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + (ShapedType::isDynamic(size) ? "?" : std::to_string(size));
  return text + "]";
}

LogicalResult attn::verifyResults(Operation *op, ArrayAttr kinds, Type element, ArrayRef<int64_t> out,
                                  ArrayRef<int64_t> scores) {
  if (failed(verifyNoStrayAttributes(op)) ||
      failed(verifyResultKinds(
          op, kinds, op->getNumResults(),
          {ResultKind::Out, ResultKind::Lse, ResultKind::Weights, ResultKind::TopkValues, ResultKind::TopkIndices})))
    return failure();
  if (op->getNumResults() == 0 || cast<ResultKindAttr>(kinds[0]).getValue() != ResultKind::Out)
    return op->emitOpError("expects the first result kind to be out");
  Type accumulator = element.isF64() ? element : Float32Type::get(op->getContext());
  Value topK[2];
  for (auto [attr, result] : llvm::zip(kinds.getAsRange<ResultKindAttr>(), op->getResults())) {
    ResultKind kind = attr.getValue();
    auto type = cast<RankedTensorType>(result.getType());
    SmallVector<int64_t> shape(kind == ResultKind::Out ? out : scores);
    if (kind == ResultKind::Lse)
      shape.pop_back();
    if (isTopK(kind)) {
      shape.back() = type.getRank() > 0 ? type.getShape().back() : ShapedType::kDynamic;
      topK[kind == ResultKind::TopkIndices] = result;
    }
    Type expected = kind == ResultKind::Out ? element : accumulator;
    bool isExpected = type.getElementType() == expected;
    if (kind == ResultKind::TopkIndices)
      isExpected = type.getElementType().isInteger(32) || type.getElementType().isInteger(64);
    if (isExpected && fits(type, shape, /*broadcast=*/false))
      continue;
    InFlightDiagnostic diag = op->emitOpError("expects result '") << stringifyResultKind(kind) << "' to be ";
    kind == ResultKind::TopkIndices ? diag << "i32 or i64" : diag << expected;
    return diag << " of shape " << describe(shape) << ", got " << type;
  }
  return verifyTopK(op, topK[0], topK[1]);
}

void attn::foldStaticSizes(OpBuilder &builder, Location loc, Type type, SmallVectorImpl<OpFoldResult> &shape) {
  for (auto [dim, expected] : llvm::enumerate(cast<RankedTensorType>(type).getShape()))
    if (!ShapedType::isDynamic(expected))
      shape[dim] = builder.getIndexAttr(expected);
    else if (std::optional<int64_t> constant = getConstantIntValue(shape[dim]))
      shape[dim] = arith::ConstantIndexOp::create(builder, loc, *constant).getResult();
}
