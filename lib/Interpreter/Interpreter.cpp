// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Interpreter/Interpreter.h"

#include "TensorOps.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

/// The part of `results` that holds `kind`, or null. Top-k indices are integers and come as doubles.
static std::optional<reference::Tensor> getResult(const reference::Results &results, ResultKind kind) {
  switch (kind) {
  case ResultKind::Out:
    return results.out;
  case ResultKind::Lse:
    return results.lse;
  case ResultKind::Max:
    return results.max;
  case ResultKind::Entropy:
    return results.entropy;
  case ResultKind::Weights:
    return results.weights;
  case ResultKind::TopkValues:
    return results.topKValues;
  case ResultKind::TopkIndices:
    if (!results.topKIndices)
      return std::nullopt;
    reference::Tensor indices(results.topKIndices->sizes);
    indices.values.assign(results.topKIndices->values.begin(), results.topKIndices->values.end());
    return indices;
  }
  llvm_unreachable("covered switch");
}

static std::optional<int64_t> evaluateAffine(AffineExpr expr, ArrayRef<int64_t> dims, ArrayRef<int64_t> symbols) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary) {
    if (auto constant = dyn_cast<AffineConstantExpr>(expr))
      return constant.getValue();
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      return dims[dim.getPosition()];
    return symbols[cast<AffineSymbolExpr>(expr).getPosition()];
  }
  std::optional<int64_t> lhs = evaluateAffine(binary.getLHS(), dims, symbols);
  std::optional<int64_t> rhs = evaluateAffine(binary.getRHS(), dims, symbols);
  if (!lhs || !rhs)
    return std::nullopt;
  if (expr.getKind() == AffineExprKind::Add)
    return *lhs + *rhs;
  if (expr.getKind() == AffineExprKind::Mul)
    return *lhs * *rhs;
  if (*rhs <= 0)
    return std::nullopt;
  int64_t floor = *lhs / *rhs - (*lhs % *rhs < 0);
  if (expr.getKind() == AffineExprKind::FloorDiv)
    return floor;
  if (expr.getKind() == AffineExprKind::CeilDiv)
    return floor + (*lhs % *rhs != 0);
  return *lhs - floor * *rhs; // mod
}

namespace {
/// Runs the ops of one function, keeping the value of each result.
class FunctionInterpreter {
public:
  FunctionInterpreter(const InterpreterOptions &options, InterpreterSummary *summary)
      : options(options), summary(summary) {}

  FailureOr<SmallVector<RuntimeValue>> run(func::FuncOp function, ArrayRef<RuntimeValue> arguments) {
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return function.emitError() << "cannot interpret a function without exactly one block";
    Block &block = function.getBody().front();
    for (auto [argument, value] : llvm::zip_equal(block.getArguments(), arguments))
      values[argument] = value;
    for (Operation &op : block.without_terminator())
      if (failed(runOp(&op)))
        return failure();
    return getOperands(block.getTerminator());
  }

private:
  SmallVector<RuntimeValue> getOperands(Operation *op) {
    return llvm::map_to_vector(op->getOperands(), [&](Value operand) { return values.lookup(operand); });
  }

