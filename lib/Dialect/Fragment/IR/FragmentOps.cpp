// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Dialect/Fragment/IR/Fragment.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace attn::fragment;

#define GET_OP_CLASSES
#include "attn/Dialect/Fragment/IR/FragmentOps.cpp.inc"

LogicalResult FetchOp::verify() {
  auto view = cast<MemRefType>(getView().getType());
  SharedType shared = getShared().getType();
  // C1
  if (view.getRank() != 2 || view.getElementType() != shared.getElementType())
    return emitOpError("expects a view of rank 2 and of ") << shared.getElementType() << ", got " << view;
  for (auto [name, size, room] : {std::tuple("rows", view.getDimSize(0), shared.getRows()),
                                  std::tuple("columns", view.getDimSize(1), shared.getColumns())})
    if (!ShapedType::isDynamic(size) && size > room)
      return emitOpError("expects at most ") << room << " " << name << ", got " << size;
  return success();
}

LogicalResult LoadOp::verify() {
  SharedType shared = getShared().getType();
  TileType tile = getResult().getType();
  // C1
  if (tile.getRows() != shared.getRows() || tile.getColumns() != shared.getColumns() ||
      tile.getElementType() != shared.getElementType())
    return emitOpError("expects a tile like a stage, got ") << tile << " and " << shared;
  return success();
}

LogicalResult DotOp::verify() {
  TileType left = getLeft().getType(), init = getInit().getType();
  SharedType right = getShared().getType();
  int64_t inner = getTransposed() ? right.getColumns() : right.getRows();
  int64_t outer = getTransposed() ? right.getRows() : right.getColumns();
  // C1
  if (left.getColumns() != inner)
    return emitOpError("expects the inner sizes to agree, got ") << left.getColumns() << " and " << inner;
  if (init.getRows() != left.getRows() || init.getColumns() != outer)
    return emitOpError("expects init to be ") << left.getRows() << " x " << outer << ", got " << init;
  // C2
  if (left.getElementType() != right.getElementType() || !init.getElementType().isF32())
    return emitOpError("expects factors of one type and sums of f32, got ")
           << left.getElementType() << ", " << right.getElementType() << " and " << init.getElementType();
  return success();
}

LogicalResult SplatOp::verify() {
  TileType tile = getResult().getType();
  if (tile.getLayout() == Layout::Operand || getValue().getType() != tile.getElementType())
    return emitOpError("expects a tile of ") << getValue().getType() << " that is no operand, got " << tile;
  return success();
}

void MapOp::build(OpBuilder &builder, OperationState &state, TypeRange results, ValueRange operands,
                  function_ref<SmallVector<Value>(OpBuilder &, Location, ValueRange, Value, Value)> compute) {
  state.addTypes(results);
  state.addOperands(operands);
  Region *region = state.addRegion();
  OpBuilder::InsertionGuard guard(builder);
  Block *block = builder.createBlock(region);
  for (Value operand : operands)
    block->addArgument(cast<TileType>(operand.getType()).getElementType(), state.location);
  bool isOfRows = cast<TileType>(results.front()).getLayout() == Layout::Rows;
  for (int i = 0; i < (isOfRows ? 1 : 2); ++i)
    block->addArgument(builder.getIndexType(), state.location);
  ArrayRef<BlockArgument> arguments = block->getArguments();
  Value row = arguments[operands.size()], column = isOfRows ? Value() : Value(arguments.back());
  SmallVector<Value> elements(arguments.take_front(operands.size()));
  SmallVector<Value> values = compute(builder, state.location, elements, row, column);
  OperationState yield(state.location, YieldOp::getOperationName());
  yield.addOperands(values);
  builder.create(yield);
}

LogicalResult MapOp::verify() {
  // C1
  if (getNumResults() == 0)
    return emitOpError("expects at least one result");
  auto first = cast<TileType>(getResult(0).getType());
  if (first.getLayout() == Layout::Operand)
    return emitOpError("expects results of layout 'accumulator' or 'rows', got ") << first;
  for (Type type : llvm::concat<const Type>(getOperandTypes(), getResultTypes())) {
    auto tile = cast<TileType>(type);
    bool isOperand = llvm::is_contained(getOperandTypes(), type);
    bool isLike = tile.getLayout() == first.getLayout() && tile.getColumns() == first.getColumns();
    if (tile.getRows() != first.getRows() || !(isLike || (isOperand && tile.getLayout() == Layout::Rows)))
      return emitOpError("expects tiles like the first result, or operands of layout 'rows', got ")
             << tile << " beside " << first;
  }
  // C2
  Block &block = getBody().front();
  SmallVector<Type> arguments;
  for (Type type : getOperandTypes())
    arguments.push_back(cast<TileType>(type).getElementType());
  arguments.append(first.getLayout() == Layout::Rows ? 1 : 2, IndexType::get(getContext()));
  if (!llvm::equal(block.getArgumentTypes(), arguments))
    return emitOpError("expects block arguments to be the elements, then ")
           << (first.getLayout() == Layout::Rows ? "the row" : "row and column");
  auto elementTypes =
      llvm::map_range(getResultTypes(), [](Type type) { return cast<TileType>(type).getElementType(); });
  if (!llvm::equal(block.getTerminator()->getOperandTypes(), elementTypes))
    return emitOpError("expects the yielded values to be elements of the results");
  return success();
}

LogicalResult ReduceOp::verify() {
  TileType tile = getTile().getType(), init = getInit().getType();
  // C1
  if (tile.getRows() != init.getRows() || tile.getElementType() != init.getElementType())
    return emitOpError("expects init to have the rows and elements of the tile, got ") << tile << " and " << init;
  return success();
}

LogicalResult SumRowsOp::verify() {
  if (!getTile().getType().getElementType().isF32())
    return emitOpError("expects f32, got ") << getTile().getType();
  return success();
}

LogicalResult ConvertOp::verify() {
  TileType from = getTile().getType(), to = getResult().getType();
  // C1
  if (from.getRows() != to.getRows() || from.getColumns() != to.getColumns())
    return emitOpError("expects rows and columns to agree, got ") << from << " and " << to;
  return success();
}

LogicalResult StoreOp::verify() {
  TileType tile = getTile().getType();
  auto view = cast<MemRefType>(getView().getType());
  // C1
  int64_t rank = tile.getLayout() == Layout::Rows ? 1 : 2;
  if (tile.getLayout() == Layout::Operand || view.getRank() != rank || view.getElementType() != tile.getElementType())
    return emitOpError("expects a view of rank ") << rank << " and of " << tile.getElementType() << ", got " << view;
  return success();
}
