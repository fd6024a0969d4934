// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_LIB_INTERPRETER_TENSOROPS_H
#define ATTN_LIB_INTERPRETER_TENSOROPS_H

#include "attn/Dialect/Attention/IR/Storage.h"
#include "attn/Interpreter/Interpreter.h"
#include "attn/Interpreter/RegionProgram.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace attn {

/// The result of a tensor op (or dense constant) on `operands`, or nothing for an op that is not known here. With
/// `sizesOnly` results have sizes but no elements.
std::optional<RuntimeValue> interpretTensorOp(mlir::Operation *op, llvm::ArrayRef<RuntimeValue> operands,
                                              bool sizesOnly);

/// Results of a linalg op, computed one element after the other. `outside` holds what its body may use from outside.
/// Results that are sums, that are rounded to a narrower format, that depend on something with tolerances, or that the
/// function returns have tolerances; other elementwise ops are part of what reads them (docs/Numerics.md).
mlir::FailureOr<llvm::SmallVector<RuntimeValue>>
interpretLinalgOp(mlir::linalg::LinalgOp op, llvm::ArrayRef<RuntimeValue> operands,
                  const llvm::DenseMap<mlir::Value, RuntimeValue> &outside, const InterpreterOptions &options);

/// `cache` with `rows` in their places. Emits an error and fails where one would be outside.
mlir::FailureOr<TensorValue> appendRows(AppendKvOp op, const TensorValue &rows, const TensorValue &cache,
                                        const TensorValue &positions);

/// 2 for each product that a contraction of two tensors adds up; 0 for other ops.
double countLinalgFlops(mlir::linalg::LinalgOp op, llvm::ArrayRef<RuntimeValue> operands);

/// Adds to the tolerances of the results of `op`, which are `exact`, what errors of its operands do to them. Emits an
/// error and fails where that is not known: entropy and top-k, a similarity or a normalizer of its own.
mlir::LogicalResult addOperandErrors(GenericOp op, llvm::ArrayRef<RuntimeValue> operands, const BoundGeneric &bound,
                                     const reference::Results &exact, reference::Results &tolerances);

} // namespace attn

#endif // ATTN_LIB_INTERPRETER_TENSOROPS_H
