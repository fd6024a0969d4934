// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.finalize: results of a row tile from accumulator and state.
#include "FragmentConverter.h"

using namespace mlir;

namespace attn {

LogicalResult FragmentConverter::convert(FinalizeOp op) {
  if (!op.getNormalizerOperands().empty())
    return op.emitError("cannot be written as fragments yet: normalizer operands");
  Value acc = get(op.getAcc());
  SmallVector<Value> state = get(op.getState());
  fragment::TileType rowsType = getRowsType(b.getF32Type());
  // The factor, then what the normalizer defines beside it: lse and max.
  auto finish = fragment::MapOp::create(b, loc, TypeRange{rowsType, rowsType, rowsType}, state,
                                        [&](OpBuilder &b, Location loc, ValueRange elements, Value, Value) {
                                          return op.getNormalizer().finish(b, loc, b.getF32Type(), ExpBase::Two,
                                                                           elements, ValueRange());
                                        });
  ArrayAttr maps = op.getIndexingMaps();
  unsigned firstOut = maps.size() - op.getInits().size();
  AffineMap rowMap = cast<AffineMapAttr>(maps[1]).getValue();
  int row = rowMap.getDimPosition(0);
  for (auto [number, attr] : llvm::enumerate(op.getResultKinds())) {
    ResultKind kind = cast<ResultKindAttr>(attr).getValue();
    OperandView out{get(op.getInits()[number]), cast<AffineMapAttr>(maps[firstOut + number]).getValue()};
    if (kind == ResultKind::Lse || kind == ResultKind::Max) {
      fragment::StoreOp::create(b, loc, finish.getResult(kind == ResultKind::Lse ? 1 : 2), out.view);
      continue;
    }
    Value matrix = getMatrix(op, "out", out, row, 1 - row);
    if (!matrix)
      return failure();
    Type type = getElementTypeOrSelf(matrix.getType());
    auto accType = cast<fragment::TileType>(acc.getType());
    auto scaled = fragment::MapOp::create(b, loc, TypeRange(accType.withElementType(type)), {acc, finish.getResult(0)},
                                          [&](OpBuilder &b, Location loc, ValueRange elements, Value, Value) {
                                            // Of a row without keys acc is 0, whatever masked rows of V hold: sums that
                                            // are not finite were done again with selections (KeyLoops.cpp).
                                            Value value = arith::MulFOp::create(b, loc, elements[0], elements[1]);
                                            if (type != b.getF32Type())
                                              value = arith::TruncFOp::create(b, loc, type, value);
                                            return SmallVector<Value>{value};
                                          });
    fragment::StoreOp::create(b, loc, scaled.getResult(0), matrix);
  }
  return success();
}

} // namespace attn
