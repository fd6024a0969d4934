// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-decompose-naively: takes attn.generic and attention ops on tiles, leaves one linalg.generic for each step of
// their definitions, with the whole score matrix in between. Correctness over speed: it covers every feature and serves
// as the executor that other lowerings are tested against. Scores of keys that are not kept are -inf; what such a key
// would add is replaced by a select, not multiplied by zero, so that a NaN in its row of V does no harm.
#include "NaiveBuilder.h"
#include "StorageOps.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/TypeSwitch.h"

namespace attn {
#define GEN_PASS_DEF_ATTNDECOMPOSENAIVELYPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

using Values = SmallVector<Value>;

Values getTensors(ArrayRef<LoopTensor> tensors) {
  return llvm::map_to_vector(tensors, [](const LoopTensor &tensor) { return tensor.tensor; });
}

//===----------------------------------------------------------------------===//
// Ops on tiles: states of softmax are in base 2
//===----------------------------------------------------------------------===//

template <typename OpTy> SmallVector<unsigned> getPairs(OpTy op, const LoopInfo &loops) {
  SmallVector<unsigned> pairs(loops.batch);
  llvm::append_range(pairs, loops.row);
  pairs.push_back(loops.key);
  return pairs;
}

/// The lists of top-k with `scores` put in. Rank by rank the larger of two stays and the other one goes on, so that in
/// the end the smallest falls out.
Values rankKeys(NaiveBuilder &naive, OnlineOp op, const LoopInfo &loops, const LoopTensor &scores,
                ArrayRef<unsigned> accLoops) {
  Location loc = op.getLoc();
  Type i32 = naive.builder.getI32Type();
  SmallVector<unsigned> all = scores.loops;
  ArrayRef<unsigned> rows = ArrayRef(scores.loops).drop_back();
  all.push_back(loops.e); // ranks, here
  SmallVector<LoopTensor> outs;
  for (Value list : op.getTopKInits())
    outs.push_back({list, SmallVector<unsigned>(accLoops)});
  outs.push_back(naive.empty(rows));
  outs.push_back(naive.empty(rows, i32));
  outs = naive.generic(all, scores, outs, [&](OpBuilder &nested, ValueRange args, ValueRange old) {
    Value rank = linalg::IndexOp::create(nested, loc, rows.size() + 1);
    Value zero = arith::ConstantIndexOp::create(nested, loc, 0);
    Value isFirst = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::eq, rank, zero);
    Value key = linalg::IndexOp::create(nested, loc, rows.size());
    if (!op.getOffsets().empty())
      key = arith::AddIOp::create(nested, loc, key, op.getOffsets()[loops.key]);
    key = arith::IndexCastOp::create(nested, loc, i32, key);
    Value score = arith::SelectOp::create(nested, loc, isFirst, args[0], old[2]);
    key = arith::SelectOp::create(nested, loc, isFirst, key, old[3]);
    Value isLarger = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OGT, score, old[0]);
    isLarger = arith::OrIOp::create(nested, loc, isLarger, naive.isNan(nested, score));
    isLarger = arith::SelectOp::create(nested, loc, naive.isNan(nested, old[0]),
                                       arith::ConstantOp::create(nested, loc, nested.getBoolAttr(false)), isLarger);
    // An equal score that had to go: of equal ones the earlier key comes first. Positions may wrap around.
    Value distance = arith::SubIOp::create(nested, loc, key, old[1]);
    Value none = arith::ConstantOp::create(nested, loc, nested.getI32IntegerAttr(0));
    Value isEarlier = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt, distance, none);
    Value isEqual = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, score, old[0]);
    isLarger = arith::OrIOp::create(nested, loc, isLarger, arith::AndIOp::create(nested, loc, isEqual, isEarlier));
    Values results;
    for (auto [mine, its] : {std::pair(score, old[0]), std::pair(key, old[1])})
      results.push_back(arith::SelectOp::create(nested, loc, isLarger, mine, its));
    for (auto [mine, its] : {std::pair(score, old[0]), std::pair(key, old[1])})
      results.push_back(arith::SelectOp::create(nested, loc, isLarger, its, mine));
    return results;
  });
  return {outs[0].tensor, outs[1].tensor};
}

