// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NaiveBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace attn {

NaiveBuilder::NaiveBuilder(RewriterBase &builder, Location loc, FloatType type, ArrayAttr maps)
    : builder(builder), loc(loc), type(type), maps(maps), sizes(cast<AffineMapAttr>(maps[0]).getValue().getNumDims()) {}

LoopTensor NaiveBuilder::add(Value tensor, ArrayRef<unsigned> fixed) {
  AffineMap map = cast<AffineMapAttr>(maps[nextMap++]).getValue();
  auto type = cast<RankedTensorType>(tensor.getType());
  LoopTensor result{tensor, {}};
  SmallVector<int64_t> shape;
  bool isReduced = false;
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    unsigned loop = cast<AffineDimExpr>(expr).getPosition();
    if (llvm::is_contained(fixed, loop)) {
      isReduced = true;
      continue;
    }
    result.loops.push_back(loop);
    shape.push_back(type.getDimSize(dim));
    if (!sizes[loop] || (!type.isDynamicDim(dim) && !getConstantIntValue(sizes[loop])))
      sizes[loop] = tensor::getMixedSize(builder, loc, tensor, dim);
  }
  if (isReduced) {
    SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)),
        strides(type.getRank(), builder.getIndexAttr(1));
    result.tensor = tensor::ExtractSliceOp::create(builder, loc, type.clone(shape), tensor, offsets,
                                                   tensor::getMixedSizes(builder, loc, tensor), strides);
  }
  return result;
}

SmallVector<LoopTensor> NaiveBuilder::addEach(ValueRange tensors, ArrayRef<unsigned> fixed) {
  return llvm::map_to_vector(tensors, [&](Value tensor) { return add(tensor, fixed); });
}

SmallVector<LoopTensor> NaiveBuilder::addShared(ValueRange tensors) {
  unsigned map = nextMap;
  auto result = llvm::map_to_vector(tensors, [&](Value tensor) {
    nextMap = map;
    return add(tensor);
  });
  nextMap = map + 1;
  return result;
}

LoopTensor NaiveBuilder::empty(ArrayRef<unsigned> loops, Type elementType) {
  SmallVector<OpFoldResult> shape = llvm::map_to_vector(loops, [&](unsigned loop) { return sizes[loop]; });
  Value tensor = tensor::EmptyOp::create(builder, loc, shape, elementType ? elementType : Type(type));
  return {tensor, SmallVector<unsigned>(loops)};
}

LoopTensor NaiveBuilder::filled(const LoopTensor &tensor, Value value) {
  return {linalg::FillOp::create(builder, loc, value, tensor.tensor).getResult(0), tensor.loops};
}

LoopTensor NaiveBuilder::filled(ArrayRef<unsigned> loops, Value value) {
  return filled(empty(loops, value.getType()), value);
}

SmallVector<LoopTensor> NaiveBuilder::generic(ArrayRef<unsigned> loops, ArrayRef<LoopTensor> ins,
                                              ArrayRef<LoopTensor> outs, Body body) {
  SmallVector<AffineMap> indexing;
  SmallVector<Value> inputs, outputs;
  SmallVector<utils::IteratorType> iterators(loops.size(), utils::IteratorType::parallel);
  auto getMap = [&](const LoopTensor &operand) {
    SmallVector<AffineExpr> exprs = llvm::map_to_vector(operand.loops, [&](unsigned loop) {
      assert(llvm::is_contained(loops, loop) && "operand over a loop that is not visited");
      return builder.getAffineDimExpr(llvm::find(loops, loop) - loops.begin());
    });
    return AffineMap::get(loops.size(), 0, exprs, builder.getContext());
  };
  for (const LoopTensor &in : ins) {
    inputs.push_back(in.tensor);
    indexing.push_back(getMap(in));
  }
  for (const LoopTensor &out : outs) {
    outputs.push_back(out.tensor);
    indexing.push_back(getMap(out));
    for (auto [dim, loop] : llvm::enumerate(loops))
      if (!llvm::is_contained(out.loops, loop))
        iterators[dim] = utils::IteratorType::reduction;
  }
  auto op = linalg::GenericOp::create(builder, loc, TypeRange(ValueRange(outputs)), inputs, outputs, indexing,
                                      iterators, [&](OpBuilder &nested, Location, ValueRange args) {
                                        SmallVector<Value> yielded =
                                            body(nested, args.take_front(ins.size()), args.drop_front(ins.size()));
                                        for (auto [value, out] : llvm::zip_equal(yielded, args.drop_front(ins.size())))
                                          if (isa<FloatType>(value.getType()))
                                            value = convert(nested, value, out.getType());
                                        linalg::YieldOp::create(nested, loc, yielded);
                                      });
  SmallVector<LoopTensor> results(outs);
  for (auto [result, value] : llvm::zip_equal(results, op.getResults()))
    result.tensor = value;
  return results;
}

