// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Score, mask and similarity regions, one element at a time.
#include "FragmentConverter.h"

using namespace mlir;

namespace attn {

Value widen(OpBuilder &b, Location loc, Value value, Type type) {
  return value.getType() == type || !isa<FloatType>(type) ? value : arith::ExtFOp::create(b, loc, type, value);
}

RegionInliner::RegionInliner(ScoredOpInterface op, LoopInfo loops, int rowLoop, ArrayRef<OperandView> operands,
                             ArrayRef<Value> captures, ArrayRef<Value> offsets, Value rows, Value keys,
                             double exponentScale)
    : op(op), loops(std::move(loops)), rowLoop(rowLoop), operands(operands), captures(captures), offsets(offsets),
      rows(rows), keys(keys), exponentScale(exponentScale) {}

Value RegionInliner::clamp(OpBuilder &b, Location loc, Value position, Value size) {
  if (!position)
    return position;
  Value last = arith::SubIOp::create(b, loc, size, arith::ConstantIndexOp::create(b, loc, 1));
  return arith::MinSIOp::create(b, loc, position, last);
}

TilePosition RegionInliner::clamp(OpBuilder &b, Location loc, TilePosition position) {
  return {clamp(b, loc, position.row, rows), clamp(b, loc, position.key, keys), position.depth};
}

Value RegionInliner::load(OpBuilder &b, Location loc, const OperandView &operand, TilePosition position) {
  SmallVector<Value> indices;
  for (AffineExpr expr : operand.map.getResults()) {
    int loop = cast<AffineDimExpr>(expr).getPosition();
    Value at = loop == rowLoop     ? position.row
               : loop == loops.key ? position.key
               : loop == loops.d   ? position.depth
                                   : Value();
    indices.push_back(at ? at : arith::ConstantIndexOp::create(b, loc, 0));
  }
  return memref::LoadOp::create(b, loc, operand.view, indices);
}

Value RegionInliner::inlineRegion(OpBuilder &b, Location loc, Region &region, unsigned firstOperand,
                                  unsigned numOperands, ArrayRef<Value> leading, TilePosition position) {
  Block &block = region.front();
  // Threads whose row or key does not exist compute with the last one instead of reading past the end.
  bool reads = numOperands > 0;
  for (Operation &nested : block)
    reads |= isa<tensor::ExtractOp>(nested);
  if (reads)
    position = clamp(b, loc, position);
  IRMapping mapping;
  unsigned number = 0;
  for (Value value : leading) {
    mapping.map(block.getArgument(number), widen(b, loc, value, block.getArgument(number).getType()));
    ++number;
  }
  for (const OperandView &operand : ArrayRef(operands).slice(firstOperand, numOperands)) {
    mapping.map(block.getArgument(number),
                widen(b, loc, load(b, loc, operand, position), block.getArgument(number).getType()));
    ++number;
  }
  for (Value capture : captures)
    mapping.map(block.getArgument(number++), capture);
  for (Operation &nested : block.without_terminator()) {
    if (auto at = dyn_cast<IndexOp>(nested)) {
      int loop = at.getLoop();
      Value local = loop == rowLoop     ? position.row
                    : loop == loops.key ? position.key
                    : loop == loops.d   ? position.depth
                                        : Value();
      Value offset = offsets.empty() ? Value() : offsets[loop];
      Value result = local && offset ? arith::AddIOp::create(b, loc, local, offset).getResult()
                     : local         ? local
                     : offset        ? offset
                                     : arith::ConstantIndexOp::create(b, loc, 0).getResult();
      mapping.map(at.getResult(), result);
    } else if (auto extract = dyn_cast<tensor::ExtractOp>(nested)) {
      SmallVector<Value> indices =
          llvm::map_to_vector(extract.getIndices(), [&](Value v) { return mapping.lookupOrDefault(v); });
      mapping.map(extract.getResult(),
                  memref::LoadOp::create(b, loc, mapping.lookup(extract.getTensor()), indices).getResult());
    } else {
      b.clone(nested, mapping);
    }
  }
  return mapping.lookupOrDefault(cast<YieldOp>(block.getTerminator()).getValue());
}

Value RegionInliner::similarity(OpBuilder &b, Location loc, Value q, Value k, TilePosition position) {
  Type f32 = b.getF32Type();
  q = widen(b, loc, q, f32);
  k = widen(b, loc, k, f32);
  if (op.getSimilarity().empty())
    return arith::MulFOp::create(b, loc, q, k, arith::FastMathFlags::contract);
  return inlineRegion(b, loc, op.getSimilarity(), 0, op.getSimilarityOperands().size(), {q, k}, position);
}

Value RegionInliner::logit(OpBuilder &b, Location loc, Value sum, TilePosition position) {
  auto multiply = [&](Value value, double factor) -> Value {
    if (factor == 1.0)
      return value;
    Value constant = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(factor));
    return arith::MulFOp::create(b, loc, value, constant);
  };
  unsigned firstScore = op.getSimilarityOperands().size(), firstMask = firstScore + op.getScoreOperands().size();
  // Without a score region between them, the two factors are one.
  if (op.getScore().empty()) {
    sum = multiply(sum, op.getScaleFactor() * exponentScale);
  } else {
    sum = multiply(sum, op.getScaleFactor());
    sum = inlineRegion(b, loc, op.getScore(), firstScore, op.getScoreOperands().size(), sum, position);
    sum = multiply(sum, exponentScale);
  }
  if (op.getMask().empty())
    return sum;
  Value keep = inlineRegion(b, loc, op.getMask(), firstMask, op.getMaskOperands().size(), {}, position);
  Value none = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  return arith::SelectOp::create(b, loc, keep, sum, none);
}

} // namespace attn
