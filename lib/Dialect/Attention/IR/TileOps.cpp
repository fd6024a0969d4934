// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.online, attn.weights, attn.merge, attn.finalize. "generic Cn" names the constraint of attn.generic that an op
// takes over.
#include "OperandMaps.h"

using namespace mlir;
using namespace attn;

static FloatType getWidest(MLIRContext *context, std::initializer_list<Value> tensors) {
  for (Value tensor : tensors)
    if (getElementType(tensor).isF64())
      return Float64Type::get(context);
  return Float32Type::get(context);
}

/// All of `tensors` hold `type`.
static LogicalResult verifyHold(Operation *op, ValueRange tensors, StringRef name, Type type) {
  for (auto [number, tensor] : llvm::enumerate(tensors))
    if (getElementType(tensor) != type)
      return op->emitOpError("expects '") << name << " " << number << "' to hold the accumulator type " << type
                                          << ", got " << getElementType(tensor);
  return success();
}

static LogicalResult verifyCount(Operation *op, StringRef what, size_t expected, size_t got) {
  if (expected == got)
    return success();
  return op->emitOpError("expects ") << expected << " " << what << ", got " << got;
}

template <typename OpTy>
static LogicalResult inferFromInits(ValueRange operands, DictionaryAttr attributes, OpaqueProperties properties,
                                    RegionRange regions, SmallVectorImpl<Type> &types) {
  typename OpTy::Adaptor adaptor(operands, attributes, properties, regions);
  llvm::append_range(types, adaptor.getInits().getTypes());
  return success();
}

//===----------------------------------------------------------------------===//
// attn.online
//===----------------------------------------------------------------------===//

FloatType OnlineOp::getAccumulatorType() { return getWidest(getContext(), {getQuery(), getKey(), getValue()}); }

LogicalResult OnlineOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands,
                                         DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                         SmallVectorImpl<Type> &types) {
  return inferFromInits<OnlineOp>(operands, attributes, properties, regions, types);
}

/// C5
static LogicalResult verifyLists(OnlineOp op, AffineMap acc, const LoopInfo &loops) {
  if (!op.getTopK())
    return success();
  SmallVector<int64_t> shape(cast<RankedTensorType>(op.getInits().front().getType()).getShape());
  shape[*acc.getResultPosition(getAffineDimExpr(loops.e, op.getContext()))] = *op.getTopK();
  Type position = IntegerType::get(op.getContext(), 32), score = op.getAccumulatorType();
  for (auto [name, list, element] :
       {std::tuple("scores", op.getTopKInits()[0], score), std::tuple("positions", op.getTopKInits()[1], position)}) {
    auto expected = RankedTensorType::get(shape, element), type = cast<RankedTensorType>(list.getType());
    if (type.getElementType() != element || failed(verifyCompatibleShape(expected, type)))
      return op.emitOpError("expects the ") << name << " of 'top_k' to be " << expected << ", got " << type;
  }
  return success();
}

LogicalResult OnlineOp::verify() {
  // C4 and C5, how many
  unsigned numStates = getNormalizer().getNumStates();
  if (failed(getTopK() ? verifyCount(*this, "outs (acc, the state, then scores and positions of 'top_k')",
                                     3 + numStates, getInits().size())
                       : verifyCount(*this, "outs (acc, then the state)", 1 + numStates, getInits().size())))
    return failure();
  OperandMaps maps(*this, getIndexingMaps());
  maps.add(getQuery(), "query");
  maps.add(getKey(), "key");
  maps.add(getValue(), "value");
  unsigned firstElementOperand = maps.size();
  maps.addElementOperands(*this);
  unsigned acc = maps.size();
  maps.add(getInits().front(), "acc");
  maps.addShared(getStateInits(), "state");
  // C1
  if (failed(maps.verifyMaps("query, key, value, similarity, score, mask operands, acc, state")))
    return failure();
  // C2
  std::string error;
  FailureOr<LoopInfo> loops = classifyLoops(maps.getMap(0), maps.getMap(1), maps.getMap(2), maps.getMap(acc),
                                            /*allowFixed=*/true, error);
  if (failed(loops))
    return emitOpError() << error;
  // C3 and generic C4, C5, C9, C10
  if (failed(maps.verifySizes()) || failed(verifyScoredOperands(*this, maps, firstElementOperand, *loops)))
    return failure();
  // C4
  if (failed(maps.verifyExactKinds(acc + 1, maps.size() - acc - 1, *loops, {LoopKind::Batch, LoopKind::Row})))
    return failure();
  if (failed(verifyHold(*this, getInits().take_front(1 + numStates), "out", getAccumulatorType())))
    return failure();
  return verifyLists(*this, maps.getMap(acc), *loops);
}

