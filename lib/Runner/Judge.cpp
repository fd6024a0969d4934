// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/Judge.h"

#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Dialect/Attention/IR/Storage.h"
#include "attn/Reference/Compare.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace attn;

LogicalResult Judge::setTypes(MutableArrayRef<RuntimeValue> values) {
  if (function.getNumArguments() != values.size())
    return function.emitError() << "takes other arguments than its kernel";
  for (auto [value, type] : llvm::zip_equal(values, function.getArgumentTypes())) {
    if (!value.tensor)
      continue;
    auto shaped = dyn_cast<ShapedType>(type);
    if (!shaped)
      return function.emitError() << "takes other arguments than its kernel";
    auto tensor = std::make_shared<TensorValue>(*value.tensor);
    tensor->elementType = shaped.getElementType();
    value.tensor = std::move(tensor);
  }
  return success();
}

/// For each result of a function the argument that it is in place of, or null.
static SmallVector<BlockArgument> getUpdatedArguments(func::FuncOp function) {
  return llvm::map_to_vector(function.getBody().front().getTerminator()->getOperands(), getUpdatedArgument);
}

/// Whether `type` and, unless it is null, `name` are those of a kernel's argument.
static bool agrees(const KernelArgument &argument, Type type, StringAttr name) {
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (argument.isScalar() == static_cast<bool>(shaped) || (name && name != argument.name))
    return false;
  return getElementType(getElementTypeOrSelf(type)) == argument.type &&
         (!shaped || succeeded(verifyCompatibleShape(shaped.getShape(), argument.sizes)));
}

LogicalResult Judge::checkSignature(const KernelSignature &signature) {
  auto isInput = [](const KernelArgument &argument) { return argument.kind != KernelArgument::Kind::Output; };
  size_t numInputs = llvm::count_if(signature.arguments, isInput);
  size_t numOutputs = llvm::count_if(signature.arguments, [](const auto &argument) { return argument.isWritten(); });
  auto refuse = [&] { return function.emitError() << "cannot judge kernel '" << signature.name << "': "; };
  if (function.getNumArguments() != numInputs || function.getNumResults() != numOutputs)
    return refuse() << "expects " << numInputs << " arguments and " << numOutputs << " results, got "
                    << function.getNumArguments() << " and " << function.getNumResults();
  // Results that are outputs come in the order of these; the others update arguments.
  SmallVector<unsigned> results;
  llvm::SmallDenseSet<unsigned> updated;
  for (auto [number, argument] : llvm::enumerate(getUpdatedArguments(function)))
    if (!argument)
      results.push_back(number);
    else
      updated.insert(argument.getArgNumber());
  for (auto [index, argument] : llvm::enumerate(signature.arguments)) {
    bool isUpdated = isInput(argument) && updated.contains(index);
    if (isUpdated != (argument.kind == KernelArgument::Kind::InOut))
      return refuse() << "expects argument '" << argument.name << "' to be " << argument.getKindName()
                      << ", and the function " << (isUpdated ? "updates it" : "does not append to it");
    size_t number = isInput(argument) ? index : results[index - numInputs];
    Type type = isInput(argument) ? function.getArgumentTypes()[number] : function.getResultTypes()[number];
    auto name = isInput(argument) ? function.getArgAttrOfType<StringAttr>(number, kArgumentName)
                                  : function.getResultAttrOfType<StringAttr>(number, kArgumentName);
    if (!agrees(argument, type, name))
      return refuse() << "expects " << (isInput(argument) ? "argument #" : "result #") << number << " to be "
                      << argument.name << ' ' << getName(argument.type) << ' ' << formatSizes(argument.sizes)
                      << ", got " << (name ? name.getValue() : "one without a name") << " of type " << type;
  }
  return success();
}

FailureOr<std::vector<std::vector<int64_t>>> Judge::inferOutputSizes(ArrayRef<RuntimeValue> values) {
  SmallVector<RuntimeValue> typed(values);
  if (failed(setTypes(typed)))
    return failure();
  options.mode = InterpreterMode::Sizes;
  FailureOr<SmallVector<RuntimeValue>> results = interpret(function, typed, options);
  if (failed(results))
    return failure();
  std::vector<std::vector<int64_t>> sizes;
  for (auto [result, updated] : llvm::zip_equal(*results, getUpdatedArguments(function)))
    if (!updated)
      sizes.push_back(result.tensor ? result.tensor->sizes : std::vector<int64_t>());
  return sizes;
}

