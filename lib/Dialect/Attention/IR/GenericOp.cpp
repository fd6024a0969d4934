// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OperandMaps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

static std::optional<size_t> findKind(ArrayAttr kinds, ResultKind kind) {
  for (auto [number, attr] : llvm::enumerate(kinds.getAsRange<ResultKindAttr>()))
    if (attr.getValue() == kind)
      return number;
  return std::nullopt;
}

Value GenericOp::getInitOfKind(ResultKind kind) {
  std::optional<size_t> number = findKind(getResultKinds(), kind);
  return number ? Value(getInits()[*number]) : Value();
}

Value GenericOp::getResultOfKind(ResultKind kind) {
  std::optional<size_t> number = findKind(getResultKinds(), kind);
  return number ? Value(getResults()[*number]) : Value();
}

FloatType GenericOp::getAccumulatorType() {
  for (Value tensor : {getQuery(), getKey(), getValue()})
    if (getElementType(tensor).isF64())
      return Float64Type::get(getContext());
  return Float32Type::get(getContext());
}

LogicalResult GenericOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  llvm::append_range(types, adaptor.getInits().getTypes());
  return success();
}

LogicalResult GenericOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  for (Value init : getInits())
    shapes.push_back(tensor::getMixedSizes(builder, getLoc(), init));
  return success();
}

/// C6: values and indices of top-k lie alike.
static LogicalResult verifyTopKMaps(GenericOp op, OperandMaps &maps, unsigned firstOut) {
  AffineMap first;
  for (auto [number, attr] : llvm::enumerate(op.getResultKinds().getAsRange<ResultKindAttr>())) {
    if (!isTopK(attr.getValue()))
      continue;
    AffineMap map = maps.getMap(firstOut + number);
    if (first && map != first)
      return op.emitOpError("expects 'topk_values' and 'topk_indices' to have one map, got ")
             << AffineMapAttr::get(first) << " and " << AffineMapAttr::get(map);
    first = map;
  }
  return success();
}

/// C7
static LogicalResult verifyResultLoops(GenericOp op, OperandMaps &maps, unsigned firstOut, const LoopInfo &loops) {
  for (auto [number, attr] : llvm::enumerate(op.getResultKinds().getAsRange<ResultKindAttr>())) {
    SmallVector<LoopKind> kinds{LoopKind::Batch, LoopKind::Row};
    if (attr.getValue() == ResultKind::Out)
      kinds.push_back(LoopKind::E);
    if (attr.getValue() == ResultKind::Weights)
      kinds.push_back(LoopKind::Key);
    if (failed(maps.verifyExactKinds(firstOut + number, 1, loops, kinds)))
      return failure();
  }
  return success();
}

/// C11
static LogicalResult verifyNormalizer(GenericOp op, ArrayRef<ResultKind> kinds) {
  NormalizerInterface normalizer = op.getNormalizer();
  for (ResultKind kind : kinds)
    if (!normalizer.defines(kind))
      return op.emitOpError("expects results that normalizer ")
             << normalizer << " defines, got " << stringifyResultKind(kind);
  if (normalizer.getNumOperands() != op.getNormalizerOperands().size())
    return op.emitOpError("expects ") << normalizer.getNumOperands() << " operands of normalizer " << normalizer
                                      << ", got " << op.getNormalizerOperands().size();
  for (auto [number, operand] : llvm::enumerate(op.getNormalizerOperands()))
    if (!isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(getElementType(operand)))
      return op.emitOpError("expects 'normalizer operand ")
             << number << "' to hold f16, bf16, f32 or f64, got " << getElementType(operand);
  return success();
}

/// C12
static LogicalResult verifyElementTypes(GenericOp op, ArrayRef<ResultKind> kinds) {
  Type accumulator = op.getAccumulatorType();
  for (auto [kind, init] : llvm::zip(kinds, op.getInits())) {
    Type type = getElementType(init);
    if (kind == ResultKind::Out) {
      if (!isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(type))
        return op.emitOpError("expects 'out' to hold f16, bf16, f32 or f64, got ") << type;
    } else if (kind == ResultKind::TopkIndices) {
      if (!isa<IndexType>(type) && !type.isSignlessInteger())
        return op.emitOpError("expects 'topk_indices' to hold integers, got ") << type;
    } else if (type != accumulator) {
      return op.emitOpError("expects '") << stringifyResultKind(kind) << "' to hold the accumulator type "
                                         << accumulator << ", got " << type;
    }
  }
  return success();
}

LogicalResult GenericOp::verify() {
  if (failed(verifyNoStrayAttributes(*this)))
    return failure();
  // C6
  if (failed(verifyResultKinds(*this, getResultKinds(), getInits().size(),
                               {ResultKind::Out, ResultKind::Lse, ResultKind::Max, ResultKind::Entropy,
                                ResultKind::Weights, ResultKind::TopkValues, ResultKind::TopkIndices})))
    return failure();
  auto kinds = llvm::map_to_vector(getResultKinds().getAsRange<ResultKindAttr>(),
                                   [](ResultKindAttr attr) { return attr.getValue(); });
  if (kinds.empty() || kinds.front() != ResultKind::Out)
    return emitOpError("expects the first result kind to be out");

  OperandMaps maps(*this, getIndexingMaps());
  maps.add(getQuery(), "query");
  maps.add(getKey(), "key");
  maps.add(getValue(), "value");
  unsigned firstElementOperand = maps.size();
  maps.addElementOperands(*this);
  unsigned firstNormalizerOperand = maps.size();
  maps.addEach(getNormalizerOperands(), "normalizer operand");
  unsigned firstOut = maps.size();
  for (auto [kind, init] : llvm::zip(kinds, getInits()))
    maps.add(init, stringifyResultKind(kind), isTopK(kind) ? 1 : 0);
  // C1
  if (failed(maps.verifyMaps("query, key, value, similarity, score, mask, normalizer operands, outs")))
    return failure();
  // C6 once more: the rank is known to be at least 1
  if (failed(verifyTopKMaps(*this, maps, firstOut)))
    return failure();
  if (failed(verifyTopK(*this, getInitOfKind(ResultKind::TopkValues), getInitOfKind(ResultKind::TopkIndices))))
    return failure();
  // C2 and C3
  std::string error;
  FailureOr<LoopInfo> loops = classifyLoops(maps.getMap(0), maps.getMap(1), maps.getMap(2), maps.getMap(firstOut),
                                            /*allowFixed=*/false, error);
  if (failed(loops))
    return emitOpError() << error;
  // C4
  if (failed(maps.verifySizes()))
    return failure();
  // C5, C9, C10
  if (failed(verifyScoredOperands(*this, maps, firstElementOperand, *loops)) ||
      failed(maps.verifyKinds(firstNormalizerOperand, getNormalizerOperands().size(), *loops,
                              {LoopKind::Batch, LoopKind::Row})))
    return failure();
  if (failed(verifyResultLoops(*this, maps, firstOut, *loops)) || failed(verifyNormalizer(*this, kinds)))
    return failure();
  return verifyElementTypes(*this, kinds);
}

// C8 and C13
LogicalResult GenericOp::verifyRegions() { return verifyScoredRegions(*this); }
