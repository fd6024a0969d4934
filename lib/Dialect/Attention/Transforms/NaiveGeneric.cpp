// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.generic, step by step: scores, state of the normalizer, its end, weights, results.
#include "NaiveBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace attn;

namespace {

using Values = SmallVector<Value>;

class GenericDecomposer {
public:
  GenericDecomposer(RewriterBase &rewriter, GenericOp op)
      : naive(rewriter, op.getLoc(), op.getAccumulatorType(), op.getIndexingMaps()), op(op), loc(op.getLoc()),
        loops(getLoopInfo(op)), normalizer(op.getNormalizer()) {
    llvm::append_range(rows, loops.batch);
    llvm::append_range(rows, loops.row);
    pairs = rows;
    pairs.push_back(loops.key);
  }

  Values run() {
    ScoreOperands operands;
    operands.query = naive.add(op.getQuery());
    operands.key = naive.add(op.getKey());
    LoopTensor value = naive.add(op.getValue());
    operands.similarity = naive.addEach(op.getSimilarityOperands());
    operands.score = naive.addEach(op.getScoreOperands());
    operands.mask = naive.addEach(op.getMaskOperands());
    SmallVector<LoopTensor> normalizerOperands = naive.addEach(op.getNormalizerOperands());
    SmallVector<LoopTensor> outs = naive.addEach(op.getInits());

    scores = buildScores(naive, cast<ScoredOpInterface>(op.getOperation()), operands, pairs, loops.d,
                         /*exponentScale=*/1.0);
    visitKeys();
    finish(normalizerOperands);
    weigh();
    Values results;
    for (auto [out, attr] : llvm::zip_equal(outs, op.getResultKinds().getAsRange<ResultKindAttr>()))
      results.push_back(write(attr.getValue(), out, value));
    return results;
  }

private:
  /// The state after all keys, and whether a kept score is NaN.
  void visitKeys() {
    OpBuilder &builder = naive.builder;
    for (Value init : normalizer.init(builder, loc, naive.type))
      state.push_back(naive.filled(rows, init));
    Value zero = naive.constant(builder, 0.0);
    SmallVector<LoopTensor> outs = state;
    outs.push_back(naive.filled(rows, zero));
    outs = naive.generic(pairs, scores, outs, [&](OpBuilder &nested, ValueRange ins, ValueRange old) {
      Value keep = naive.isKept(nested, ins[0]);
      Values results = normalizer.step(nested, loc, ExpBase::E, old.drop_back(), ins[0]);
      results.truncate(state.size());
      for (auto [result, before] : llvm::zip(results, old))
        result = arith::SelectOp::create(nested, loc, keep, result, before);
      Value isNan = naive.isNan(nested, ins[0]);
      results.push_back(arith::SelectOp::create(nested, loc, isNan, ins[0], old.back()));
      return results;
    });
    spoilt = outs.pop_back_val();
    state = outs;
  }

  /// factor, and lse and max where they are defined. A NaN score makes all of them NaN, for every normalizer.
  void finish(ArrayRef<LoopTensor> operands) {
    SmallVector<LoopTensor> ins{spoilt};
    llvm::append_range(ins, state);
    llvm::append_range(ins, operands);
    unsigned count = normalizer.defines(ResultKind::Lse) ? 3 : 1;
    SmallVector<LoopTensor> outs;
    for (unsigned i = 0; i < count; ++i)
      outs.push_back(naive.empty(rows));
    finished = naive.generic(rows, ins, outs, [&](OpBuilder &nested, ValueRange args, ValueRange) {
      Values converted;
      for (Value operand : args.drop_front(1 + state.size()))
        converted.push_back(naive.toAccumulator(nested, operand));
      Values results = normalizer.finish(nested, loc, naive.type, ExpBase::E, args.slice(1, state.size()), converted);
      results.truncate(count);
      Value isNan = naive.isNan(nested, args[0]);
      for (Value &result : results)
        result = arith::SelectOp::create(nested, loc, isNan, args[0], result);
      return results;
    });
  }