FailureOr<double> Judge::countUsefulFlops(const Arguments &arguments) {
  SmallVector<RuntimeValue> values = arguments.getInterpreterValues();
  InterpreterSummary summary;
  options.mode = InterpreterMode::Count;
  if (failed(setTypes(values)) || failed(interpret(function, values, options, &summary)))
    return failure();
  return summary.usefulFlops;
}

/// Top-k results of one op are judged together: kernels may rank weights that are nearly equal in another order.
static reference::Comparison compareTopK(const EvaluatedOp &op, std::vector<double> values,
                                         const std::vector<double> &indices) {
  reference::Tensor computedValues(op.evaluation.results.topKValues->sizes);
  computedValues.values = std::move(values);
  reference::IndexTensor computedIndices(op.evaluation.results.topKIndices->sizes);
  computedIndices.values.assign(indices.begin(), indices.end());
  return reference::compareTopK(op.problem, op.evaluation, op.tolerances, computedValues, computedIndices);
}

FailureOr<bool> Judge::compare(const KernelSignature &signature, const Arguments &arguments, llvm::raw_ostream &os) {
  SmallVector<RuntimeValue> values = arguments.getInterpreterValues();
  options.mode = InterpreterMode::Evaluate;
  if (failed(setTypes(values)))
    return failure();
  FailureOr<SmallVector<RuntimeValue>> results = interpret(function, values, options);
  if (failed(results))
    return failure();

  bool allPassed = true;
  auto report = [&](StringRef name, const reference::Comparison &comparison) {
    os << name << ": " << comparison.describe() << '\n';
    allPassed &= comparison.passed();
  };
  size_t number = 0;
  SmallVector<BlockArgument> updated = getUpdatedArguments(function);
  // Top-k results wait here for the other one of the same op.
  struct Waiting {
    std::string name;
    std::vector<double> values;
  };
  std::map<const EvaluatedOp *, Waiting> waiting;
  for (auto [index, argument] : llvm::enumerate(signature.arguments)) {
    if (!argument.isWritten())
      continue;
    const RuntimeValue *result = nullptr;
    if (argument.kind == KernelArgument::Kind::InOut) {
      const auto *found = llvm::find_if(updated, [&, index = index](BlockArgument candidate) {
        return candidate && candidate.getArgNumber() == index;
      });
      result = found == updated.end() ? nullptr : &(*results)[found - updated.begin()];
    } else {
      while (number < updated.size() && updated[number])
        ++number;
      result = number < results->size() ? &(*results)[number++] : nullptr;
    }
    if (!result || !result->tensor)
      return function.emitError() << "returns other results than its kernel";
    const TensorValue &expected = *result->tensor;
    const TensorBuffer &buffer = *arguments.getBuffer(index);
    if (ArrayRef<int64_t>(expected.sizes) != buffer.getSizes())
      return function.emitError() << "expects other sizes for '" << argument.name << "' than the kernel accepted";
    reference::Tensor computed(expected.sizes);
    computed.values = buffer.getValues();
    if (expected.origin && isTopK(expected.kind)) {
      auto [other, isFirst] = waiting.try_emplace(expected.origin.get(), Waiting{argument.name, {}});
      if (isFirst) {
        other->second.values = std::move(computed.values);
        continue;
      }
      std::vector<double> &before = other->second.values;
      bool areValues = expected.kind == ResultKind::TopkValues;
      report(other->second.name + ", " + argument.name,
             areValues ? compareTopK(*expected.origin, std::move(computed.values), before)
                       : compareTopK(*expected.origin, std::move(before), computed.values));
      waiting.erase(other);
      continue;
    }
    // What is appended is copied, unless it was computed.
    bool isExact = argument.kind == KernelArgument::Kind::InOut && expected.tolerances.empty();
    if (expected.tolerances.empty() && buffer.getNumElements() > 0 && !isExact)
      return function.emitError() << "cannot judge '" << argument.name << "': it is no result of an attention op";
    reference::Tensor exact(expected.sizes), tolerance(expected.sizes);
    exact.values = expected.values;
    if (!isExact)
      tolerance.values = expected.tolerances;
    report(argument.name, reference::compare(exact, tolerance, computed));
  }
  if (!waiting.empty())
    return function.emitError() << "cannot judge '" << waiting.begin()->second.name
                                << "': top-k values and indices of one op are judged together, return both";
  return allPassed;
}
