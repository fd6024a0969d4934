// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "GenericBuilder.h"

#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace attn {

std::optional<unsigned> LoopOrder::getDim(unsigned loop) const {
  const auto *it = llvm::find(loops, loop);
  if (it == loops.end())
    return std::nullopt;
  return it - loops.begin();
}

AffineMap LoopOrder::translate(AffineMap map) const {
  MLIRContext *context = map.getContext();
  SmallVector<AffineExpr> results;
  for (unsigned loop : getLoops(map)) {
    std::optional<unsigned> dim = getDim(loop);
    assert(dim && "operand over a loop that the linalg op does not have");
    results.push_back(getAffineDimExpr(*dim, context));
  }
  return AffineMap::get(size(), /*symbolCount=*/0, results, context);
}

AffineMap getMap(ArrayAttr maps, size_t index) { return cast<AffineMapAttr>(maps[index]).getValue(); }

AffineMap replaceLoop(AffineMap map, unsigned from, unsigned to) {
  return map.replace(getAffineDimExpr(from, map.getContext()), getAffineDimExpr(to, map.getContext()), map.getNumDims(),
                     /*numResultSyms=*/0);
}

SmallVector<Value> GenericBuilder::generic(StringRef role, const LoopOrder &order, ArrayRef<MappedTensor> ins,
                                           ArrayRef<MappedTensor> outs, Body body) {
  SmallVector<AffineMap> maps;
  SmallVector<Value> inputs, outputs;
  SmallVector<utils::IteratorType> iterators(order.size(), utils::IteratorType::parallel);
  for (const MappedTensor &in : ins) {
    inputs.push_back(in.value);
    maps.push_back(order.translate(in.map));
  }
  for (const MappedTensor &out : outs) {
    outputs.push_back(out.value);
    maps.push_back(order.translate(out.map));
    for (unsigned dim = 0; dim < order.size(); ++dim)
      if (!maps.back().isFunctionOfDim(dim))
        iterators[dim] = utils::IteratorType::reduction;
  }
  auto op = linalg::GenericOp::create(
      builder, loc, TypeRange(ValueRange(outputs)), inputs, outputs, maps, iterators,
      [&](OpBuilder &nested, Location, ValueRange args) {
        SmallVector<Value> yielded = body(nested, args);
        linalg::YieldOp::create(nested, loc, yielded);
        // Normalizers build everything that they know; one op wants a part of it.
        for (Operation &nestedOp : llvm::make_early_inc_range(llvm::reverse(*nested.getInsertionBlock())))
          if (isOpTriviallyDead(&nestedOp))
            nestedOp.erase();
      },
      builder.getNamedAttr(kRoleName, builder.getStringAttr(role)));
  return SmallVector<Value>(op.getResults());
}

Value GenericBuilder::fill(StringRef role, double value, Value dest) {
  Type elementType = getElementTypeOrSelf(dest);
  auto op = linalg::FillOp::create(builder, loc, ValueRange{constant(elementType, value)}, ValueRange{dest});
  op->setAttr(kRoleName, builder.getStringAttr(role));
  return op.getResult(0);
}

Value GenericBuilder::empty(ArrayRef<int64_t> shape, Type elementType) {
  return tensor::EmptyOp::create(builder, loc, shape, elementType);
}

Value GenericBuilder::constant(Type type, double value) {
  return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, value));
}

Value GenericBuilder::lowest(Type type) {
  APFloat value = APFloat::getLargest(cast<FloatType>(type).getFloatSemantics(), /*Negative=*/true);
  return arith::ConstantOp::create(builder, loc, builder.getFloatAttr(type, value));
}

Value GenericBuilder::negativeInfinity(Type type) { return constant(type, -std::numeric_limits<double>::infinity()); }

Value selectMax(OpBuilder &builder, Location loc, Value a, Value b) {
  Value greater = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, a, b);
  return arith::SelectOp::create(builder, loc, greater, a, b);
}

Value extend(OpBuilder &builder, Location loc, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return arith::ExtFOp::create(builder, loc, type, value);
}

} // namespace attn
