// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NamedOps.h"
#include "OperandMaps.h"

#include "attn/Dialect/Attention/IR/Storage.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

LogicalResult GatherPagesOp::verify() {
  if (failed(verifyNoStrayAttributes(*this)))
    return failure();
  Value pages = getPages(), table = getTable(), result = getResult();
  unsigned head = getHeadDim(), row = getRowDim();
  // C1
  int64_t pageRows = getPageRows();
  if (ShapedType::isDynamic(pageRows) || pageRows == 0)
    return emitOpError("expects pages of a static number S of rows, at least 1, got ")
           << (pageRows == 0 ? "0" : "an unknown one");
  if (getDim(pages, 0) == 0)
    return emitOpError("expects at least one page, got P = 0");
  // C2
  if (getElementType(pages) != getElementType(result))
    return emitOpError("expects 'pages' and the result to share the element type, got ")
           << getElementType(pages) << " and " << getElementType(result);
  if (failed(verifyAgree(*this, "Hkv", {{"pages", getDim(pages, head)}, {"result", getDim(result, head)}})) ||
      failed(verifyAgree(*this, "head size D", {{"pages", getDim(pages, 3)}, {"result", getDim(result, 3)}})) ||
      failed(verifyAgree(*this, "batch size B", {{"table", getDim(table, 0)}, {"result", getDim(result, 0)}})))
    return failure();
  // C3
  int64_t entries = getDim(table, 1), keys = getDim(result, row);
  if (ShapedType::isDynamic(keys))
    return success();
  if (ShapedType::isDynamic(entries) ? keys % pageRows != 0 : keys != entries * pageRows)
    return emitOpError("expects M = R * S keys, got M = ")
           << keys << ", S = " << pageRows
           << " and R = " << (ShapedType::isDynamic(entries) ? "?" : std::to_string(entries));
  return success();
}

LogicalResult GatherPagesOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  Location loc = getLoc();
  SmallVector<OpFoldResult> &shape = shapes.emplace_back(tensor::getMixedSizes(builder, loc, getPages()));
  shape[0] = tensor::getMixedSize(builder, loc, getTable(), 0);
  OpFoldResult entries = tensor::getMixedSize(builder, loc, getTable(), 1);
  if (std::optional<int64_t> known = getConstantIntValue(entries)) {
    shape[getRowDim()] = builder.getIndexAttr(*known * getPageRows());
  } else {
    Value pageRows = arith::ConstantIndexOp::create(builder, loc, getPageRows());
    shape[getRowDim()] = arith::MulIOp::create(builder, loc, cast<Value>(entries), pageRows).getResult();
  }
  foldStaticSizes(builder, loc, getResult().getType(), shape);
  return success();
}
