// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "LaneReduction.h"

#include "BodyVectorizer.h"
#include "TileAccess.h"
#include "TileNest.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;

namespace attn {
namespace {

/// Whole vectors of a reduction of known length that become straight-line code: a head size of 256.
constexpr int64_t kMostUnrolled = 16;
/// Rows of a block of sums: they share each vector of K, and each vector of Q serves as many keys.
constexpr int64_t kBlockRows = 4;
/// Keys of a block where arithmetic counts (kBusyRows). With fewer rows keys are taken one by one: memory is read
/// fastest in one stream. Two rows of K at a time are read a third slower already.
constexpr int64_t kBlockKeys = 4;

/// How the lanes of a carried output are combined.
enum class Combiner { Add, Max };

/// What the body does with argument `carried` to make result `number`.
std::optional<Combiner> getCombiner(Block &body, BlockArgument carried, unsigned number) {
  auto isSum = [&](Value value) {
    auto add = value.getDefiningOp<arith::AddFOp>();
    return add && (add.getLhs() == carried || add.getRhs() == carried);
  };
  Value result = body.getTerminator()->getOperand(number);
  if (isSum(result))
    return Combiner::Add;
  if (auto select = result.getDefiningOp<arith::SelectOp>()) {
    auto cmp = select.getCondition().getDefiningOp<arith::CmpFOp>();
    if (cmp && cmp.getPredicate() == arith::CmpFPredicate::OGT && cmp.getLhs() == select.getTrueValue() &&
        cmp.getRhs() == select.getFalseValue() && (cmp.getLhs() == carried || cmp.getRhs() == carried))
      return Combiner::Max;
    // A sum that leaves out masked keys, whose weights nothing can be multiplied with: each lane leaves out its own.
    if (cmp && cmp.getLhs() != carried && cmp.getRhs() != carried &&
        ((select.getTrueValue() == carried && isSum(select.getFalseValue())) ||
         (select.getFalseValue() == carried && isSum(select.getTrueValue()))))
      return Combiner::Add;
  }
  return std::nullopt;
}

class LaneReduction : TileNest {
public:
  LaneReduction(RewriterBase &rewriter, linalg::GenericOp op, RegisterTile tile, unsigned lanesLoop)
      : TileNest(rewriter, op), lanes(tile.lanes), sums(std::min(tile.rows * tile.vectors, tile.lanes)),
        lanesLoop(lanesLoop), multipliesPairs(tile.hasBf16Dot && getPairLoop(op) == lanesLoop) {}

  FailureOr<Operation *> run();

private:
  struct Carried {
    OpOperand *output;
    Combiner combiner;
  };

  LogicalResult analyze();
  LogicalResult forOuter(unsigned index, Positions &at);
  /// `body` for blocks of `most` positions of `loopNumber`, then for what remains.
  LogicalResult forBlocks(unsigned loopNumber, int64_t most, Positions &at, function_ref<LogicalResult(int64_t)> body);
  /// rows x keys sums: neutral elements in, the whole reduction, combined lanes out.
  LogicalResult block(Positions &at, int64_t rows, int64_t keys);
  void loadInvariants(const Positions &at, int64_t rows, int64_t keys);
  LogicalResult reduce(Positions &at, int64_t rows, int64_t keys, SmallVectorImpl<Value> &accumulators);
  /// The body at one position of the reduction, for the first `width` lanes of the accumulators.
  LogicalResult step(Positions &at, int64_t rows, int64_t keys, int64_t width, SmallVectorImpl<Value> &accumulators);
  /// As step, at 2 x lanes positions: one instruction for each sum.
  LogicalResult multiplyPairs(Positions &at, int64_t rows, int64_t keys, SmallVectorImpl<Value> &accumulators);
  LogicalResult finish(const Positions &at, int64_t rows, int64_t keys, ArrayRef<Value> accumulators);