// C3: generic C8 and C13
LogicalResult OnlineOp::verifyRegions() { return verifyScoredRegions(*this); }

//===----------------------------------------------------------------------===//
// attn.weights
//===----------------------------------------------------------------------===//

FloatType WeightsOp::getAccumulatorType() { return getWidest(getContext(), {getQuery(), getKey(), getInit()}); }

LogicalResult WeightsOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands,
                                          DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                          SmallVectorImpl<Type> &types) {
  Adaptor adaptor(operands, attributes, properties, regions);
  types.push_back(adaptor.getInit().getType());
  return success();
}

LogicalResult WeightsOp::verify() {
  // C2
  if (failed(verifyCount(*this, "state operands (the state, then the factor)", getNormalizer().getNumStates() + 1,
                         getState().size())))
    return failure();
  OperandMaps maps(*this, getIndexingMaps());
  maps.add(getQuery(), "query");
  maps.add(getKey(), "key");
  unsigned firstElementOperand = maps.size();
  maps.addElementOperands(*this);
  unsigned firstState = maps.size();
  maps.addShared(getState(), "state");
  unsigned init = maps.size();
  maps.add(getInit(), "init");
  // C1
  if (failed(maps.verifyMaps("query, key, similarity, score, mask operands, state, init")))
    return failure();
  std::string error;
  FailureOr<LoopInfo> loops =
      classifyLoops(maps.getMap(0), maps.getMap(1), AffineMap(), maps.getMap(init), /*allowFixed=*/true, error);
  if (failed(loops))
    return emitOpError() << error;
  // C3 and generic C4, C5, C9, C10
  if (failed(maps.verifySizes()) || failed(verifyScoredOperands(*this, maps, firstElementOperand, *loops)) ||
      failed(maps.verifyExactKinds(firstState, getState().size(), *loops, {LoopKind::Batch, LoopKind::Row})))
    return failure();
  Type accumulator = getAccumulatorType();
  if (failed(verifyHold(*this, getState(), "state", accumulator)))
    return failure();
  return verifyHold(*this, ValueRange{getInit()}, "out", accumulator);
}

// C3: generic C8 and C13
LogicalResult WeightsOp::verifyRegions() { return verifyScoredRegions(*this); }

//===----------------------------------------------------------------------===//
// attn.merge
//===----------------------------------------------------------------------===//

/// Loops of `operand` are among those of operand 0, the accumulator.
static LogicalResult verifyLoopsOfAcc(Operation *op, OperandMaps &maps, unsigned operand, StringRef name) {
  for (unsigned loop = 0; loop < maps.getNumLoops(); ++loop)
    if (maps.getMap(operand).isFunctionOfDim(loop) && !maps.getMap(0).isFunctionOfDim(loop))
      return op->emitOpError("expects '") << name << "' to use loops of 'acc' only, got loop " << loop;
  return success();
}

LogicalResult MergeOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands,
                                        DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                        SmallVectorImpl<Type> &types) {
  return inferFromInits<MergeOp>(operands, attributes, properties, regions, types);
}

LogicalResult MergeOp::verify() {
  // C1
  unsigned count = 1 + getNormalizer().getNumStates();
  if (failed(verifyCount(*this, "ins (acc, then the state)", count, getPartial().size())) ||
      failed(verifyCount(*this, "outs (acc, then the state)", count, getInits().size())))
    return failure();
  for (unsigned number = 0; number < count; ++number)
    if (getPartial()[number].getType() != getInits()[number].getType())
      return emitOpError("expects 'in ") << number << "' and 'out " << number << "' to have one type, got "
                                         << getPartial()[number].getType() << " and " << getInits()[number].getType();
  Type accumulator = getElementType(getInits().front());
  if (!accumulator.isF32() && !accumulator.isF64())
    return emitOpError("expects 'out 0' to hold an accumulator type, f32 or f64, got ") << accumulator;
  if (failed(verifyHold(*this, getInits(), "out", accumulator)))
    return failure();
  // C2
  OperandMaps maps(*this, getIndexingMaps());
  maps.add(getInits().front(), "acc");
  maps.addShared(getInits().drop_front(), "state");
  if (failed(maps.verifyMaps("acc, state")))
    return failure();
  for (unsigned operand = 1; operand < maps.size(); ++operand)
    if (failed(verifyLoopsOfAcc(*this, maps, operand, "state")))
      return failure();
  return maps.verifySizes();
}

//===----------------------------------------------------------------------===//
// attn.finalize
//===----------------------------------------------------------------------===//

