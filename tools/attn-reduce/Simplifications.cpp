// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Simplifications.h"

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace attn;

namespace {

/// The loop behind each dimension of an operand or a result of an op; -1 for dimensions that no loop gives a size to.
struct Sized {
  Value value;
  llvm::SmallVector<int64_t, 4> loops;
};

enum SdpaLoop : int64_t { B, H, Hkv, N, M, D, Dv };

llvm::SmallVector<Sized> listSized(SdpaOp op) {
  bool bhnd = op.getLayout() == Layout::BHND;
  auto order = [&](int64_t heads, int64_t rows, int64_t size) -> llvm::SmallVector<int64_t, 4> {
    return {B, bhnd ? heads : rows, bhnd ? rows : heads, size};
  };
  llvm::SmallVector<Sized> sized{
      {op.getQuery(), order(H, N, D)}, {op.getKey(), order(Hkv, M, D)}, {op.getValue(), order(Hkv, M, Dv)}};
  constexpr int64_t scores[] = {B, H, N, M};
  for (Value value : {op.getBias(), op.getMask()})
    if (value)
      sized.push_back({value, llvm::to_vector<4>(llvm::ArrayRef(scores).take_back(
                                  cast<RankedTensorType>(value.getType()).getRank()))});
  for (auto [result, kind] : llvm::zip_equal(op.getResults(), op.getResultKinds().getAsRange<ResultKindAttr>())) {
    if (kind.getValue() == ResultKind::Out)
      sized.push_back({result, order(H, N, Dv)});
    else if (kind.getValue() == ResultKind::Weights)
      sized.push_back({result, {B, H, N, M}});
    else if (isTopK(kind.getValue()))
      sized.push_back({result, {B, H, N, -1}});
    else
      sized.push_back({result, {B, H, N}});
  }
  return sized;
}

llvm::SmallVector<Sized> listSized(GenericOp op) {
  llvm::SmallVector<Value> values{op.getQuery(), op.getKey(), op.getValue()};
  for (ValueRange group :
       {ValueRange(op.getSimilarityOperands()), ValueRange(op.getScoreOperands()), ValueRange(op.getMaskOperands()),
        ValueRange(op.getNormalizerOperands()), ValueRange(op.getInits())})
    llvm::append_range(values, group);
  llvm::SmallVector<AffineMap> maps = llvm::to_vector(op.getIndexingMaps().getAsValueRange<AffineMapAttr>());
  llvm::SmallVector<Sized> sized;
  auto add = [&](Value value, AffineMap map) {
    Sized entry{value, llvm::SmallVector<int64_t, 4>(cast<RankedTensorType>(value.getType()).getRank(), -1)};
    for (auto [dim, expression] : llvm::enumerate(map.getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expression))
        entry.loops[dim] = loop.getPosition();
    sized.push_back(std::move(entry));
  };
  for (auto [value, map] : llvm::zip_equal(values, maps))
    add(value, map);
  for (auto [result, map] : llvm::zip_equal(op.getResults(), llvm::ArrayRef(maps).take_back(op.getNumResults())))
    add(result, map);
  return sized;
}

llvm::SmallVector<Sized> listSized(Operation *op) {
  if (auto sdpa = dyn_cast<SdpaOp>(op))
    return listSized(sdpa);
  return listSized(cast<GenericOp>(op));
}

FunctionOpInterface functionOf(Operation *op) {
  auto function = dyn_cast<FunctionOpInterface>(op->getParentOp());
  return function && !function.isExternal() && function.getFunctionBody().hasOneBlock() ? function
                                                                                        : FunctionOpInterface();
}

/// Makes a function's type that of its arguments and of what it returns.
void updateFunctionType(FunctionOpInterface function) {
  Block &body = function.getFunctionBody().front();
  function.setType(function.cloneTypeWith(body.getArgumentTypes(), body.getTerminator()->getOperandTypes()));
}

/// Whether sizes may change here: operands are arguments or tensor.empty, results are returned, and nobody else looks.
bool ownsItsTensors(Operation *op) {
  FunctionOpInterface function = functionOf(op);
  if (!function)
    return false;
  Operation *terminator = function.getFunctionBody().front().getTerminator();
  for (const Sized &sized : listSized(op)) {
    Operation *producer = sized.value.getDefiningOp();
    if (producer && producer != op && !isa<tensor::EmptyOp>(producer))
      return false;
    for (Operation *user : sized.value.getUsers())
      if (user != op && user != terminator)
        return false;
  }
  return true;
}

/// Gives some loops a size of their own.
Simplification resize(llvm::SmallVector<std::pair<int64_t, int64_t>> sizes) {
  return [=](RewriterBase &rewriter, Operation *op) {
    FunctionOpInterface function = functionOf(op);
    rewriter.modifyOpInPlace(op, [&] {
      for (Sized &sized : listSized(op)) {
        auto type = cast<RankedTensorType>(sized.value.getType());
        llvm::SmallVector<int64_t> shape(type.getShape());
        for (auto [dim, loop] : llvm::enumerate(sized.loops))
          for (auto [wanted, size] : sizes)
            if (loop == wanted && shape[dim] > size) // smaller ones repeat, and stay
              shape[dim] = size;
        sized.value.setType(type.clone(shape));
      }
    });
    rewriter.modifyOpInPlace(function, [&] { updateFunctionType(function); });
    return op;
  };
}

/// 1, half, and one less of every size that is known.
void addSizes(Operation *op, llvm::SmallVector<Simplification> &found) {
  if (!ownsItsTensors(op))
    return;
  llvm::MapVector<int64_t, int64_t> largest;
  for (const Sized &sized : listSized(op))
    for (auto [loop, size] : llvm::zip_equal(sized.loops, cast<RankedTensorType>(sized.value.getType()).getShape()))
      if (loop >= 0)
        largest[loop] = std::max(largest.lookup(loop), size);
  if (isa<SdpaOp>(op) && largest.lookup(H) > 1 && largest.lookup(Hkv) > 1)
    found.push_back(resize({{H, 1}, {Hkv, 1}})); // either alone may break that one is a multiple of the other
  for (auto [loop, size] : largest)
    for (int64_t smaller : {int64_t(1), size / 2, size - 1})
      if (smaller > 0 && smaller < size && (smaller == 1 || (smaller != size - 1 || size / 2 != smaller)))
        found.push_back(resize({{loop, smaller}}));
}

/// Arguments that nothing reads.
void addUnusedArguments(Operation *op, llvm::SmallVector<Simplification> &found) {
  FunctionOpInterface function = functionOf(op);
  if (!function || llvm::none_of(function.getArguments(), [](Value value) { return value.use_empty(); }))
    return;
  found.push_back([](RewriterBase &rewriter, Operation *op) {
    FunctionOpInterface function = functionOf(op);
    llvm::BitVector unused(function.getNumArguments());
    for (auto [i, argument] : llvm::enumerate(function.getArguments()))
      unused[i] = argument.use_empty();
    rewriter.modifyOpInPlace(function, [&] { (void)function.eraseArguments(unused); });
    return op;
  });
}

/// Result `number` of an attn.sdpa, and the function's results that are it.
Simplification dropResult(unsigned number) {
  return [=](RewriterBase &rewriter, Operation *op) -> Operation * {
    auto sdpa = cast<SdpaOp>(op);
    if (FunctionOpInterface function = functionOf(op)) {
      Operation *terminator = function.getFunctionBody().front().getTerminator();
      llvm::BitVector returned(terminator->getNumOperands());
      for (OpOperand &operand : terminator->getOpOperands())
        returned[operand.getOperandNumber()] = operand.get() == sdpa.getResult(number);
      rewriter.modifyOpInPlace(terminator, [&] { terminator->eraseOperands(returned); });
      rewriter.modifyOpInPlace(function, [&] { (void)function.eraseResults(returned); });
    }
    if (!sdpa.getResult(number).use_empty())
      return op; // somebody else reads it
    llvm::SmallVector<Type> types(op->getResultTypes());
    llvm::SmallVector<Attribute> kinds(sdpa.getResultKinds().getValue());
    types.erase(types.begin() + number);
    kinds.erase(kinds.begin() + number);
    rewriter.setInsertionPoint(op);
    OperationState state(op->getLoc(), op->getName(), op->getOperands(), types, op->getAttrDictionary().getValue());
    state.attributes.set(sdpa.getResultKindsAttrName(), rewriter.getArrayAttr(kinds));
    Operation *smaller = rewriter.create(state);
    for (auto [i, result] : llvm::enumerate(op->getResults()))
      if (i != number)
        rewriter.replaceAllUsesWith(result, smaller->getResult(i < number ? i : i - 1));
    rewriter.eraseOp(op);
    return smaller;
  };
}

/// `change` for an op of its type, in place.
template <typename Op> Simplification inPlace(void (*change)(Op)) {
  return [=](RewriterBase &rewriter, Operation *op) {
    rewriter.modifyOpInPlace(op, [&] { change(cast<Op>(op)); });
    return op;
  };
}

void addClauses(SdpaOp op, llvm::SmallVector<Simplification> &found) {
  if (op.getBias())
    found.push_back(inPlace<SdpaOp>([](SdpaOp op) { op.getBiasMutable().clear(); }));
  if (op.getMask())
    found.push_back(inPlace<SdpaOp>([](SdpaOp op) { op.getMaskMutable().clear(); }));
  if (op.getCausalAttr())
    found.push_back(inPlace<SdpaOp>([](SdpaOp op) { op.removeCausalAttr(); }));
  if (op.getScaleAttr())
    found.push_back(inPlace<SdpaOp>([](SdpaOp op) { op.removeScaleAttr(); }));
  for (unsigned number = 1; number < op.getNumResults(); ++number)
    found.push_back(dropResult(number));
}

/// Drops a region of attn.generic and the operands that only it reads, with their maps.
void dropRegion(GenericOp op, Region &region, MutableOperandRange operands, unsigned firstMap) {
  llvm::SmallVector<Attribute> maps(op.getIndexingMaps().getValue());
  maps.erase(maps.begin() + firstMap, maps.begin() + firstMap + operands.size());
  op.setIndexingMapsAttr(ArrayAttr::get(op.getContext(), maps));
  operands.clear();
  region.getBlocks().clear();
}

void addClauses(GenericOp op, llvm::SmallVector<Simplification> &found) {
  // Maps of these operands come after the three of Q, K and V.
  if (!op.getMask().empty())
    found.push_back(inPlace<GenericOp>([](GenericOp op) {
      dropRegion(op, op.getMask(), op.getMaskOperandsMutable(),
                 3 + op.getSimilarityOperands().size() + op.getScoreOperands().size());
    }));
  if (!op.getScore().empty())
    found.push_back(inPlace<GenericOp>([](GenericOp op) {
      dropRegion(op, op.getScore(), op.getScoreOperandsMutable(), 3 + op.getSimilarityOperands().size());
    }));
  if (!op.getSimilarity().empty())
    found.push_back(inPlace<GenericOp>(
        [](GenericOp op) { dropRegion(op, op.getSimilarity(), op.getSimilarityOperandsMutable(), 3); }));
  if (!op.getOffsets().empty())
    found.push_back(inPlace<GenericOp>([](GenericOp op) { op.getOffsetsMutable().clear(); }));
  if (op.getScale().convertToDouble() != 1)
    found.push_back(inPlace<GenericOp>([](GenericOp op) { op.setScale(llvm::APFloat(1.0)); }));
}

} // namespace

llvm::SmallVector<Simplification> attn::collectSimplifications(Operation *op) {
  llvm::SmallVector<Simplification> found;
  if (auto sdpa = dyn_cast<SdpaOp>(op))
    addClauses(sdpa, found);
  else
    addClauses(cast<GenericOp>(op), found);
  addUnusedArguments(op, found);
  addSizes(op, found);
  return found;
}