  Positions elementAt(const Positions &at, int64_t row, int64_t key);
  bool isBusy() { return getConstantIntValue(extents[rowsLoop]).value_or(1) >= kBusyRows; }
  bool byRow(OpOperand &operand) { return rowsLoop >= 0 && uses(&operand, rowsLoop); }
  bool byKey(OpOperand &operand) { return keysLoop >= 0 && uses(&operand, keysLoop); }
  Value combine(Combiner combiner, Value a, Value b);
  Value combineLanes(Combiner combiner, ArrayRef<Value> vectors);
  Value getNeutral(const Carried &carried);

  int64_t lanes, sums;
  unsigned lanesLoop;
  /// Whether the reduction is a product of two bf16 operands that the machine multiplies in pairs of neighbours.
  bool multipliesPairs;
  SmallVector<unsigned> outer;
  /// The loops of a block of sums, those of the only output, or -1 where there is just one sum.
  int rowsLoop = -1, keysLoop = -1;
  SmallVector<Carried> carried;
  /// What operands hold for the sums of a block, by operand, row and key. `invariants` are those that the reduction
  /// does not move along, loaded before it: stores in between keep LLVM from seeing that it may.
  using Loaded = DenseMap<std::tuple<unsigned, int64_t, int64_t>, Value>;
  Loaded invariants;
  linalg::LinalgOp initializer;
};

} // namespace

LogicalResult LaneReduction::analyze() {
  if (failed(analyzeOperands()))
    return failure();
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  if (reductions.size() != 1)
    return op.emitError("cannot vectorise lanes along one of ") << reductions.size() << " reductions";
  for (OpOperand &operand : op->getOpOperands())
    if (uses(&operand, lanesLoop) && !isInnermost(&operand, lanesLoop))
      return op.emitError("cannot vectorise: an operand would have to be transposed inside a reduction");
  for (auto [number, output] : llvm::enumerate(op.getDpsInitsMutable())) {
    if (uses(&output, lanesLoop))
      continue;
    std::optional<Combiner> combiner = getCombiner(*op.getBody(), op.getMatchingBlockArgument(&output), number);
    if (!combiner)
      return op.emitError(
          "cannot vectorise lanes along a reduction that is no sum and no maximum (select of cmpf ogt)");
    carried.push_back({&output, *combiner});
  }
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (kind == utils::IteratorType::parallel)
      outer.push_back(loop);
  AffineMap out = mapOf(op.getDpsInitOperand(0));
  if (outer.size() == 2 && op.getNumDpsInits() == 1 && out.getNumResults() == 2 && carried.size() == 1) {
    rowsLoop = cast<AffineDimExpr>(out.getResult(0)).getPosition();
    keysLoop = cast<AffineDimExpr>(out.getResult(1)).getPosition();
    outer.clear();
  }
  if (carried.size() == 1)
    initializer = findInitializer(carried[0].output);
  return success();
}

LogicalResult LaneReduction::forBlocks(unsigned loopNumber, int64_t most, Positions &at,
                                       function_ref<LogicalResult(int64_t)> body) {
  Value begin = constant(0);
  SmallVector<int64_t> blocks = {most};
  auto size = getConstantIntValue(extents[loopNumber]);
  if (size && *size % most != 0)
    blocks.push_back(*size % most);
  else if (!size && most > 1)
    blocks.push_back(1);
  for (int64_t count : blocks) {
    Value end = blocksEnd(loopNumber, begin, count);
    if (failed(loop(begin, end, count, [&](Value position) {
          at[loopNumber] = position;
          return body(count);
        })))
      return failure();
    begin = end;
  }
  return success();
}

LogicalResult LaneReduction::forOuter(unsigned index, Positions &at) {
  if (index < outer.size())
    return forBlocks(outer[index], 1, at, [&](int64_t) { return forOuter(index + 1, at); });
  if (rowsLoop < 0)
    return block(at, 1, 1);
  // Keys outside: each row of K is read once from memory, by all rows.
  int64_t allRows = getConstantIntValue(extents[rowsLoop]).value_or(1);
  int64_t rows = std::min(allRows, std::min(sums, kBlockRows));
  int64_t keys = isBusy() ? std::min(sums / rows, kBlockKeys) : 1;
  auto size = getConstantIntValue(extents[lanesLoop]);
  return forBlocks(keysLoop, keys, at, [&](int64_t keyCount) {
    for (int64_t key = 0; hasPrefetches && size && key < keyCount; ++key)
      prefetchRow(keysLoop, add(at[keysLoop], key + kRowsAhead), lanesLoop, constant(0), *size, /*level=*/2);
    return forBlocks(rowsLoop, rows, at, [&](int64_t rowCount) { return block(at, rowCount, keyCount); });
  });
}

LogicalResult LaneReduction::block(Positions &at, int64_t rows, int64_t keys) {
  SmallVector<Value> accumulators;
  for (const Carried &each : carried)
    accumulators.append(rows * keys, getNeutral(each));
  loadInvariants(at, rows, keys);
  return failure(failed(reduce(at, rows, keys, accumulators)) || failed(finish(at, rows, keys, accumulators)));
}

Positions LaneReduction::elementAt(const Positions &at, int64_t row, int64_t key) {
  Positions position = at;
  if (rowsLoop >= 0) {
    position[rowsLoop] = add(at[rowsLoop], row);
    position[keysLoop] = add(at[keysLoop], key);
  }
  return position;
}

void LaneReduction::loadInvariants(const Positions &at, int64_t rows, int64_t keys) {
  invariants.clear();
  for (OpOperand *input : op.getDpsInputOperands()) {
    bool isWritten = llvm::is_contained(op.getDpsInits(), input->get());
    if (uses(input, lanesLoop) || isWritten || !isa<MemRefType>(input->get().getType()))
      continue;
    for (int64_t row = 0; row < (byRow(*input) ? rows : 1); ++row)
      for (int64_t key = 0; key < (byKey(*input) ? keys : 1); ++key)
        invariants[{input->getOperandNumber(), row, key}] =
            loadArgument(getLinalgOp(), *input, elementAt(at, row, key), /*lanes=*/-1, 1);
  }
}

LogicalResult LaneReduction::reduce(Positions &at, int64_t rows, int64_t keys, SmallVectorImpl<Value> &accumulators) {
  auto size = getConstantIntValue(extents[lanesLoop]);
  Value begin = constant(0);
  int64_t widest = multipliesPairs ? 2 * lanes : lanes;
  auto makeStep = [&](int64_t width, SmallVectorImpl<Value> &state) {
    return width > lanes ? multiplyPairs(at, rows, keys, state) : step(at, rows, keys, width, state);
  };
  for (int64_t width = widest; width >= 1; width = size || width > lanes ? width / 2 : width == 1 ? 0 : 1) {
    Value end = blocksEnd(lanesLoop, begin, width);
    std::optional<int64_t> from = getConstantIntValue(begin), to = getConstantIntValue(end);
    if (from && to && *to - *from <= kMostUnrolled * width) {
      for (int64_t position = *from; position < *to; position += width) {
        at[lanesLoop] = constant(position);
        if (failed(makeStep(width, accumulators)))
          return failure();
      }
    } else {
      OpBuilder::InsertionGuard guard(b);
      auto forOp = scf::ForOp::create(b, loc, begin, end, constant(width), accumulators);
      b.setInsertionPointToStart(forOp.getBody());
      at[lanesLoop] = forOp.getInductionVar();
      SmallVector<Value> inner(forOp.getRegionIterArgs());
      if (failed(makeStep(width, inner)))
        return failure();
      scf::YieldOp::create(b, loc, inner);
      accumulators.assign(forOp.getResults().begin(), forOp.getResults().end());
    }
    begin = end;
  }
  return success();
}

LogicalResult LaneReduction::step(Positions &at, int64_t rows, int64_t keys, int64_t width,
                                  SmallVectorImpl<Value> &accumulators) {
  // Operands are loaded once for all the sums that share them.
  Loaded loaded = invariants;
  for (int64_t key = 0; key < keys; ++key)
    for (int64_t row = 0; row < rows; ++row) {
      Positions position = elementAt(at, row, key);
      auto getAccumulator = [&](size_t number) -> Value & { return accumulators[(number * rows + row) * keys + key]; };
      SmallVector<Value> arguments, results;
      for (OpOperand &operand : op->getOpOperands()) {
        auto *it = llvm::find_if(carried, [&](const Carried &each) { return each.output == &operand; });
        if (it != carried.end()) {
          Value accumulator = getAccumulator(it - carried.begin());
          if (width == 1)
            accumulator = vector::ExtractOp::create(b, loc, accumulator, 0);
          else if (width < lanes)
            accumulator = vector::ExtractStridedSliceOp::create(b, loc, accumulator, 0, width, 1);
          arguments.push_back(accumulator);
          continue;
        }
        Value &value = loaded[{operand.getOperandNumber(), byRow(operand) ? row : 0, byKey(operand) ? key : 0}];
        if (!value)
          value = loadArgument(getLinalgOp(), operand, position, lanesLoop, width);
        arguments.push_back(value);
      }
      BodyVectorizer body(b, loc, width);
      if (failed(body.run(*op.getBody(), arguments, position, lanesLoop, results)))
        return failure();
      for (auto [number, output] : llvm::enumerate(op.getDpsInitsMutable())) {
        OpOperand *written = &output;
        auto *it = llvm::find_if(carried, [written](const Carried &each) { return each.output == written; });
        if (it == carried.end()) {
          storeElements(b, loc, results[number], output.get(), mapOf(&output), position, lanesLoop);
          continue;
        }
        Value &accumulator = getAccumulator(it - carried.begin());
        if (width == 1)
          accumulator = vector::InsertOp::create(b, loc, results[number], accumulator, 0);
        else if (width < lanes)
          accumulator = vector::InsertStridedSliceOp::create(b, loc, results[number], accumulator, 0, 1);
        else
          accumulator = results[number];
      }
    }
  return success();
}

LogicalResult LaneReduction::multiplyPairs(Positions &at, int64_t rows, int64_t keys,
                                           SmallVectorImpl<Value> &accumulators) {
  Loaded loaded;
  for (int64_t key = 0; key < keys; ++key)
    for (int64_t row = 0; row < rows; ++row) {
      SmallVector<Value> pairs;
      for (OpOperand *input : op.getDpsInputOperands()) {
        Value &value = loaded[{input->getOperandNumber(), byRow(*input) ? row : 0, byKey(*input) ? key : 0}];
        if (!value)
          value = loadElements(b, loc, input->get(), mapOf(input), elementAt(at, row, key), lanesLoop, 2 * lanes);
        pairs.push_back(value);
      }
      Value &accumulator = accumulators[row * keys + key];
      accumulator = x86vector::DotBF16Op::create(b, loc, accumulator.getType(), accumulator, pairs[0], pairs[1]);
    }
  return success();
}

LogicalResult LaneReduction::finish(const Positions &at, int64_t rows, int64_t keys, ArrayRef<Value> accumulators) {
  for (const Carried &each : carried) {
    Value all = combineLanes(each.combiner, accumulators.take_front(rows * keys));
    accumulators = accumulators.drop_front(rows * keys);
    for (int64_t row = 0; row < rows; ++row) {
      Positions position = elementAt(at, row, 0);
      FailureOr<Value> initial = initialValue(initializer, each.output, position, keysLoop, keys);
      if (failed(initial))
        return failure();
      Value sum = keys == 1 ? Value(vector::ExtractOp::create(b, loc, all, row))
                            : Value(vector::ExtractStridedSliceOp::create(b, loc, all, row * keys, keys, 1));
      storeElements(b, loc, combine(each.combiner, *initial, sum), each.output->get(), mapOf(each.output), position,
                    keysLoop);
    }
  }
  return success();
}

Value LaneReduction::combine(Combiner combiner, Value x, Value y) {
  if (combiner == Combiner::Add)
    return arith::AddFOp::create(b, loc, x, y);
  Value greater = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, x, y);
  return arith::SelectOp::create(b, loc, greater, x, y);
}

