// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Keys divided among blocks: the state of each part goes to memory that the parts share, and is merged from there in
// the order of the keys. A row tile that is not divided is finished where its state is, in registers.
#include "FragmentConverter.h"

using namespace mlir;

namespace attn {

/// The choice between merging the parts that `loop` leaves, and finishing its only one.
static scf::IfOp findChoice(scf::ForallOp loop) {
  for (Operation *user : loop->getUsers())
    if (auto choice = dyn_cast_or_null<scf::IfOp>(loop->getBlock()->findAncestorOpInBlock(*user)))
      return choice;
  return {};
}

Value FragmentConverter::getPart(Value memory, Value part, ArrayRef<int64_t> shape) {
  SmallVector<OpFoldResult> offsets{part}, sizes{b.getIndexAttr(1)};
  for (int64_t size : shape) {
    offsets.push_back(b.getIndexAttr(0));
    sizes.push_back(b.getIndexAttr(size));
  }
  SmallVector<OpFoldResult> strides(sizes.size(), b.getIndexAttr(1));
  MemRefType type =
      memref::SubViewOp::inferRankReducedResultType(shape, cast<MemRefType>(memory.getType()), offsets, sizes, strides);
  return memref::SubViewOp::create(b, loc, type, memory, offsets, sizes, strides);
}

LogicalResult FragmentConverter::convertParts(scf::ForallOp op) {
  scf::IfOp choice = findChoice(op);
  if (!choice || op.getRank() != 1)
    return op.emitError("cannot be written as fragments: expects states of parts of the keys to be merged");
  Value numParts = get(op.getUpperBound(b).front());
  SmallVector<Value> memory = get(op.getOutputs());
  auto loop = scf::ForallOp::create(b, loc, ArrayRef<OpFoldResult>{numParts}, ValueRange(), /*mapping=*/std::nullopt);
  loop->setAttr(kSplitName, b.getUnitAttr());
  values.map(op.getInductionVars(), loop.getInductionVars());
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getTerminator());
  if (failed(convertBlock(*op.getBody())))
    return failure();

  loc = op.getLoc();
  Value isDivided = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sgt, numParts, index(1));
  auto branch = scf::IfOp::create(b, loc, isDivided, /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  for (auto [number, insert] : llvm::enumerate(op.getTerminator().getYieldingOps())) {
    auto state = cast<tensor::ParallelInsertSliceOp>(insert);
    auto type = cast<RankedTensorType>(state.getSource().getType());
    Value fragment = get(state.getSource());
    onlyStates[op.getResult(number)] = fragment;
    fragment::StoreOp::create(b, loc, fragment, getPart(memory[number], loop.getInductionVar(0), type.getShape()));
  }
  b.setInsertionPointToStart(branch.elseBlock());
  if (failed(convertBlock(*choice.elseBlock())))
    return failure();
  onlyStates.clear();
  values.map(op.getResults(), memory);
  merges.insert(choice);
  return success();
}

LogicalResult FragmentConverter::convertMerge(scf::IfOp op) {
  auto branch = scf::IfOp::create(b, loc, get(op.getCondition()), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  return convertBlock(*op.thenBlock());
}

LogicalResult FragmentConverter::convert(MergeOp op) {
  NormalizerInterface normalizer = op.getNormalizer();
  fragment::TileType rowsType = getRowsType(b.getF32Type());
  SmallVector<Value> partial = get(op.getPartial()), inits = get(op.getInits());
  // The states, then the factors of what is here and there.
  SmallVector<Type> types(normalizer.getNumStates() + 2, rowsType);
  auto states = fragment::MapOp::create(
      b, loc, types, ArrayRef(inits).drop_front(), [&](OpBuilder &b, Location loc, ValueRange here, Value row, Value) {
        SmallVector<Value> there = llvm::map_to_vector(ArrayRef(partial).drop_front(), [&](Value view) -> Value {
          return memref::LoadOp::create(b, loc, view, row);
        });
        return normalizer.combine(b, loc, b.getF32Type(), normalizer.getTileBase(), here, there);
      });
  auto factors = states.getResults().take_back(2);
  auto accType = cast<fragment::TileType>(inits[0].getType());
  int64_t columns = cast<MemRefType>(partial[0].getType()).getDimSize(1);
  auto acc = fragment::MapOp::create(
      b, loc, TypeRange(accType), {inits[0], factors[0], factors[1]},
      [&](OpBuilder &b, Location loc, ValueRange elements, Value row, Value column) {
        if (columns != accType.getColumns())
          column = arith::MinSIOp::create(b, loc, column, arith::ConstantIndexOp::create(b, loc, columns - 1));
        Value there = memref::LoadOp::create(b, loc, partial[0], ValueRange{row, column});
        Value fromHere = arith::MulFOp::create(b, loc, elements[1], elements[0]);
        Value fromThere = arith::MulFOp::create(b, loc, elements[2], there);
        return SmallVector<Value>{arith::AddFOp::create(b, loc, fromThere, fromHere)};
      });
  SmallVector<Value> results{acc.getResult(0)};
  llvm::append_range(results, states.getResults().drop_back(2));
  values.map(op.getResults(), results);
  return success();
}

} // namespace attn