  LogicalResult runOp(Operation *op) {
    if (auto generic = dyn_cast<GenericOp>(op))
      return runGeneric(generic);
    if (auto append = dyn_cast<AppendKvOp>(op))
      return runAppend(append);
    if (auto assertion = dyn_cast<cf::AssertOp>(op)) {
      // Sizes of results are asked for before a kernel is called; whether arguments fit is for the kernel to say.
      if (!sizesOnly() && values.lookup(assertion.getArg()).scalar.i == 0)
        return op->emitError() << "does not hold for these arguments: " << assertion.getMsg();
      return success();
    }
    if (isa<affine::AffineApplyOp, affine::AffineMinOp, affine::AffineMaxOp>(op))
      return runAffine(op);
    SmallVector<RuntimeValue> operands = getOperands(op);
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op)) {
      FailureOr<SmallVector<RuntimeValue>> results = interpretLinalgOp(linalgOp, operands, values, options);
      if (failed(results))
        return failure();
      if (summary && !sizesOnly())
        summary->usefulFlops += countLinalgFlops(linalgOp, operands);
      for (auto [result, value] : llvm::zip_equal(op->getResults(), *results))
        values[result] = value;
      return success();
    }
    if (std::optional<RuntimeValue> value = interpretTensorOp(op, operands, sizesOnly())) {
      values[op->getResult(0)] = *value;
      return success();
    }
    return runScalarOp(op, operands);
  }

  LogicalResult runScalarOp(Operation *op, ArrayRef<RuntimeValue> operands) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      FailureOr<Scalar> scalar = getScalar(constant.getValue());
      if (failed(scalar))
        return op->emitError() << "cannot interpret this constant";
      values[constant].scalar = *scalar;
      return success();
    }
    SmallVector<unsigned> slots = llvm::to_vector(llvm::seq<unsigned>(0, op->getNumOperands()));
    FailureOr<Instruction> instruction = encodeScalarOp(op, slots);
    if (failed(instruction))
      return op->emitError() << "cannot interpret '" << op->getName() << "'";
    if (isa<tensor::ExtractOp>(op)) {
      if (sizesOnly())
        return success(); // sizes do not depend on elements
      instruction->table = operands.front().tensor.get();
    }
    SmallVector<Scalar> scalars = llvm::map_to_vector(operands, [](const RuntimeValue &value) { return value.scalar; });
    // Instructions read three slots whatever their op needs.
    scalars.resize(std::max<size_t>(scalars.size(), 3), Scalar::ofInteger(0));
    values[op->getResult(0)].scalar = instruction->run(*instruction, scalars.data(), nullptr);
    return success();
  }

  LogicalResult runAffine(Operation *op) {
    AffineMap map = cast<AffineMapAttr>(op->getAttr("map")).getValue();
    SmallVector<int64_t> operands =
        llvm::map_to_vector(op->getOperands(), [&](Value operand) { return values.lookup(operand).scalar.i; });
    ArrayRef<int64_t> dims = ArrayRef(operands).take_front(map.getNumDims());
    ArrayRef<int64_t> symbols = ArrayRef(operands).drop_front(map.getNumDims());
    std::optional<int64_t> result;
    for (AffineExpr expr : map.getResults()) {
      std::optional<int64_t> value = evaluateAffine(expr, dims, symbols);
      if (!value)
        return op->emitError() << "divides by zero for these arguments";
      result = !result ? *value : isa<affine::AffineMinOp>(op) ? std::min(*result, *value) : std::max(*result, *value);
    }
    values[op->getResult(0)].scalar = Scalar::ofInteger(result.value_or(0));
    return success();
  }

  LogicalResult runAppend(AppendKvOp op) {
    RuntimeValue &result = values[op.getResult()] = values.lookup(op.getCache());
    if (sizesOnly())
      return success();
    FailureOr<TensorValue> grown =
        appendRows(op, *values.lookup(op.getRows()).tensor, *result.tensor, *values.lookup(op.getPositions()).tensor);
    if (failed(grown))
      return failure();
    result.tensor = std::make_shared<TensorValue>(std::move(*grown));
    return success();
  }

  bool sizesOnly() const { return options.mode == InterpreterMode::Sizes; }

  void returnInits(GenericOp op) {
    for (auto [result, init] : llvm::zip_equal(op.getResults(), op.getInits()))
      values[result] = values.lookup(init);
  }

  LogicalResult runGeneric(GenericOp op) {
    if (sizesOnly()) {
      returnInits(op);
      return success();
    }
    SmallVector<RuntimeValue> operands = getOperands(op);
    FailureOr<BoundGeneric> bound = bindGeneric(op, operands, options);
    if (failed(bound))
      return failure();
    if (summary)
      summary->usefulFlops += countUsefulFlops(*bound);
    if (options.mode == InterpreterMode::Count) {
      returnInits(op);
      return success();
    }
    std::string error;
    std::optional<reference::Evaluation> evaluation = reference::evaluate(bound->problem, error);
    if (!evaluation)
      return op.emitError() << error;
    bound->model.scoreGain = *bound->scoreGain;
    auto origin = std::make_shared<EvaluatedOp>();
    origin->tolerances = reference::tolerances(bound->problem, *evaluation, bound->model);
    if (failed(addOperandErrors(op, operands, *bound, evaluation->results, origin->tolerances)))
      return failure();
    for (const RuntimeValue &operand : operands)
      origin->operands.push_back(operand.tensor);
    origin->problem = std::move(bound->problem);
    origin->evaluation = std::move(*evaluation);
    for (auto [result, kindAttr] : llvm::zip_equal(op.getResults(), op.getResultKinds())) {
      ResultKind kind = cast<ResultKindAttr>(kindAttr).getValue();
      std::optional<reference::Tensor> exact = getResult(origin->evaluation.results, kind);
      std::optional<reference::Tensor> tolerance = getResult(origin->tolerances, kind);
      auto tensor = std::make_shared<TensorValue>();
      tensor->elementType = cast<ShapedType>(result.getType()).getElementType();
      tensor->sizes = exact->sizes;
      tensor->values = std::move(exact->values);
      if (tolerance)
        tensor->tolerances = std::move(tolerance->values);
      tensor->origin = origin;
      tensor->kind = kind;
      values[result].tensor = std::move(tensor);
    }
    return success();
  }

  const InterpreterOptions &options;
  InterpreterSummary *summary;
  DenseMap<Value, RuntimeValue> values;
};
} // namespace

FailureOr<SmallVector<RuntimeValue>> attn::interpret(func::FuncOp function, ArrayRef<RuntimeValue> arguments,
                                                     const InterpreterOptions &options, InterpreterSummary *summary) {
  FunctionInterpreter interpreter(options, summary);
  return interpreter.run(function, arguments);
}
