// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NamedOps.h"
#include "OperandMaps.h"

#include "attn/Dialect/Attention/IR/Storage.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

BlockArgument attn::getUpdatedArgument(Value result) {
  auto append = result.getDefiningOp<AppendKvOp>();
  auto argument = append ? dyn_cast<BlockArgument>(append.getCache()) : BlockArgument();
  return argument && argument.getOwner()->isEntryBlock() ? argument : BlockArgument();
}

LogicalResult AppendKvOp::verify() {
  if (failed(verifyNoStrayAttributes(*this)))
    return failure();
  Value rows = getRows(), cache = getCache();
  unsigned head = getHeadDim(), row = getRowDim();
  // C1
  if (getElementType(rows) != getElementType(cache))
    return emitOpError("expects 'rows' and 'cache' to share the element type, got ")
           << getElementType(rows) << " and " << getElementType(cache)
           << ": convert the rows by an elementwise linalg.generic, which becomes part of the append";
  for (auto [what, dim] : {std::pair("Hkv", head), std::pair("head size D", 3u)})
    if (failed(verifyAgree(*this, what, {{"rows", getDim(rows, dim)}, {"cache", getDim(cache, dim)}})))
      return failure();
  // C1 and C2
  if (failed(verifyAgree(
          *this, "batch size B",
          {{"rows", getDim(rows, 0)}, {"cache", getDim(cache, 0)}, {"positions", getDim(getPositions(), 0)}})))
    return failure();
  // C3
  int64_t added = getDim(rows, row), capacity = getDim(cache, row);
  if (!ShapedType::isDynamic(added) && !ShapedType::isDynamic(capacity) && added > capacity)
    return emitOpError("expects a cache of at least T rows, got C = ") << capacity << " and T = " << added;
  return success();
}

LogicalResult AppendKvOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(tensor::getMixedSizes(builder, getLoc(), getCache()));
  return success();
}
