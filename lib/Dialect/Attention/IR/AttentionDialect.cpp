// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Dialect/Attention/IR/Attention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/STLExtras.h"

using namespace attn;
using namespace mlir;

#include "attn/Dialect/Attention/IR/AttentionDialect.cpp.inc"

// Attributes and ops are registered in the files that see their generated definitions.
void AttnDialect::initialize() {
  registerAttributes();
  registerOps();
}

/// What a function may carry: plan and arguments of a kernel, and what targets leave on it.
static constexpr StringLiteral kFunctionAttributes[] = {kPlanName, kArgumentsName, "attn.kernel", "attn.launch"};

/// A function is where people write what they wish of a kernel; attributes of other ops are those of passes.
LogicalResult AttnDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (!isa<FunctionOpInterface>(op) || llvm::is_contained(kFunctionAttributes, attribute.getName().strref()))
    return success();
  return op->emitOpError("expects no attribute '") << attribute.getName().strref() << "', which nothing would honour";
}

static LogicalResult verifyArgument(Operation *op, StringRef what, unsigned number, NamedAttribute attribute) {
  if (attribute.getName() != kArgumentName)
    return op->emitOpError() << what << " " << number << ": expects no attribute '" << attribute.getName().strref()
                             << "', which nothing would honour (attn.name would)";
  if (!isa<StringAttr>(attribute.getValue()))
    return op->emitOpError() << what << " " << number << ": expects '" << kArgumentName << "' to be a string, got "
                             << attribute.getValue();
  return success();
}

LogicalResult AttnDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned number,
                                                    NamedAttribute attribute) {
  return verifyArgument(op, "argument", number, attribute);
}

LogicalResult AttnDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned number,
                                                       NamedAttribute attribute) {
  return verifyArgument(op, "result", number, attribute);
}
