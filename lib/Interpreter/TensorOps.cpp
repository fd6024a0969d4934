// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops that move elements about or compute them one by one.
#include "TensorOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace attn;

static RuntimeValue wrapTensor(TensorValue &&tensor) {
  RuntimeValue value;
  value.tensor = std::make_shared<TensorValue>(std::move(tensor));
  return value;
}

/// Static sizes with the dynamic ones filled in from scalars.
static std::vector<int64_t> fillIn(ArrayRef<int64_t> sizes, ArrayRef<RuntimeValue> dynamic) {
  std::vector<int64_t> result;
  for (int64_t size : sizes) {
    if (ShapedType::isDynamic(size)) {
      size = dynamic.front().scalar.i;
      dynamic = dynamic.drop_front();
    }
    result.push_back(size);
  }
  return result;
}

/// The same elements under other sizes, tolerances included.
static RuntimeValue reshape(const RuntimeValue &source, std::vector<int64_t> sizes) {
  TensorValue tensor = *source.tensor;
  tensor.sizes = std::move(sizes);
  return wrapTensor(std::move(tensor));
}

static RuntimeValue collapse(tensor::CollapseShapeOp op, const RuntimeValue &source) {
  std::vector<int64_t> sizes;
  for (const ReassociationIndices &group : op.getReassociationIndices()) {
    int64_t size = 1;
    for (int64_t dimension : group)
      size *= source.tensor->sizes[dimension];
    sizes.push_back(size);
  }
  return reshape(source, std::move(sizes));
}

/// Calls `visit(number, index)` for each index of a tensor of these sizes, in row-major order.
static void forEachIndex(ArrayRef<int64_t> sizes, llvm::function_ref<void(int64_t, ArrayRef<int64_t>)> visit) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  SmallVector<int64_t> index(sizes.size(), 0);
  for (int64_t number = 0; number < count; ++number) {
    visit(number, index);
    for (size_t i = sizes.size(); i-- > 0 && ++index[i] == sizes[i];)
      index[i] = 0;
  }
}

static RuntimeValue extractSlice(tensor::ExtractSliceOp op, ArrayRef<RuntimeValue> operands, bool sizesOnly) {
  const TensorValue &source = *operands.front().tensor;
  ArrayRef<RuntimeValue> rest = operands.drop_front();
  std::vector<int64_t> offsets = fillIn(op.getStaticOffsets(), rest.take_front(op.getOffsets().size()));
  rest = rest.drop_front(op.getOffsets().size());
  std::vector<int64_t> sizes = fillIn(op.getStaticSizes(), rest.take_front(op.getSizes().size()));
  rest = rest.drop_front(op.getSizes().size());
  std::vector<int64_t> strides = fillIn(op.getStaticStrides(), rest);

  TensorValue result;
  result.elementType = source.elementType;
  result.origin = source.origin;
  result.kind = source.kind;
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (auto [dimension, size] : llvm::enumerate(sizes))
    if (!dropped.test(dimension))
      result.sizes.push_back(size);
  if (sizesOnly)
    return wrapTensor(std::move(result));
  std::vector<int64_t> sourceStrides = reference::rowMajorStrides(source.sizes);
  forEachIndex(sizes, [&](int64_t, ArrayRef<int64_t> index) {
    int64_t at = 0;
    for (size_t i = 0; i < index.size(); ++i)
      at += (offsets[i] + index[i] * strides[i]) * sourceStrides[i];
    result.values.push_back(source.values[at]);
    if (!source.tolerances.empty())
      result.tolerances.push_back(source.tolerances[at]);
  });
  return wrapTensor(std::move(result));
}

static std::optional<RuntimeValue> makeConstant(arith::ConstantOp op) {
  auto elements = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!elements)
    return std::nullopt;
  TensorValue tensor;
  tensor.elementType = elements.getElementType();
  tensor.sizes.assign(elements.getType().getShape().begin(), elements.getType().getShape().end());
  for (Attribute element : elements.getValues<Attribute>()) {
    FailureOr<Scalar> scalar = getScalar(element);
    if (failed(scalar))
      return std::nullopt;
    tensor.values.push_back(isa<FloatType>(tensor.elementType) ? scalar->f : static_cast<double>(scalar->i));
  }
  return wrapTensor(std::move(tensor));
}