Values decompose(RewriterBase &rewriter, OnlineOp op) {
  Location loc = op.getLoc();
  LoopInfo loops = getLoopInfo(op);
  SmallVector<unsigned> pairs = getPairs(op, loops);
  NormalizerInterface normalizer = op.getNormalizer();
  NaiveBuilder naive(rewriter, loc, op.getAccumulatorType(), op.getIndexingMaps());
  ScoreOperands operands;
  operands.query = naive.add(op.getQuery());
  operands.key = naive.add(op.getKey());
  LoopTensor value = naive.add(op.getValue());
  operands.similarity = naive.addEach(op.getSimilarityOperands(), loops.fixed);
  operands.score = naive.addEach(op.getScoreOperands(), loops.fixed);
  operands.mask = naive.addEach(op.getMaskOperands(), loops.fixed);
  LoopTensor acc = naive.add(op.getInits().front());
  SmallVector<LoopTensor> state = naive.addShared(op.getStateInits());
  LoopTensor scores = buildScores(naive, cast<ScoredOpInterface>(op.getOperation()), operands, pairs, loops.d,
                                  op.getExponentScale().convertToDouble());

  // The state walks along the keys; what each step does to acc is kept for the sum.
  SmallVector<LoopTensor> outs = state;
  outs.push_back(naive.empty(pairs));
  outs.push_back(naive.empty(pairs));
  outs = naive.generic(pairs, scores, outs, [&](OpBuilder &nested, ValueRange args, ValueRange old) {
    Value keep = naive.isKept(nested, args[0]);
    Values results = normalizer.step(nested, loc, normalizer.getTileBase(), old.drop_back(2), args[0]);
    for (auto [result, before] : llvm::zip(results, old.drop_back(2)))
      result = arith::SelectOp::create(nested, loc, keep, result, before);
    return results;
  });
  LoopTensor weight = outs.pop_back_val(), rescale = outs.pop_back_val();
  SmallVector<unsigned> all = pairs;
  all.insert(all.end() - 1, loops.e);
  acc = naive.generic(all, {scores, rescale, weight, value}, acc,
                      [&](OpBuilder &nested, ValueRange args, ValueRange old) {
                        Value v = naive.toAccumulator(nested, args[3]);
                        Value before = arith::MulFOp::create(nested, loc, args[1], old[0]);
                        Value term = arith::MulFOp::create(nested, loc, args[2], v);
                        Value sum = arith::AddFOp::create(nested, loc, before, term);
                        return Values{arith::SelectOp::create(nested, loc, naive.isKept(nested, args[0]), sum, old[0])};
                      })[0];
  Values results{acc.tensor};
  llvm::append_range(results, getTensors(outs));
  if (op.getTopK())
    llvm::append_range(results, rankKeys(naive, op, loops, scores, acc.loops));
  return results;
}

Values decompose(RewriterBase &rewriter, WeightsOp op) {
  Location loc = op.getLoc();
  NormalizerInterface normalizer = op.getNormalizer();
  LoopInfo loops = getLoopInfo(op);
  SmallVector<unsigned> pairs = getPairs(op, loops);
  NaiveBuilder naive(rewriter, loc, op.getAccumulatorType(), op.getIndexingMaps());
  ScoreOperands operands;
  operands.query = naive.add(op.getQuery());
  operands.key = naive.add(op.getKey());
  operands.similarity = naive.addEach(op.getSimilarityOperands(), loops.fixed);
  operands.score = naive.addEach(op.getScoreOperands(), loops.fixed);
  operands.mask = naive.addEach(op.getMaskOperands(), loops.fixed);
  SmallVector<LoopTensor> ins = naive.addShared(op.getState());
  LoopTensor out = naive.add(op.getInit());
  ins.push_back(buildScores(naive, cast<ScoredOpInterface>(op.getOperation()), operands, pairs, loops.d,
                            op.getExponentScale().convertToDouble()));
  out = naive.generic(out.loops, ins, out, [&](OpBuilder &nested, ValueRange args, ValueRange) {
    Value score = args.back(), factor = args[args.size() - 2];
    Value weight = normalizer.weight(nested, loc, normalizer.getTileBase(), args.drop_back(2), factor, score);
    return Values{
        arith::SelectOp::create(nested, loc, naive.isKept(nested, score), weight, naive.constant(nested, 0.0))};
  })[0];
  return {out.tensor};
}

FloatType getFloatElement(Value tensor) {
  return cast<FloatType>(cast<RankedTensorType>(tensor.getType()).getElementType());
}

