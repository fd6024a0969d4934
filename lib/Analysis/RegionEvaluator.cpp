// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RegionEvaluator.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;

namespace attn::masks {

std::optional<int64_t> RegionEvaluator::lookUp(StringRef name, std::optional<int64_t> otherwise) {
  auto it = values.find(name);
  if (it != values.end())
    return it->second;
  if (!otherwise)
    missing.insert(name.str());
  return otherwise;
}

Attribute RegionEvaluator::fold(Value value) {
  auto it = folded.find(value);
  if (it != folded.end())
    return it->second;
  Builder builder(value.getContext());
  auto make = [&](std::optional<int64_t> number) -> Attribute {
    return number && value.getType().isIntOrIndex() ? builder.getIntegerAttr(value.getType(), *number) : Attribute();
  };
  ScoredOpInterface op = problem.op;
  Attribute result;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    unsigned number = argument.getArgNumber(), numElements = op.getMaskOperands().size();
    APInt constant;
    if (number < numElements)
      result = make(lookUp(getInputName(op, number)));
    else if (matchPattern(op.getCaptures()[number - numElements], m_ConstantInt(&constant)))
      result = builder.getIntegerAttr(value.getType(), constant);
    else
      result = make(lookUp(getInputName(op, number)));
  } else if (auto index = value.getDefiningOp<IndexOp>()) {
    unsigned loop = index.getLoop();
    bool isKey = loop == static_cast<unsigned>(problem.loops.key), isRow = loop == problem.rowLoop;
    if (isKey || isRow)
      result = make((isKey ? key : row) + (op.getOffsets().empty() ? 0 : *lookUp(isKey ? "key0" : "row0", 0)));
    else
      result = make(lookUp("loop" + std::to_string(loop), 0));
  } else {
    Operation *operation = value.getDefiningOp();
    SmallVector<Attribute> operands =
        llvm::map_to_vector(operation->getOperands(), [&](Value operand) { return fold(operand); });
    SmallVector<OpFoldResult> results;
    bool known = llvm::all_of(operands, [](Attribute operand) { return operand != nullptr; });
    if (known && succeeded(operation->fold(operands, results)) && !results.empty()) {
      OpFoldResult first = results[cast<OpResult>(value).getResultNumber()];
      result = isa<Attribute>(first) ? cast<Attribute>(first) : fold(cast<Value>(first));
    } else if (known) {
      missing.insert(operation->getName().getStringRef().str());
    }
  }
  return folded[value] = result;
}

std::optional<int64_t> RegionEvaluator::evaluate(Value value, int64_t newRow, int64_t newKey) {
  row = newRow;
  key = newKey;
  folded.clear();
  auto number = dyn_cast_or_null<IntegerAttr>(fold(value));
  if (!number)
    return std::nullopt;
  return value.getType().isInteger(1) ? int64_t(!number.getValue().isZero()) : number.getValue().getSExtValue();
}

} // namespace attn::masks
