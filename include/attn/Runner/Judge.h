// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a kernel should have computed, by the interpreter, and how far off it is.
#ifndef ATTN_RUNNER_JUDGE_H
#define ATTN_RUNNER_JUDGE_H

#include "attn/Runner/Arguments.h"

#include "mlir/IR/BuiltinOps.h"

namespace attn {

/// The function of the kernel at stage plan.
class Judge {
public:
  Judge(mlir::func::FuncOp function, reference::Confidence confidence) : function(function) {
    setConfidence(confidence);
  }

  /// Of the calls that follow: whether their inputs are random, so that roundings go both ways.
  void setConfidence(reference::Confidence confidence) { options.confidence = confidence; }

  /// Fails with a diagnostic on the function where its arguments or results are not the kernel's: their number, order,
  /// element types, sizes where both are static, and names where the function gives any (`attn.name`).
  mlir::LogicalResult checkSignature(const KernelSignature &signature);

  /// Sizes of the results for these arguments, of which only sizes and scalars count.
  mlir::FailureOr<std::vector<std::vector<int64_t>>> inferOutputSizes(llvm::ArrayRef<RuntimeValue> values);

  /// Operations that results depend on: 2 (D + Dv) for each kept pair of a query and a key.
  mlir::FailureOr<double> countUsefulFlops(const Arguments &arguments);

  /// Compares outputs with the interpreter's results, one line each on `os`. Returns whether all are within tolerance;
  /// fails where the function cannot be interpreted.
  mlir::FailureOr<bool> compare(const KernelSignature &signature, const Arguments &arguments, llvm::raw_ostream &os);

private:
  /// Gives tensors the element types of the function's arguments; fails when there are not as many.
  mlir::LogicalResult setTypes(llvm::MutableArrayRef<RuntimeValue> values);

  mlir::func::FuncOp function;
  InterpreterOptions options;
};

} // namespace attn

#endif // ATTN_RUNNER_JUDGE_H
