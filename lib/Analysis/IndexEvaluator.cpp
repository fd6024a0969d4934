// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Folds the operations behind an index one by one: what they compute is known to their folders, not here.
#include "attn/Analysis/TileCounts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;

namespace attn {

/// What the source calls a value, for messages.
static std::string describe(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    if (auto function = dyn_cast<FunctionOpInterface>(parent)) {
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kArgumentName);
      return name ? ("'" + name.getValue() + "'").str() : "'arg" + std::to_string(argument.getArgNumber()) + "'";
    }
    return "a value of " + parent->getName().getStringRef().str();
  }
  return "a result of " + value.getDefiningOp()->getName().getStringRef().str();
}

std::nullopt_t IndexEvaluator::doNotKnow(const Twine &what) {
  if (unknown.empty())
    unknown = what.str();
  return std::nullopt;
}

void IndexEvaluator::setVariable(Value variable, int64_t number) {
  variables[variable] = number;
  Operation *loop = variable.getParentBlock()->getParentOp();
  for (auto &[region, answers] : known)
    if (loop->isAncestor(region->getParentOp()))
      answers.clear();
}

std::optional<int64_t> IndexEvaluator::evaluate(OpFoldResult value) {
  if (auto attr = dyn_cast_if_present<Attribute>(value))
    return cast<IntegerAttr>(attr).getInt();
  auto computed = cast<Value>(value);
  if (auto it = variables.find(computed); it != variables.end()) {
    used.insert(computed);
    return it->second;
  }
  Region *region = computed.getParentRegion();
  if (auto answers = known.find(region); answers != known.end())
    if (auto it = answers->second.find(computed); it != answers->second.end())
      return it->second;
  std::optional<int64_t> result = compute(computed);
  if (result)
    known[region][computed] = *result;
  return result;
}

std::optional<int64_t> IndexEvaluator::compute(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return doNotKnow("the value of " + describe(value));
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> number = evaluate(dim.getIndex());
    return number ? evaluateDim(dim.getSource(), *number) : std::nullopt;
  }
  if (auto extract = dyn_cast<tensor::ExtractOp>(op))
    return computeElement(extract.getTensor(), extract.getIndices());
  // What is counted is one thread's work.
  if (isa<NumSplitsOp>(op))
    return 1;
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return computeLoop(loop, cast<OpResult>(value).getResultNumber());
  if (!value.getType().isIntOrIndex())
    return doNotKnow(describe(value));

  SmallVector<Attribute> operands;
  bool isKnown = true;
  for (Value operand : op->getOperands()) {
    std::optional<int64_t> number = evaluate(operand);
    // A false in a conjunction is enough.
    if (number == 0 && value.getType().isInteger(1) && isa<arith::AndIOp>(op))
      return 0;
    isKnown &= number.has_value();
    operands.push_back(number ? IntegerAttr::get(operand.getType(), *number) : IntegerAttr());
  }
  if (!isKnown)
    return std::nullopt;
  SmallVector<OpFoldResult> results;
  if (failed(op->fold(operands, results)) || results.empty())
    return doNotKnow(describe(value));
  OpFoldResult result = results[cast<OpResult>(value).getResultNumber()];
  if (auto attr = dyn_cast_if_present<Attribute>(result)) {
    auto integer = dyn_cast<IntegerAttr>(attr);
    if (!integer)
      return doNotKnow(describe(value));
    return value.getType().isInteger(1) ? integer.getValue().getZExtValue() : integer.getValue().getSExtValue();
  }
  return evaluate(result);
}

std::optional<int64_t> IndexEvaluator::computeElement(Value tensor, ValueRange indices) {
  auto it = elements.find(tensor);
  if (it == elements.end())
    return doNotKnow("the elements of " + describe(tensor));
  int64_t position = 0;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    std::optional<int64_t> number = evaluate(index), size = evaluateDim(tensor, dim);
    if (!number || !size)
      return std::nullopt;
    if (*number < 0 || *number >= *size)
      return doNotKnow("what lies outside of " + describe(tensor));
    position = position * *size + *number;
  }
  return it->second.at(position);
}

std::optional<int64_t> IndexEvaluator::computeLoop(scf::ForOp loop, unsigned result) {
  std::optional<int64_t> lower = evaluate(loop.getLowerBound()), upper = evaluate(loop.getUpperBound()),
                         step = evaluate(loop.getStep());
  if (!lower || !upper || !step || *step <= 0)
    return std::nullopt;
  if (!loop.getResult(result).getType().isIntOrIndex())
    return doNotKnow(describe(loop.getResult(result)));
  SmallVector<int64_t> carried;
  for (Value init : loop.getInitArgs()) {
    std::optional<int64_t> number = init.getType().isIntOrIndex() ? evaluate(init) : std::nullopt;
    if (!number)
      return doNotKnow(describe(init));
    carried.push_back(*number);
  }
  for (int64_t position = *lower; position < *upper; position += *step) {
    setVariable(loop.getInductionVar(), position);
    for (auto [argument, number] : llvm::zip_equal(loop.getRegionIterArgs(), carried))
      setVariable(argument, number);
    for (auto [yielded, number] : llvm::zip_equal(loop.getBody()->getTerminator()->getOperands(), carried)) {
      std::optional<int64_t> next = evaluate(yielded);
      if (!next)
        return std::nullopt;
      number = *next;
    }
  }
  return carried[result];
}

std::optional<int64_t> IndexEvaluator::evaluateDim(Value tensor, int64_t dim) {
  auto type = cast<RankedTensorType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return type.getDimSize(dim);
  if (auto it = dims.find({tensor, dim}); it != dims.end())
    return it->second;
  return computeDim(tensor, dim);
}

std::optional<int64_t> IndexEvaluator::computeDim(Value tensor, int64_t dim) {
  Operation *op = tensor.getDefiningOp();
  if (auto empty = dyn_cast_if_present<tensor::EmptyOp>(op))
    return evaluate(empty.getMixedSizes()[dim]);
  if (auto expand = dyn_cast_if_present<tensor::ExpandShapeOp>(op))
    return evaluate(expand.getMixedOutputShape()[dim]);
  if (auto insert = dyn_cast_if_present<tensor::InsertSliceOp>(op))
    return evaluateDim(insert.getDest(), dim);
  if (auto slice = dyn_cast_if_present<tensor::ExtractSliceOp>(op)) {
    // Dimension `dim` of those that the slice keeps.
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    for (auto [number, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped[number] && dim-- == 0)
        return evaluate(size);
  }
  if (auto destination = dyn_cast_if_present<DestinationStyleOpInterface>(op))
    return evaluateDim(destination.getTiedOpOperand(cast<OpResult>(tensor))->get(), dim);
  return doNotKnow("dimension " + Twine(dim) + " of " + describe(tensor));
}

} // namespace attn