Value LaneReduction::getNeutral(const Carried &each) {
  auto element = cast<FloatType>(getElementTypeOrSelf(each.output->get().getType()));
  auto type = VectorType::get({lanes}, element);
  APFloat value = each.combiner == Combiner::Add ? APFloat::getZero(element.getFloatSemantics())
                                                 : APFloat::getInf(element.getFloatSemantics(), /*Negative=*/true);
  return arith::ConstantOp::create(b, loc, DenseElementsAttr::get(type, value));
}

/// Lane k of the result is vector k with all its lanes combined. Each round puts halves of two vectors beside each
/// other and combines them: as many rounds as a vector has halves, and no more work for many vectors than for one.
Value LaneReduction::combineLanes(Combiner combiner, ArrayRef<Value> vectors) {
  SmallVector<Value> left(vectors);
  // The first two rounds stay within four lanes: a shuffle across a whole register takes longer.
  const int64_t group = std::min<int64_t>(lanes, 4);
  auto pick = [&](int64_t chunk, bool second) {
    SmallVector<int64_t> order;
    bool within = 2 * chunk <= group;
    int64_t pairs = within ? lanes / group : 1, span = within ? group : 2 * lanes;
    for (int64_t pair = 0; pair < pairs; ++pair) {
      if (within) {
        // Chunks of one vector, then those of the other, interleaved: a0 b0 a1 b1 for chunks of one lane.
        int64_t half = group / 2;
        for (int64_t k = 0; k < half; k += chunk)
          for (int64_t of : {int64_t(0), lanes})
            for (int64_t lane = 0; lane < chunk; ++lane)
              order.push_back(of + pair * group + (second ? half : 0) + k + lane);
      } else {
        for (int64_t lane = second ? chunk : 0; lane < span; lane += 2 * chunk)
          for (int64_t k = 0; k < chunk; ++k)
            order.push_back(lane + k);
      }
    }
    return order;
  };
  int64_t chunk = 1;
  for (int64_t rounds = lanes; rounds > 1; rounds /= 2) {
    SmallVector<int64_t> low = pick(chunk, false), high = pick(chunk, true);
    SmallVector<Value> next;
    for (size_t k = 0; k < left.size(); k += 2) {
      Value x = left[k], y = k + 1 < left.size() ? left[k + 1] : x;
      next.push_back(combine(combiner, vector::ShuffleOp::create(b, loc, x, y, low),
                             vector::ShuffleOp::create(b, loc, x, y, high)));
    }
    left = next;
    chunk = std::min(2 * chunk, group);
  }
  return left.front();
}