std::optional<RuntimeValue> attn::interpretTensorOp(Operation *op, ArrayRef<RuntimeValue> operands, bool sizesOnly) {
  return llvm::TypeSwitch<Operation *, std::optional<RuntimeValue>>(op)
      .Case<arith::ConstantOp>(makeConstant)
      .Case<tensor::EmptyOp>([&](tensor::EmptyOp empty) {
        TensorValue tensor;
        tensor.elementType = empty.getType().getElementType();
        tensor.sizes = fillIn(empty.getType().getShape(), operands);
        if (!sizesOnly)
          tensor.values.assign(reference::countElements(tensor.sizes), 0);
        return wrapTensor(std::move(tensor));
      })
      .Case<tensor::DimOp>([&](auto) -> std::optional<RuntimeValue> {
        int64_t dimension = operands[1].scalar.i;
        const std::vector<int64_t> &sizes = operands[0].tensor->sizes;
        if (dimension < 0 || dimension >= static_cast<int64_t>(sizes.size()))
          return std::nullopt;
        return RuntimeValue{nullptr, Scalar::ofInteger(sizes[dimension])};
      })
      .Case<tensor::CastOp>([&](auto) { return operands.front(); })
      .Case<tensor::ExpandShapeOp>([&](tensor::ExpandShapeOp expand) {
        return reshape(operands.front(), fillIn(expand.getStaticOutputShape(), operands.drop_front()));
      })
      .Case<tensor::CollapseShapeOp>(
          [&](tensor::CollapseShapeOp collapseOp) { return collapse(collapseOp, operands.front()); })
      .Case<tensor::ExtractSliceOp>(
          [&](tensor::ExtractSliceOp slice) { return extractSlice(slice, operands, sizesOnly); })
      .Default(std::nullopt);
}

FailureOr<TensorValue> attn::appendRows(AppendKvOp op, const TensorValue &rows, const TensorValue &cache,
                                        const TensorValue &positions) {
  TensorValue grown = cache;
  grown.origin = nullptr;
  if (grown.tolerances.empty() && !rows.tolerances.empty())
    grown.tolerances.assign(grown.values.size(), 0);
  unsigned rowDim = op.getRowDim();
  int64_t last = cache.sizes[rowDim] - rows.sizes[rowDim];
  for (double position : positions.values)
    if (position < 0 || position > static_cast<double>(last))
      return op.emitError() << "cannot put " << rows.sizes[rowDim] << " rows at position "
                            << static_cast<int64_t>(position) << " of a cache of " << cache.sizes[rowDim];
  std::vector<int64_t> strides = reference::rowMajorStrides(cache.sizes);
  forEachIndex(rows.sizes, [&](int64_t number, ArrayRef<int64_t> index) {
    int64_t at = static_cast<int64_t>(positions.values[index[0]]) * strides[rowDim];
    for (auto [position, stride] : llvm::zip_equal(index, strides))
      at += position * stride;
    grown.values[at] = rows.values[number];
    if (!grown.tolerances.empty())
      grown.tolerances[at] = rows.tolerances.empty() ? 0 : rows.tolerances[number];
  });
  return grown;
}

/// The extent of each loop: the size of an operand's dimension that it alone indexes.
static FailureOr<SmallVector<int64_t>> getExtents(linalg::LinalgOp op, ArrayRef<RuntimeValue> operands) {
  SmallVector<int64_t> extents(op.getNumLoops(), -1);
  for (auto [operand, map] : llvm::zip_equal(operands, op.getIndexingMapsArray())) {
    if (!operand.tensor)
      continue;
    for (auto [size, expr] : llvm::zip_equal(operand.tensor->sizes, map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        extents[dim.getPosition()] = size;
  }
  if (llvm::is_contained(extents, -1))
    return op.emitError() << "cannot interpret a loop that no operand dimension shows the extent of";
  return extents;
}

/// The term that an op adds to its only output, if that is all it does to it: the op is then a sum.
static bool isSum(linalg::LinalgOp op) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1)
    return false;
  Block &body = *op.getBlock();
  BlockArgument sum = op.getMatchingBlockArgument(op.getDpsInitOperand(0));
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  return add && sum.hasOneUse() && (add.getLhs() == sum) != (add.getRhs() == sum);
}

