// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Values of an interpreted function: scalars and tensors, with floats in double precision.
#ifndef ATTN_INTERPRETER_VALUES_H
#define ATTN_INTERPRETER_VALUES_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "attn/Reference/Budget.h"
#include "attn/Reference/Evaluate.h"

#include "mlir/IR/BuiltinTypes.h"

#include <memory>
#include <vector>

namespace attn {

/// A number: `f` of a float type, `i` of an integer or index (i1: 0 or 1, others sign-extended).
union Scalar {
  double f;
  int64_t i;

  static Scalar ofFloat(double value) {
    Scalar scalar;
    scalar.f = value;
    return scalar;
  }
  static Scalar ofInteger(int64_t value) {
    Scalar scalar;
    scalar.i = value;
    return scalar;
  }
};

struct EvaluatedOp;

/// A dense row-major tensor of any element type. Elements are doubles: integers beyond 2^53 are rounded.
struct TensorValue {
  mlir::Type elementType;
  std::vector<int64_t> sizes;
  std::vector<double> values;
  /// How far a kernel may be off for each element: set for results of attn ops and their reshapes, else empty.
  std::vector<double> tolerances;
  /// The op that made it, where it is a result or a reshape of one.
  std::shared_ptr<const EvaluatedOp> origin;
  /// Which of its results.
  ResultKind kind = ResultKind::Out;

  reference::View view() const { return {values.data(), sizes, reference::rowMajorStrides(sizes)}; }
};

/// An evaluated attn.generic, kept for comparisons that need more than one result of it.
struct EvaluatedOp {
  /// The tensors that the views of `problem` look at.
  std::vector<std::shared_ptr<const TensorValue>> operands;
  reference::Problem problem;
  reference::Evaluation evaluation;
  reference::Results tolerances;
};

/// A value of a function: a tensor, or a scalar when there is none.
struct RuntimeValue {
  std::shared_ptr<const TensorValue> tensor;
  Scalar scalar = Scalar::ofInteger(0);
};

} // namespace attn

#endif // ATTN_INTERPRETER_VALUES_H
