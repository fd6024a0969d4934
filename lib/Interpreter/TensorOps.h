// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_LIB_INTERPRETER_TENSOROPS_H
#define ATTN_LIB_INTERPRETER_TENSOROPS_H

#include "attn/Interpreter/RegionProgram.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace attn {

/// The result of a tensor op (or dense constant) on `operands`, or nothing for an op that is not known here. With
/// `sizesOnly` results have sizes but no elements.
std::optional<RuntimeValue> interpretTensorOp(mlir::Operation *op, llvm::ArrayRef<RuntimeValue> operands,
                                              bool sizesOnly);

/// Results of a linalg op, computed one element after the other. `outside` holds what its body may use from outside.
mlir::FailureOr<llvm::SmallVector<RuntimeValue>>
interpretLinalgOp(mlir::linalg::LinalgOp op, llvm::ArrayRef<RuntimeValue> operands,
                  const llvm::DenseMap<mlir::Value, RuntimeValue> &outside, bool sizesOnly);

} // namespace attn

#endif // ATTN_LIB_INTERPRETER_TENSOROPS_H