/// Whether elements are rounded to a format narrower than that of the arithmetic.
static bool roundsToNarrow(linalg::LinalgOp op) {
  return op.getBlock()->walk([](arith::TruncFOp) { return WalkResult::interrupt(); }).wasInterrupted();
}

static double getUnit(Type type) {
  if (type.isF64())
    return 0x1p-53;
  return type.isF16() ? 0x1p-11 : type.isBF16() ? 0x1p-8 : 0x1p-24;
}

namespace {
/// One linalg op, with tolerances beside its values.
class LinalgInterpreter {
public:
  LinalgInterpreter(linalg::LinalgOp op, ArrayRef<RuntimeValue> operands, const InterpreterOptions &options)
      : op(op), operands(operands), numInputs(op.getNumDpsInputs()),
        isStatistical(options.confidence == reference::Confidence::Statistical), sums(isSum(op)) {}

  FailureOr<SmallVector<RuntimeValue>> run(const DenseMap<Value, RuntimeValue> &outside);

private:
  bool wantsErrors(const DenseMap<Value, RuntimeValue> &outside);
  void prepareOutputs();
  void runElement(ArrayRef<int64_t> index);
  void storeResult(unsigned number, int64_t at);

  linalg::LinalgOp op;
  ArrayRef<RuntimeValue> operands;
  unsigned numInputs;
  bool isStatistical, sums, hasErrors = false;
  std::optional<RegionProgram> program;
  double unit = 0x1p-24;
  SmallVector<std::shared_ptr<TensorValue>> outputs;
  SmallVector<const TensorValue *> tensors;
  SmallVector<AffineMap> maps;
  SmallVector<int64_t> offsets;
  /// Of a sum, by element of the output: magnitudes of its terms; errors of its terms, added up in squares where they
  /// are taken for independent.
  std::vector<double> magnitudes, termErrors;
};
} // namespace

bool LinalgInterpreter::wantsErrors(const DenseMap<Value, RuntimeValue> &outside) {
  if (llvm::none_of(outputs, [](const auto &output) { return isa<FloatType>(output->elementType); }))
    return false;
  if (op.getNumReductionLoops() > 0 || roundsToNarrow(op))
    return true;
  auto isUncertain = [](const RuntimeValue &value) { return value.tensor && !value.tensor->tolerances.empty(); };
  bool readsUncertain = llvm::any_of(operands.take_front(numInputs), isUncertain);
  op.getBlock()->walk([&](tensor::ExtractOp extract) {
    auto it = outside.find(extract.getTensor());
    readsUncertain |= it != outside.end() && isUncertain(it->second);
  });
  // Rows that are copied into a cache are exact.
  bool isCopy = isa<BlockArgument>(op.getBlock()->getTerminator()->getOperand(0));
  return readsUncertain || llvm::any_of(op->getUsers(), [&](Operation *user) {
           return (isa<AppendKvOp>(user) && !isCopy) || user->hasTrait<OpTrait::IsTerminator>();
         });
}

void LinalgInterpreter::prepareOutputs() {
  for (const RuntimeValue &init : operands.drop_front(numInputs)) {
    outputs.push_back(std::make_shared<TensorValue>(*init.tensor));
    outputs.back()->origin = nullptr;
  }
}

void LinalgInterpreter::storeResult(unsigned number, int64_t at) {
  TensorValue &output = *outputs[number];
  Scalar value = program->getResult(number);
  bool isFloat = isa<FloatType>(output.elementType);
  double result = isFloat ? value.f : static_cast<double>(value.i);
  if (!hasErrors || !isFloat) {
    output.values[at] = result;
    return;
  }
  double error = program->getError(number);
  if (sums) {
    // The program ran on a sum of 0, so that the result is the term.
    output.values[at] += result;
    magnitudes[at] += std::fabs(result);
    termErrors[at] += isStatistical ? error * error : error;
    return;
  }
  output.values[at] = result;
  output.tolerances[at] = error;
}

