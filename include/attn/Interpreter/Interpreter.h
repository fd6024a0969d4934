// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs a function on tensors in double precision, straight from its definition: attention ops by lib/Reference, other
// ops one element at a time. It is slow and shares no code with what compiles kernels: a judge, not a back end.
#ifndef ATTN_INTERPRETER_INTERPRETER_H
#define ATTN_INTERPRETER_INTERPRETER_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "attn/Interpreter/RegionProgram.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attn {

/// How much of a function is computed.
enum class InterpreterMode {
  /// Everything.
  Evaluate,
  /// Attention ops count what they would do; their results are zeros.
  Count,
  /// Only what sizes depend on: tensors have no elements, arguments need none.
  Sizes,
};

struct InterpreterOptions {
  InterpreterMode mode = InterpreterMode::Evaluate;
  reference::Confidence confidence = reference::Confidence::Statistical;
};

/// What attention ops of the function came to.
struct InterpreterSummary {
  /// Floating-point operations that results depend on: 2 (D + Dv) for each pair of a query and a key that the mask
  /// keeps.
  double usefulFlops = 0;
};

/// An attn.generic with the values of its operands, ready to evaluate. Tensors among them must outlive it.
struct BoundGeneric {
  reference::Problem problem;
  reference::KernelModel model;
  /// Largest |d score / d s| seen so far, by differences; read after evaluation.
  std::shared_ptr<double> scoreGain;
  /// Loops that the mask depends on.
  llvm::SmallVector<unsigned> maskLoops;
};

/// States `op` on these operands (in the order of the op) for the reference. Emits an error and fails where sizes
/// disagree, a region cannot be interpreted or results are asked for in a way the reference does not know.
mlir::FailureOr<BoundGeneric> bindGeneric(GenericOp op, llvm::ArrayRef<RuntimeValue> operands,
                                          const InterpreterOptions &options);

/// The normalizer of `op` by its own scalar code, run in double precision: how bindGeneric() states normalizers that
/// the reference does not know by name. All keys of a row are one tile whose maximum is known from the start, in
/// natural units, so `rescale` is not part of the judgement. Emits an error and fails where the code has an op that
/// cannot be interpreted.
mlir::FailureOr<reference::CustomNormalizer> interpretNormalizer(GenericOp op);

/// 2 (D + Dv) for each pair of a query and a key that the mask keeps, in all batches: what the op cannot do without.
double countUsefulFlops(const BoundGeneric &bound);

/// Runs `function`, a single block of attn.generic, tensor, linalg.generic, arith and math ops (stages normalize and
/// plan), on `arguments`. Returns what it returns, or emits an error and fails.
mlir::FailureOr<llvm::SmallVector<RuntimeValue>> interpret(mlir::func::FuncOp function,
                                                           llvm::ArrayRef<RuntimeValue> arguments,
                                                           const InterpreterOptions &options,
                                                           InterpreterSummary *summary = nullptr);

} // namespace attn

#endif // ATTN_INTERPRETER_INTERPRETER_H
