// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NamedOps.h"
#include "OperandMaps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

int64_t MultiHeadOp::getInSize(Value weight) { return getDim(weight, getTransposed() ? 1 : 0); }
int64_t MultiHeadOp::getOutSize(Value weight) { return getDim(weight, getTransposed() ? 0 : 1); }

int64_t MultiHeadOp::getHeadSize() {
  int64_t columns = getOutSize(getWeights().front());
  int64_t kvHeads = getKvHeadCount(), heads = getHeads();
  return columns / (isPacked() ? heads + 2 * kvHeads : heads);
}

int64_t MultiHeadOp::getValueHeadSize() {
  return isPacked() ? getHeadSize() : getOutSize(getWeights().back()) / getKvHeadCount();
}

/// C1 to C3: what the weights are.
static LogicalResult verifyWeights(MultiHeadOp op) {
  OperandRange weights = op.getWeights();
  // C1
  if (weights.size() != 3 && (weights.size() != 1 || op.getMemory()))
    return op.emitOpError("expects 'weights' of Q, K and V")
           << (op.getMemory() ? " beside 'memory'" : ", or one that is all three") << ", got " << weights.size();
  // C2
  static constexpr StringLiteral kNames[] = {"query weight", "key weight", "value weight"};
  auto getName = [&](size_t number) { return op.isPacked() ? StringRef("packed weight") : StringRef(kNames[number]); };
  SmallVector<Value> all(weights);
  all.push_back(op.getOutWeight());
  for (auto [number, weight] : llvm::enumerate(all))
    if (!cast<RankedTensorType>(weight.getType()).hasStaticShape())
      return op.emitOpError("expects weights of static sizes, got ")
             << weight.getType() << " for '" << (number < weights.size() ? getName(number) : "out") << "'";
  for (auto [number, weight] : llvm::enumerate(weights)) {
    bool ofMemory = number > 0 && op.getMemory();
    if (failed(verifyAgree(op, ofMemory ? "Em" : "E",
                           {{ofMemory ? "memory" : "input", getDim(ofMemory ? op.getMemory() : op.getInput(), 2)},
                            {getName(number), op.getInSize(weight)}})))
      return failure();
  }
  // C3
  int64_t heads = op.getHeads(), kvHeads = op.getKvHeadCount();
  if (heads % kvHeads != 0)
    return op.emitOpError("expects H to be a multiple of Hkv, got ") << heads << " and " << kvHeads;
  for (auto [number, weight] : llvm::enumerate(weights)) {
    int64_t held = op.isPacked() ? heads + 2 * kvHeads : number == 0 ? heads : kvHeads;
    int64_t columns = op.getOutSize(weight);
    if (columns == 0 || columns % held != 0)
      return op.emitOpError("expects the columns of '")
             << getName(number) << "' to be a multiple of its " << held << " heads, got " << columns;
  }
  if (!op.isPacked() && op.getOutSize(weights[1]) / kvHeads != op.getHeadSize())
    return op.emitOpError("expects 'query weight' and 'key weight' to share D, got ")
           << op.getHeadSize() << " and " << op.getOutSize(weights[1]) / kvHeads;
  if (op.getInSize(op.getOutWeight()) != heads * op.getValueHeadSize())
    return op.emitOpError("expects 'out' to have H * Dv = ")
           << heads * op.getValueHeadSize() << " rows, got " << op.getInSize(op.getOutWeight());
  return success();
}

/// C5: as attn.rope of Q.
static LogicalResult verifyRope(MultiHeadOp op) {
  if (!op.getCos()) {
    if (op.getPositions() || op.getInterleaved())
      return op.emitOpError("expects 'rope' where there is '")
             << (op.getPositions() ? "positions" : "interleaved") << "'";
    return success();
  }
  if (op.getMemory())
    return op.emitOpError("expects no 'rope' beside 'memory': rows of X and of Y have no common positions");
  if (op.getCos().getType() != op.getSin().getType())
    return op.emitOpError("expects 'cos' and 'sin' of one type, got ")
           << op.getCos().getType() << " and " << op.getSin().getType();
  return verifyRotation(op, {getDim(op.getInput(), 0), getDim(op.getInput(), 1), op.getHeadSize()}, op.getCos(),
                        op.getPositions());
}

LogicalResult MultiHeadOp::verify() {
  if (failed(verifyNoStrayAttributes(*this)) || failed(verifyWeights(*this)))
    return failure();
  // C4
  if (!getBiases().empty() && getBiases().size() != getWeights().size())
    return emitOpError("expects one 'bias' for each of 'weights', got ")
           << getBiases().size() << " for " << getWeights().size();
  for (auto [number, pair] : llvm::enumerate(llvm::zip(getBiases(), getWeights())))
    if (int64_t size = getDim(std::get<0>(pair), 0); size != getOutSize(std::get<1>(pair)))
      return emitOpError("expects 'bias' #") << number << " to have the " << getOutSize(std::get<1>(pair))
                                             << " columns of its weight, got " << describe({size});
  int64_t outSize = getOutSize(getOutWeight());
  if (getOutBias() && getDim(getOutBias(), 0) != outSize)
    return emitOpError("expects 'out_bias' to have the ")
           << outSize << " columns of 'out', got " << describe({getDim(getOutBias(), 0)});
  // C5
  if (failed(verifyRope(*this)))
    return failure();
  // C6
  if (getGains().size() != (getNorm() ? 2 : 0))
    return emitOpError("expects two vectors of gains with 'norm', got ") << getGains().size();
  for (Value gain : getGains())
    if (getDim(gain, 0) != getHeadSize())
      return emitOpError("expects gains of D = ") << getHeadSize() << " elements, got " << gain.getType();
  // C7
  SmallVector<int64_t> scores{getDim(getInput(), 0), static_cast<int64_t>(getHeads()), getDim(getInput(), 1),
                              getDim(getSource(), 1)};
  if (getMask() && !fits(getMask().getType(), scores, /*broadcast=*/true))
    return emitOpError("expects 'mask' to broadcast to [B, H, N, M] = ")
           << describe(scores) << ", got " << getMask().getType();
  // C8
  Type element = getElementType(getInput());
  SmallVector<Value> floats(getWeights());
  floats.push_back(getOutWeight());
  llvm::append_range(floats, getBiases());
  llvm::append_range(floats, getGains());
  for (Value optional : {Value(getMemory()), Value(getOutBias())})
    if (optional)
      floats.push_back(optional);
  for (Value operand : floats)
    if (getElementType(operand) != element)
      return emitOpError("expects embeddings, weights, biases and gains of one element type, got ")
             << element << " and " << getElementType(operand);
  // C9
  if (failed(
          verifyAgree(*this, "batch size B", {{"input", getDim(getInput(), 0)}, {"memory", getDim(getSource(), 0)}})))
    return failure();
  SmallVector<int64_t> out{getDim(getInput(), 0), getDim(getInput(), 1), outSize};
  if (!fits(getType(), out, /*broadcast=*/false) || getElementType(getResult()) != element)
    return emitOpError("expects the result to be ")
           << element << " of shape " << describe(out) << ", got " << getType();
  return success();
}

LogicalResult MultiHeadOp::reifyResultShapes(OpBuilder &builder, ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> shape = tensor::getMixedSizes(builder, getLoc(), getInput());
  shape.back() = builder.getIndexAttr(getOutSize(getOutWeight()));
  foldStaticSizes(builder, getLoc(), getType(), shape);
  shapes.push_back(shape);
  return success();
}