Value NaiveBuilder::convert(OpBuilder &nested, Value value, Type to) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), width = to.getIntOrFloatBitWidth();
  if (from < width)
    return arith::ExtFOp::create(nested, loc, to, value);
  if (from > width)
    return arith::TruncFOp::create(nested, loc, to, value);
  return value;
}

Value NaiveBuilder::constant(OpBuilder &nested, double value) {
  return arith::ConstantOp::create(nested, loc, nested.getFloatAttr(type, value));
}

Value NaiveBuilder::isKept(OpBuilder &nested, Value score) {
  Value negativeInfinity = constant(nested, -std::numeric_limits<double>::infinity());
  return arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::UNE, score, negativeInfinity);
}

Value NaiveBuilder::isNan(OpBuilder &nested, Value value) {
  return arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::UNO, value, value);
}

/// The value of `region` for these arguments, inside a linalg.generic over `loops`.
static Value inlineRegion(OpBuilder &nested, Location loc, ScoredOpInterface op, Region &region, ValueRange arguments,
                          ArrayRef<unsigned> loops) {
  IRMapping mapping;
  mapping.map(region.getArguments().take_front(arguments.size()), arguments);
  mapping.map(region.getArguments().drop_front(arguments.size()), op.getCaptures());
  for (Operation &inner : region.front().without_terminator()) {
    auto index = dyn_cast<IndexOp>(inner);
    if (!index) {
      nested.clone(inner, mapping);
      continue;
    }
    // A loop that is not visited here is fixed: its position is its offset.
    Value position, offset;
    if (const unsigned *it = llvm::find(loops, index.getLoop()); it != loops.end())
      position = linalg::IndexOp::create(nested, loc, it - loops.begin());
    if (!op.getOffsets().empty())
      offset = op.getOffsets()[index.getLoop()];
    if (position && offset)
      position = arith::AddIOp::create(nested, loc, position, offset);
    else if (!position)
      position = offset ? offset : arith::ConstantIndexOp::create(nested, loc, 0).getResult();
    mapping.map(index.getResult(), position);
  }
  return mapping.lookup(cast<YieldOp>(region.front().getTerminator()).getValue());
}

LoopTensor buildScores(NaiveBuilder &naive, ScoredOpInterface op, const ScoreOperands &operands,
                       ArrayRef<unsigned> loops, unsigned d, double exponentScale) {
  Location loc = naive.loc;
  auto byFactor = [&](OpBuilder &nested, Value value, double factor) -> Value {
    if (factor == 1.0)
      return value;
    return arith::MulFOp::create(nested, loc, value, naive.constant(nested, factor));
  };
  SmallVector<LoopTensor> ins{operands.query, operands.key};
  llvm::append_range(ins, operands.similarity);
  SmallVector<unsigned> withD(loops);
  withD.push_back(d);
  LoopTensor sums = naive.filled(loops, naive.constant(naive.builder, 0.0));
  sums = naive.generic(withD, ins, sums, [&](OpBuilder &nested, ValueRange args, ValueRange outs) {
    SmallVector<Value> arguments(args);
    for (Value &operand : MutableArrayRef(arguments).take_front(2))
      operand = naive.toAccumulator(nested, operand);
    Value product;
    if (op.getSimilarity().empty())
      product = arith::MulFOp::create(nested, loc, arguments[0], arguments[1]);
    else
      product = inlineRegion(nested, loc, op, op.getSimilarity(), arguments, withD);
    return SmallVector<Value>{arith::AddFOp::create(nested, loc, outs[0], product)};
  })[0];

  ins.assign({sums});
  llvm::append_range(ins, operands.score);
  llvm::append_range(ins, operands.mask);
  size_t numScore = operands.score.size();
  return naive.generic(loops, ins, naive.empty(loops), [&](OpBuilder &nested, ValueRange args, ValueRange) {
    Value score = byFactor(nested, args[0], op.getScaleFactor());
    if (!op.getScore().empty()) {
      SmallVector<Value> arguments{score};
      llvm::append_range(arguments, args.slice(1, numScore));
      score = inlineRegion(nested, loc, op, op.getScore(), arguments, loops);
    }
    score = byFactor(nested, score, exponentScale);
    if (op.getMask().empty())
      return SmallVector<Value>{score};
    Value keep = inlineRegion(nested, loc, op, op.getMask(), args.drop_front(1 + numScore), loops);
    Value masked = naive.constant(nested, -std::numeric_limits<double>::infinity());
    return SmallVector<Value>{arith::SelectOp::create(nested, loc, keep, score, masked)};
  })[0];
}

} // namespace attn