FailureOr<Operation *> LaneReduction::run() {
  if (failed(analyze()))
    return failure();
  Positions at(op.getNumLoops());
  auto nest = [&] { return forOuter(0, at); };
  if (failed(rowsLoop >= 0 ? withPrefetches(keysLoop, lanesLoop, isBusy(), nest) : nest()))
    return failure();
  b.eraseOp(op);
  Operation *erased = initializer;
  if (initializer)
    b.eraseOp(initializer);
  return erased;
}

std::optional<unsigned> getLaneReduction(linalg::GenericOp op) {
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  auto innermost = out.getNumResults() ? dyn_cast<AffineDimExpr>(out.getResults().back()) : AffineDimExpr(nullptr);
  if (reductions.empty() || !innermost)
    return std::nullopt;
  if (llvm::is_contained(reductions, innermost.getPosition()))
    return innermost.getPosition();
  if (reductions.size() == 1)
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap map = op.getMatchingIndexingMap(input);
      if (map.isFunctionOfDim(innermost.getPosition()) && map.getResults().back() != innermost)
        return reductions.front();
    }
  return std::nullopt;
}

FailureOr<Operation *> vectorizeLaneReduction(RewriterBase &rewriter, linalg::GenericOp op, RegisterTile tile,
                                              unsigned lanesLoop) {
  return LaneReduction(rewriter, op, tile, lanesLoop).run();
}

} // namespace attn
