// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ops that move elements about or compute them one by one.
#include "TensorOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"

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

FailureOr<SmallVector<RuntimeValue>> attn::interpretLinalgOp(linalg::LinalgOp op, ArrayRef<RuntimeValue> operands,
                                                             const DenseMap<Value, RuntimeValue> &outside,
                                                             bool sizesOnly) {
  unsigned numInputs = op.getNumDpsInputs();
  SmallVector<RuntimeValue> results(operands.drop_front(numInputs));
  if (sizesOnly)
    return results;
  FailureOr<SmallVector<int64_t>> extents = getExtents(op, operands);
  FailureOr<RegionProgram> program = RegionProgram::compile(*op.getBlock(), outside);
  if (failed(extents) || failed(program))
    return failure();

  SmallVector<std::shared_ptr<TensorValue>> outputs;
  for (RuntimeValue &result : results) {
    outputs.push_back(std::make_shared<TensorValue>(*result.tensor));
    outputs.back()->tolerances.clear();
    outputs.back()->origin = nullptr;
    result.tensor = outputs.back();
  }
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  SmallVector<TensorValue *> tensors;
  for (auto [number, operand] : llvm::enumerate(operands))
    tensors.push_back(number < numInputs ? const_cast<TensorValue *>(operand.tensor.get())
                                         : outputs[number - numInputs].get());
  SmallVector<int64_t> offsets(operands.size());
  forEachIndex(*extents, [&](int64_t, ArrayRef<int64_t> index) {
    for (auto [number, tensor, map] : llvm::enumerate(tensors, maps)) {
      if (!tensor) {
        program->getArgument(number) = operands[number].scalar;
        continue;
      }
      int64_t offset = 0;
      for (auto [size, position] : llvm::zip_equal(tensor->sizes, map.compose(index)))
        offset = offset * size + position;
      offsets[number] = offset;
      double value = tensor->values[offset];
      program->getArgument(number) =
          isa<FloatType>(tensor->elementType) ? Scalar::ofFloat(value) : Scalar::ofInteger(static_cast<int64_t>(value));
    }
    program->run(index.data());
    for (auto [number, output] : llvm::enumerate(outputs)) {
      Scalar value = program->getResult(number);
      output->values[offsets[numInputs + number]] =
          isa<FloatType>(output->elementType) ? value.f : static_cast<double>(value.i);
    }
  });
  return results;
}