LogicalResult FinalizeOp::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands,
                                           DictionaryAttr attributes, OpaqueProperties properties, RegionRange regions,
                                           SmallVectorImpl<Type> &types) {
  return inferFromInits<FinalizeOp>(operands, attributes, properties, regions, types);
}

LogicalResult FinalizeOp::verify() {
  // C2
  NormalizerInterface normalizer = getNormalizer();
  if (failed(verifyCount(*this, "state operands", normalizer.getNumStates(), getState().size())) ||
      failed(verifyCount(*this, "normalizer operands", normalizer.getNumOperands(), getNormalizerOperands().size())))
    return failure();
  // C3
  if (getInits().empty())
    return emitOpError("expects 'outs' to end with the factor, got none");
  if (failed(verifyResultKinds(*this, getResultKinds(), getInits().size() - 1,
                               {ResultKind::Out, ResultKind::Lse, ResultKind::Max, ResultKind::Entropy})))
    return failure();
  for (auto attr : getResultKinds().getAsRange<ResultKindAttr>())
    if (!normalizer.defines(attr.getValue()))
      return emitOpError("expects results that normalizer ")
             << normalizer << " defines, got " << stringifyResultKind(attr.getValue());
  if (llvm::is_contained(getResultKinds(), ResultKindAttr::get(getContext(), ResultKind::Entropy))) {
    NormalizerInterface streaming = normalizer.getStreaming(ResultKind::Entropy);
    if (streaming != normalizer)
      return emitOpError("expects normalizer ") << streaming << " for result 'entropy', got " << normalizer;
  }

  OperandMaps maps(*this, getIndexingMaps());
  maps.add(getAcc(), "acc");
  maps.addShared(getState(), "state");
  maps.addEach(getNormalizerOperands(), "normalizer operand");
  unsigned firstOut = maps.size();
  for (auto [attr, init] : llvm::zip(getResultKinds().getAsRange<ResultKindAttr>(), getInits()))
    maps.add(init, stringifyResultKind(attr.getValue()));
  maps.add(getInits().back(), "factor");
  // C1
  if (failed(maps.verifyMaps("acc, state, normalizer operands, outs")) || failed(maps.verifySizes()))
    return failure();
  // C4
  Type accumulator = getElementType(getAcc());
  if (!accumulator.isF32() && !accumulator.isF64())
    return emitOpError("expects 'acc' to hold an accumulator type, f32 or f64, got ") << accumulator;
  if (failed(verifyHold(*this, getState(), "state", accumulator)))
    return failure();
  for (auto [number, init] : llvm::enumerate(getInits())) {
    bool isOut =
        number + 1 < getInits().size() && cast<ResultKindAttr>(getResultKinds()[number]).getValue() == ResultKind::Out;
    if (isOut ? !isa<FloatType>(getElementType(init)) : getElementType(init) != accumulator)
      return emitOpError("expects 'out ") << number << "' to hold " << (isOut ? "floats" : "the accumulator type")
                                          << ", got " << getElementType(init);
  }
  // C5. Rows are the loops of the factor; acc has one more, e, and so has out.
  AffineMap rows = maps.getMap(maps.size() - 1), acc = maps.getMap(0);
  if (acc.getNumResults() != rows.getNumResults() + 1)
    return emitOpError("expects 'acc' to use one loop more than 'factor', got ")
           << acc.getNumResults() << " and " << rows.getNumResults();
  unsigned firstNormalizerOperand = firstOut - getNormalizerOperands().size();
  for (unsigned operand = 0; operand < maps.size(); ++operand) {
    bool overE = operand == 0;
    if (operand >= firstOut && operand + 1 < maps.size())
      overE = cast<ResultKindAttr>(getResultKinds()[operand - firstOut]).getValue() == ResultKind::Out;
    bool isExact = operand < firstNormalizerOperand || operand >= firstOut;
    for (unsigned loop = 0; loop < maps.getNumLoops(); ++loop) {
      bool used = maps.getMap(operand).isFunctionOfDim(loop);
      bool expected = (overE ? acc : rows).isFunctionOfDim(loop);
      if (used == expected || (!used && !isExact))
        continue;
      return emitOpError("expects '") << maps.getName(operand) << "' to use the loops of '"
                                      << (overE ? "acc" : "factor") << "', got " << (used ? "" : "no ")
                                      << "use of loop " << loop;
    }
  }
  for (auto [number, operand] : llvm::enumerate(getNormalizerOperands()))
    if (!isa<FloatType>(getElementType(operand)))
      return emitOpError("expects 'normalizer operand ")
             << number << "' to hold floats, got " << getElementType(operand);
  return success();
}