  /// The weight of a kept score. `args` are the factor, then the state.
  Value weighOne(OpBuilder &nested, Value score, ValueRange args) {
    Value weight = normalizer.weight(nested, loc, ExpBase::E, args.drop_front(), args.front(), score);
    return arith::SelectOp::create(nested, loc, naive.isNan(nested, args.front()), args.front(), weight);
  }

  SmallVector<LoopTensor> withFactorAndState(LoopTensor first) {
    SmallVector<LoopTensor> ins{first, finished[0]};
    llvm::append_range(ins, state);
    return ins;
  }

  void weigh() {
    weights = naive.generic(pairs, withFactorAndState(scores), naive.empty(pairs),
                            [&](OpBuilder &nested, ValueRange args, ValueRange) {
                              Value weight = weighOne(nested, args[0], args.drop_front());
                              return Values{arith::SelectOp::create(nested, loc, naive.isKept(nested, args[0]), weight,
                                                                    naive.constant(nested, 0.0))};
                            })[0];
  }

  LoopTensor copy(LoopTensor from, LoopTensor to) {
    return naive.generic(to.loops, from, to, [](OpBuilder &, ValueRange args, ValueRange) { return Values(args); })[0];
  }

  /// sum over keys of term(score, weight, args..) for kept keys.
  LoopTensor sumOverKeys(ArrayRef<unsigned> over, ArrayRef<LoopTensor> others,
                         function_ref<Value(OpBuilder &, ValueRange)> term) {
    SmallVector<LoopTensor> ins{scores, weights};
    llvm::append_range(ins, others);
    SmallVector<unsigned> all(over);
    all.push_back(loops.key);
    LoopTensor sums = naive.filled(over, naive.constant(naive.builder, 0.0));
    return naive.generic(all, ins, sums, [&](OpBuilder &nested, ValueRange args, ValueRange old) {
      Value sum = arith::AddFOp::create(nested, loc, old[0], term(nested, args));
      return Values{arith::SelectOp::create(nested, loc, naive.isKept(nested, args[0]), sum, old[0])};
    })[0];
  }

  Value write(ResultKind kind, LoopTensor out, const LoopTensor &value) {
    switch (kind) {
    case ResultKind::Out: {
      SmallVector<unsigned> over = rows;
      over.push_back(loops.e);
      return copy(sumOverKeys(over, value,
                              [&](OpBuilder &nested, ValueRange args) {
                                Value v = naive.toAccumulator(nested, args[2]);
                                return arith::MulFOp::create(nested, loc, args[1], v);
                              }),
                  out)
          .tensor;
    }
    case ResultKind::Lse:
      return copy(finished[1], out).tensor;
    case ResultKind::Max:
      return copy(finished[2], out).tensor;
    case ResultKind::Entropy:
      // -ln w = lse - s
      return copy(sumOverKeys(rows, finished[1],
                              [&](OpBuilder &nested, ValueRange args) {
                                Value nats = arith::SubFOp::create(nested, loc, args[2], args[0]);
                                return arith::MulFOp::create(nested, loc, args[1], nats);
                              }),
                  out)
          .tensor;
    case ResultKind::Weights:
      return copy(weights, out).tensor;
    case ResultKind::TopkValues:
    case ResultKind::TopkIndices:
      return writeTopk(kind, out);
    }
    llvm_unreachable("unknown kind of result");
  }

