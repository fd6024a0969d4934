// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What errors of computed operands do to the results of attention. By the inequality of Cauchy and Schwarz a score
// moves by at most |scale| (|q| |dk| + |dq| |k| + |dq| |dk|), norms over d; docs/Numerics.md goes on from there.
#include "TensorOps.h"

#include <cmath>

using namespace mlir;
using namespace attn;

namespace {
/// Norms along one loop, by the positions of the others.
struct Norms {
  std::vector<double> values, errors;
};
} // namespace

/// Numbers the positions along `loops`.
static int64_t flatten(ArrayRef<unsigned> loops, ArrayRef<int64_t> index, const reference::Problem &problem) {
  int64_t number = 0;
  for (unsigned loop : loops)
    number = number * problem.loops[loop].extent + index[loop];
  return number;
}

static int64_t countPositions(ArrayRef<unsigned> loops, const reference::Problem &problem) {
  int64_t total = 1;
  for (unsigned loop : loops)
    total *= problem.loops[loop].extent;
  return total;
}

/// Calls `visit(element, index)` for each element of a dense tensor whose dimensions are these loops.
static void forEachElement(const TensorValue &tensor, ArrayRef<unsigned> loops, size_t numLoops,
                           llvm::function_ref<void(size_t, ArrayRef<int64_t>)> visit) {
  std::vector<int64_t> index(numLoops, 0);
  for (size_t element = 0; element < tensor.values.size(); ++element) {
    visit(element, index);
    for (size_t dim = loops.size(); dim-- > 0 && ++index[loops[dim]] == tensor.sizes[dim];)
      index[loops[dim]] = 0;
  }
}

static double getError(const TensorValue &tensor, size_t element) {
  return tensor.tolerances.empty() ? 0 : tensor.tolerances[element];
}

/// Of what is not finite nothing is asked beyond that.
static double getFinite(double value) { return std::isfinite(value) ? std::fabs(value) : 0; }

/// Euclidean norms of rows of `tensor` and of their errors: one for each position along `kept`, the largest of those
/// that only differ along other loops than `summed`.
static Norms getNorms(const TensorValue &tensor, ArrayRef<unsigned> loops, ArrayRef<unsigned> kept, int key, bool isSum,
                      const reference::Problem &problem) {
  SmallVector<unsigned> rows(kept);
  if (key >= 0)
    rows.push_back(key);
  size_t numRows = countPositions(rows, problem), numKept = countPositions(kept, problem);
  std::vector<double> values(numRows, 0), errors(numRows, 0);
  forEachElement(tensor, loops, problem.loops.size(), [&](size_t element, ArrayRef<int64_t> index) {
    size_t row = flatten(rows, index, problem);
    double value = getFinite(tensor.values[element]), error = getFinite(getError(tensor, element));
    values[row] = isSum ? values[row] + value * value : std::max(values[row], value);
    errors[row] = isSum ? errors[row] + error * error : std::max(errors[row], error);
  });
  if (isSum)
    for (std::vector<double> *list : {&values, &errors})
      for (double &square : *list)
        square = std::sqrt(square);
  Norms norms{std::vector<double>(numKept, 0), std::vector<double>(numKept, 0)};
  size_t perKept = numKept ? numRows / numKept : 0;
  for (size_t row = 0; row < numRows; ++row) {
    norms.values[row / perKept] = std::max(norms.values[row / perKept], values[row]);
    norms.errors[row / perKept] = std::max(norms.errors[row / perKept], errors[row]);
  }
  return norms;
}

LogicalResult attn::addOperandErrors(GenericOp op, ArrayRef<RuntimeValue> operands, const BoundGeneric &bound,
                                     const reference::Results &exact, reference::Results &tolerances) {
  const TensorValue &query = *operands[0].tensor, &key = *operands[1].tensor, &value = *operands[2].tensor;
  auto isUncertain = [](const RuntimeValue &operand) { return operand.tensor && !operand.tensor->tolerances.empty(); };
  size_t numInputs = operands.size() - op.getInits().size();
  if (llvm::none_of(operands.take_front(numInputs), isUncertain))
    return success();
  bool isKnown = op.getSimilarity().empty() && isa<SoftmaxAttr>(op.getNormalizer()) &&
                 llvm::none_of(operands.slice(3, numInputs - 3), isUncertain);
  for (auto kind : op.getResultKinds().getAsRange<ResultKindAttr>())
    isKnown &=
        llvm::is_contained({ResultKind::Out, ResultKind::Lse, ResultKind::Max, ResultKind::Weights}, kind.getValue());
  if (!isKnown)
    return op.emitError(
        "cannot judge attention whose operands are computed before it but for softmax of products, results "
        "out, lse, max and weights, and Q, K and V");

  const reference::Problem &problem = bound.problem;
  LoopInfo info = getLoopInfo(op);
  SmallVector<unsigned> batch(info.batch), rows(info.batch);
  rows.append(info.row);
  SmallVector<unsigned> columns(info.batch);
  columns.push_back(info.e);
  Norms q = getNorms(query, problem.query.loops, rows, -1, true, problem);
  Norms k = getNorms(key, problem.key.loops, batch, info.key, true, problem);
  Norms v = getNorms(value, problem.value.loops, columns, info.key, false, problem);
  double scale = std::fabs(op.getScale().convertToDouble()) * *bound.scoreGain;
  // How far scores of a row move.
  auto getShift = [&](ArrayRef<int64_t> index) {
    size_t row = flatten(rows, index, problem), head = flatten(batch, index, problem);
    double shift = q.values[row] * k.errors[head] + q.errors[row] * (k.values[head] + k.errors[head]);
    return scale * shift;
  };
  // By how much of itself a weight of a row moves.
  auto getWeightShift = [&](ArrayRef<int64_t> index) {
    double factor = std::exp(std::min(getShift(index), 1.0));
    return factor < 2 ? std::min(2.0, (factor - 1) / (2 - factor)) : 2.0;
  };
  auto widen = [&](reference::Tensor &tensor, ArrayRef<unsigned> loops,
                   llvm::function_ref<double(ArrayRef<int64_t>, size_t)> getError) {
    std::vector<int64_t> index(problem.loops.size(), 0);
    for (auto [element, tolerance] : llvm::enumerate(tensor.values)) {
      tolerance += getError(index, element);
      for (size_t dim = loops.size(); dim-- > 0 && ++index[loops[dim]] == problem.loops[loops[dim]].extent;)
        index[loops[dim]] = 0;
    }
  };
  widen(tolerances.out, problem.outLoops, [&](ArrayRef<int64_t> index, size_t) {
    size_t column = flatten(columns, index, problem);
    return getWeightShift(index) * v.values[column] + v.errors[column];
  });
  auto shift = [&](ArrayRef<int64_t> index, size_t) { return getShift(index); };
  if (tolerances.lse)
    widen(*tolerances.lse, *problem.lse, shift);
  if (tolerances.max)
    widen(*tolerances.max, *problem.max, shift);
  if (tolerances.weights)
    widen(*tolerances.weights, *problem.weights, [&](ArrayRef<int64_t> index, size_t element) {
      double weight = getFinite(exact.weights->values[element]);
      // A shift that is no small one says nothing about a weight but that it is one.
      return getShift(index) < 0.5 ? weight * getWeightShift(index) : 1.0;
    });
  return success();
}