void LinalgInterpreter::runElement(ArrayRef<int64_t> index) {
  for (auto [number, tensor, map] : llvm::enumerate(tensors, maps)) {
    if (!tensor) {
      program->getArgument(number) = operands[number].scalar;
      continue;
    }
    int64_t offset = 0;
    for (auto [size, position] : llvm::zip_equal(tensor->sizes, map.compose(index)))
      offset = offset * size + position;
    offsets[number] = offset;
    bool startsAtZero = hasErrors && sums && number >= numInputs;
    double value = startsAtZero ? 0 : tensor->values[offset];
    program->getArgument(number) =
        isa<FloatType>(tensor->elementType) ? Scalar::ofFloat(value) : Scalar::ofInteger(static_cast<int64_t>(value));
    if (hasErrors)
      program->getArgumentError(number) = tensor->tolerances.empty() || startsAtZero ? 0 : tensor->tolerances[offset];
  }
  if (hasErrors)
    program->runWithErrors(index.data(), unit);
  else
    program->run(index.data());
  for (unsigned number = 0; number < outputs.size(); ++number)
    storeResult(number, offsets[numInputs + number]);
}

FailureOr<SmallVector<RuntimeValue>> LinalgInterpreter::run(const DenseMap<Value, RuntimeValue> &outside) {
  FailureOr<SmallVector<int64_t>> extents = getExtents(op, operands);
  FailureOr<RegionProgram> compiled = RegionProgram::compile(*op.getBlock(), outside);
  if (failed(extents) || failed(compiled))
    return failure();
  program = std::move(*compiled);
  prepareOutputs();
  hasErrors = wantsErrors(outside);
  maps = op.getIndexingMapsArray();
  offsets.resize(operands.size());
  for (auto [number, operand] : llvm::enumerate(operands))
    tensors.push_back(number < numInputs ? operand.tensor.get() : outputs[number - numInputs].get());
  for (const auto &output : outputs) {
    if (!hasErrors || !isa<FloatType>(output->elementType))
      output->tolerances.clear();
    else if (output->tolerances.empty() || !op.payloadUsesValueFromOperand(op.getDpsInitOperand(0)))
      output->tolerances.assign(output->values.size(), 0);
    if (output->elementType.isF64())
      unit = 0x1p-53;
  }
  if (hasErrors && sums) {
    magnitudes = outputs[0]->values;
    for (double &magnitude : magnitudes)
      magnitude = std::fabs(magnitude);
    termErrors.assign(magnitudes.size(), 0);
  }
  forEachIndex(*extents, [&](int64_t, ArrayRef<int64_t> index) { runElement(index); });

  SmallVector<RuntimeValue> results;
  for (const auto &output : outputs) {
    double stored = getUnit(output->elementType);
    int64_t terms = 1;
    for (auto [extent, kind] : llvm::zip_equal(*extents, op.getIteratorTypesArray()))
      if (kind == utils::IteratorType::reduction)
        terms *= extent;
    double chain = static_cast<double>(terms) + 1;
    if (isStatistical)
      chain = std::min(chain, 4 * std::sqrt(chain));
    for (size_t at = 0; at < output->tolerances.size(); ++at) {
      double &tolerance = output->tolerances[at];
      if (sums)
        tolerance += (isStatistical ? std::sqrt(termErrors[at]) : termErrors[at]) + chain * unit * magnitudes[at];
      // Narrow results are rounded once more.
      if (stored > unit && std::isfinite(output->values[at]))
        tolerance += stored * (std::fabs(output->values[at]) + tolerance);
    }
    results.push_back({output, Scalar::ofInteger(0)});
  }
  return results;
}

FailureOr<SmallVector<RuntimeValue>> attn::interpretLinalgOp(linalg::LinalgOp op, ArrayRef<RuntimeValue> operands,
                                                             const DenseMap<Value, RuntimeValue> &outside,
                                                             const InterpreterOptions &options) {
  // Sums are slow, and what is only counted does not depend on them.
  bool isSkipped = options.mode == InterpreterMode::Count && op.getNumReductionLoops() > 0;
  if (options.mode == InterpreterMode::Sizes || isSkipped)
    return SmallVector<RuntimeValue>(operands.drop_front(op.getNumDpsInputs()));
  return LinalgInterpreter(op, operands, options).run(outside);
}

double attn::countLinalgFlops(linalg::LinalgOp op, ArrayRef<RuntimeValue> operands) {
  if (op.getNumReductionLoops() == 0 || op.getNumDpsInputs() != 2)
    return 0;
  FailureOr<SmallVector<int64_t>> extents = getExtents(op, operands);
  double count = 2;
  for (int64_t extent : failed(extents) ? SmallVector<int64_t>{0} : *extents)
    count *= static_cast<double>(extent);
  return count;
}
