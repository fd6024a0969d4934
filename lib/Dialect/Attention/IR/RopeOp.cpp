// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NamedOps.h"
#include "OperandMaps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

LogicalResult attn::verifyRotation(Operation *op, RotatedSizes sizes, Value cos, Value positions) {
  int64_t pairs = getDim(cos, 1), tableRows = getDim(cos, 0);
  // C1
  if (ShapedType::isDynamic(pairs))
    return op->emitOpError("expects a static number C of pairs in 'cos' and 'sin'");
  if (pairs == 0)
    return op->emitOpError("expects pairs to turn in 'cos' and 'sin', got C = 0");
  if (!ShapedType::isDynamic(sizes.size) && 2 * pairs > sizes.size)
    return op->emitOpError("expects 2 C elements to be turned of at most D, got C = ")
           << pairs << " and D = " << sizes.size;
  // C2
  if (tableRows == 0)
    return op->emitOpError("expects tables of at least one position, got P = 0");
  if (!positions) {
    if (!ShapedType::isDynamic(sizes.rows) && !ShapedType::isDynamic(tableRows) && tableRows < sizes.rows)
      return op->emitOpError("expects tables of at least N positions, got P = ")
             << tableRows << " and N = " << sizes.rows << ": give 'positions' where rows share them";
    return success();
  }
  // C3
  unsigned rank = cast<RankedTensorType>(positions.getType()).getRank();
  if (failed(verifyAgree(op, "N", {{"input", sizes.rows}, {"positions", getDim(positions, rank - 1)}})))
    return failure();
  if (rank == 1)
    return success();
  return verifyAgree(op, "batch size B", {{"input", sizes.batch}, {"positions", getDim(positions, 0)}});
}

LogicalResult RopeOp::verify() {
  if (failed(verifyNoStrayAttributes(*this)))
    return failure();
  RotatedSizes sizes{getDim(getInput(), 0), getDim(getInput(), getRowDim()), getDim(getInput(), 3)};
  return verifyRotation(*this, sizes, getCos(), getPositions());
}

LogicalResult RopeOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(tensor::getMixedSizes(builder, getLoc(), getInput()));
  return success();
}