Values decompose(RewriterBase &rewriter, MergeOp op) {
  Location loc = op.getLoc();
  NormalizerInterface normalizer = op.getNormalizer();
  NaiveBuilder naive(rewriter, loc, getFloatElement(op.getInits().front()), op.getIndexingMaps());
  LoopTensor acc = naive.add(op.getInits().front());
  SmallVector<LoopTensor> state = naive.addShared(op.getInits().drop_front());
  LoopTensor partialAcc{op.getPartial().front(), acc.loops};
  SmallVector<LoopTensor> ins;
  for (auto [tensor, like] : llvm::zip(op.getPartial().drop_front(), state))
    ins.push_back({tensor, like.loops});
  size_t numStates = state.size();

  // acc first: it needs the states before, and they are overwritten in place.
  SmallVector<LoopTensor> accIns(ins);
  llvm::append_range(accIns, state);
  accIns.push_back(partialAcc);
  acc = naive.generic(acc.loops, accIns, acc, [&](OpBuilder &nested, ValueRange args, ValueRange old) {
    Values factors = normalizer.combine(nested, loc, naive.type, normalizer.getTileBase(),
                                        args.slice(numStates, numStates), args.take_front(numStates));
    Value here = arith::MulFOp::create(nested, loc, factors[numStates], old[0]);
    Value there = arith::MulFOp::create(nested, loc, factors[numStates + 1], args.back());
    return Values{arith::AddFOp::create(nested, loc, here, there)};
  })[0];
  if (numStates > 0)
    state = naive.generic(state[0].loops, ins, state, [&](OpBuilder &nested, ValueRange args, ValueRange old) {
      Values results = normalizer.combine(nested, loc, naive.type, normalizer.getTileBase(), old, args);
      results.truncate(numStates);
      return results;
    });
  Values results{acc.tensor};
  llvm::append_range(results, getTensors(state));
  return results;
}

Values decompose(RewriterBase &rewriter, FinalizeOp op) {
  Location loc = op.getLoc();
  NormalizerInterface normalizer = op.getNormalizer();
  NaiveBuilder naive(rewriter, loc, getFloatElement(op.getAcc()), op.getIndexingMaps());
  LoopTensor acc = naive.add(op.getAcc());
  SmallVector<LoopTensor> ins = naive.addShared(op.getState());
  llvm::append_range(ins, naive.addEach(op.getNormalizerOperands()));
  SmallVector<LoopTensor> outs = naive.addEach(op.getInits());
  size_t numStates = op.getState().size();
  auto finish = [&](const LoopTensor &out, unsigned which) {
    return naive.generic(out.loops, ins, out, [&](OpBuilder &nested, ValueRange args, ValueRange) {
      Values operands;
      for (Value operand : args.drop_front(numStates))
        operands.push_back(naive.toAccumulator(nested, operand));
      return Values{normalizer.finish(nested, loc, naive.type, normalizer.getTileBase(), args.take_front(numStates),
                                      operands)[which]};
    })[0];
  };
  LoopTensor factor = outs.back() = finish(outs.back(), 0);
  for (auto [out, attr] : llvm::zip(outs, op.getResultKinds().getAsRange<ResultKindAttr>())) {
    if (attr.getValue() != ResultKind::Out) {
      out = finish(out, getFinishIndex(attr.getValue()));
      continue;
    }
    out = naive.generic(out.loops, {acc, factor}, out, [&](OpBuilder &nested, ValueRange args, ValueRange) {
      Value zero = naive.constant(nested, 0.0);
      Value isEmpty = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, args[1], zero);
      Value product = arith::MulFOp::create(nested, loc, args[0], args[1]);
      return Values{arith::SelectOp::create(nested, loc, isEmpty, zero, product)};
    })[0];
  }
  return getTensors(outs);
}

Values decompose(RewriterBase &rewriter, GenericOp op) { return decomposeGenericNaively(rewriter, op); }

struct AttnDecomposeNaivelyPass : attn::impl::AttnDecomposeNaivelyPassBase<AttnDecomposeNaivelyPass> {
  void runOnOperation() override {
    SmallVector<Operation *> ops;
    getOperation()->walk([&](Operation *op) {
      if (isa_and_nonnull<AttnDialect>(op->getDialect()) && !isa<IndexOp, YieldOp>(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops)
      if (failed(decomposeNaively(rewriter, op)))
        return signalPassFailure();
  }
};

} // namespace

LogicalResult attn::decomposeNaively(RewriterBase &rewriter, Operation *op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<GenericOp, OnlineOp, WeightsOp, MergeOp, FinalizeOp>([&](auto attention) {
        rewriter.replaceOp(attention, decompose(rewriter, attention));
        return success();
      })
      .Case([&](AppendKvOp append) {
        rewriter.replaceOp(append, insertRows(rewriter, append));
        return success();
      })
      .Case([&](NumSplitsOp splits) {
        // Any number will do. Three are a first, a last and one that is neither.
        Location loc = splits.getLoc();
        Value one = arith::ConstantIndexOp::create(rewriter, loc, 1),
              three = arith::ConstantIndexOp::create(rewriter, loc, 3);
        Value atLeastOne = arith::MaxSIOp::create(rewriter, loc, splits.getLimit(), one);
        rewriter.replaceOpWithNewOp<arith::MinSIOp>(splits, atLeastOne, three);
        return success();
      })
      .Default([](Operation *other) {
        return other->emitError("cannot decompose '") << other->getName() << "': run attn-normalize first";
      });
}