  /// The k best scores of each row and their keys, ranked from the best; equal scores by ascending key.
  void rankKeys(int64_t count) {
    if (!ranked.empty())
      return;
    OpBuilder &builder = naive.builder;
    Value lowest = naive.constant(builder, -std::numeric_limits<double>::infinity());
    Value none = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(-1));
    SmallVector<LoopTensor> outs;
    for (int64_t rank = 0; rank < count; ++rank) {
      outs.push_back(naive.filled(rows, lowest));
      outs.push_back(naive.filled(rows, none));
    }
    ranked = naive.generic(pairs, scores, outs, [&](OpBuilder &nested, ValueRange args, ValueRange old) {
      // Keys come in ascending order, so a key goes behind those that are not worse. From its rank on all others move
      // down by one, whatever their scores.
      Value score = args[0], key = linalg::IndexOp::create(nested, loc, pairs.size() - 1), inserted;
      key = arith::IndexCastOp::create(nested, loc, nested.getI64Type(), key);
      Values results;
      for (int64_t rank = 0; rank < count; ++rank) {
        Value oldScore = old[2 * rank], oldKey = old[2 * rank + 1];
        Value better = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OGT, score, oldScore);
        inserted = inserted ? arith::OrIOp::create(nested, loc, inserted, better).getResult() : better;
        results.push_back(arith::SelectOp::create(nested, loc, inserted, score, oldScore));
        results.push_back(arith::SelectOp::create(nested, loc, inserted, key, oldKey));
        score = arith::SelectOp::create(nested, loc, inserted, oldScore, score);
        key = arith::SelectOp::create(nested, loc, inserted, oldKey, key);
      }
      return results;
    });
  }

  Value writeTopk(ResultKind kind, LoopTensor out) {
    OpBuilder &builder = naive.builder;
    auto type = cast<RankedTensorType>(out.tensor.getType());
    rankKeys(type.getShape().back());
    Type element = type.getElementType();
    SmallVector<OpFoldResult> offsets(type.getRank(), builder.getIndexAttr(0)),
        strides(type.getRank(), builder.getIndexAttr(1));
    Value result = out.tensor;
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, result);
    sizes.back() = builder.getIndexAttr(1);
    for (int64_t rank = 0; rank < type.getShape().back(); ++rank) {
      SmallVector<LoopTensor> ins = withFactorAndState(ranked[2 * rank]);
      ins.push_back(ranked[2 * rank + 1]);
      auto body = [&](OpBuilder &nested, ValueRange args, ValueRange) -> Values {
        Value score = args[0], key = args.back(), factor = args[1];
        if (kind == ResultKind::TopkValues) {
          Value weight = weighOne(nested, score, args.drop_front().drop_back());
          Value zero = naive.constant(nested, 0.0);
          Value weightOrZero = arith::SelectOp::create(nested, loc, naive.isKept(nested, score), weight, zero);
          return {arith::SelectOp::create(nested, loc, naive.isNan(nested, factor), factor, weightOrZero)};
        }
        Value none = arith::ConstantOp::create(nested, loc, nested.getI64IntegerAttr(-1));
        key = arith::SelectOp::create(nested, loc, naive.isNan(nested, factor), none, key);
        if (isa<IndexType>(element))
          return {arith::IndexCastOp::create(nested, loc, element, key)};
        if (element.getIntOrFloatBitWidth() < 64)
          return {arith::TruncIOp::create(nested, loc, element, key)};
        if (element.getIntOrFloatBitWidth() > 64)
          return {arith::ExtSIOp::create(nested, loc, element, key)};
        return {key};
      };
      Value column = naive.generic(out.loops, ins, naive.empty(out.loops, element), body)[0].tensor;
      offsets.back() = builder.getIndexAttr(rank);
      result = tensor::InsertSliceOp::create(builder, loc, column, result, offsets, sizes, strides);
    }
    return result;
  }

  NaiveBuilder naive;
  GenericOp op;
  Location loc;
  LoopInfo loops;
  NormalizerInterface normalizer;
  /// Batches and rows; and the key with them, innermost.
  SmallVector<unsigned> rows, pairs;
  LoopTensor scores, spoilt, weights;
  /// factor, lse, max
  SmallVector<LoopTensor> state, finished, ranked;
};

} // namespace

SmallVector<Value> attn::decomposeGenericNaively(RewriterBase &rewriter, GenericOp op) {
  return GenericDecomposer(rewriter, op).run();
}
