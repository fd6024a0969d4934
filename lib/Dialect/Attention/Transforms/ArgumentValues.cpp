// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ArgumentValues.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace attn;

/// The arguments that a name in `shape` or `arg` means: one of each function that has it.
static SmallVector<BlockArgument> findArguments(Operation *root, StringRef name) {
  SmallVector<BlockArgument> found;
  root->walk([&](FunctionOpInterface function) {
    if (function.isExternal())
      return;
    for (BlockArgument argument : function.getArguments()) {
      auto given = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kArgumentName);
      if (given ? given.getValue() == name : name == "arg" + std::to_string(argument.getArgNumber()))
        found.push_back(argument);
    }
  });
  return found;
}

/// What is wrong is an option, not an op of the module.
static InFlightDiagnostic reportOption(Operation *root, StringRef pass, StringRef option) {
  return emitError(UnknownLoc::get(root->getContext())) << option << " of " << pass << ": ";
}

/// Tells the evaluator the sizes of "q=1x8x100x64". Several functions may have a 'q': those that it fits are meant.
static LogicalResult setShape(Operation *root, StringRef pass, StringRef text, IndexEvaluator &evaluator) {
  auto [name, list] = text.split('=');
  SmallVector<StringRef> parts;
  list.split(parts, 'x');
  SmallVector<int64_t> sizes(parts.size());
  for (auto [part, size] : llvm::zip(parts, sizes))
    if (part.getAsInteger(10, size) || size < 0)
      return reportOption(root, pass, "shape") << "expects name=sizes, as in q=1x12x77x64, got '" << text << "'";
  bool found = false;
  for (BlockArgument argument : findArguments(root, name)) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || failed(verifyCompatibleShape(type.getShape(), sizes)))
      continue;
    found = true;
    for (auto [number, size] : llvm::enumerate(sizes))
      evaluator.setDim(argument, number, size);
  }
  if (!found)
    return reportOption(root, pass, "shape") << list << " fits no argument called '" << name << "'";
  return success();
}

/// Tells the evaluator the number of "window=256".
static LogicalResult setScalar(Operation *root, StringRef pass, StringRef text, IndexEvaluator &evaluator) {
  auto [name, number] = text.split('=');
  int64_t value;
  if (number.getAsInteger(10, value))
    return reportOption(root, pass, "arg") << "expects name=integer, as in window=256, got '" << text << "'";
  bool found = false;
  for (BlockArgument argument : findArguments(root, name)) {
    if (!argument.getType().isIntOrIndex())
      continue;
    found = true;
    evaluator.setVariable(argument, value);
  }
  if (!found)
    return reportOption(root, pass, "arg") << "no argument called '" << name << "' is an integer";
  return success();
}

LogicalResult attn::setArguments(Operation *root, StringRef pass, ArrayRef<std::string> shapes,
                                 ArrayRef<std::string> scalars, IndexEvaluator &evaluator) {
  for (const std::string &text : shapes)
    if (failed(setShape(root, pass, text, evaluator)))
      return failure();
  for (const std::string &text : scalars)
    if (failed(setScalar(root, pass, text, evaluator)))
      return failure();
  return success();
}
