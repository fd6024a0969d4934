// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TileVectorizer.h"

#include "BodyVectorizer.h"
#include "LaneReduction.h"
#include "RankNest.h"
#include "TileAccess.h"
#include "TileNest.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace attn {
namespace {

/// How many blocks of rows the prefetches run ahead. 1 to 16 served, 4 best.
constexpr int64_t kBlocksAhead = 4;

class TileVectorizer : TileNest {
public:
  TileVectorizer(RewriterBase &rewriter, linalg::GenericOp op, RegisterTile tile, const PairedTiles &paired)
      : TileNest(rewriter, op), tile(tile), paired(paired) {}

  FailureOr<Operation *> run();

private:
  LogicalResult analyze();
  void findPairs();

  // Loop nests, from the outside in. Each calls the next for one block of its loop.
  LogicalResult forOuter(unsigned index, Positions &at);
  LogicalResult forRows(Positions &at);
  LogicalResult forLanes(Positions &at, int64_t rows);
  void prefetchRows(Positions &at, int64_t rows);
  LogicalResult forTransposed(Positions &at);
  LogicalResult forReductions(Positions &at, int64_t rows, int64_t vectors, int64_t width);

  LogicalResult reductionNest(unsigned index, Positions &at, int64_t rows, int64_t vectors, int64_t width,
                              SmallVectorImpl<Value> &accumulators);
  LogicalResult block(Positions &at, int64_t rows, int64_t vectors, int64_t width,
                      SmallVectorImpl<Value> &accumulators);
  LogicalResult multiplyPairs(Positions &at, int64_t rows, int64_t vectors, int64_t width,
                              SmallVectorImpl<Value> &accumulators);
  void storePairs();
  LogicalResult transposedBlock(Positions &at, int64_t laneCount, bool wholeBlock);
  LogicalResult transposedPairs(Positions &at);

  void loadInvariants(Positions &at, int64_t rows, int64_t vectors, int64_t width);
  Positions elementAt(const Positions &at, int64_t row, int64_t vector, int64_t width);
  bool isBusy() { return rowsLoop >= 0 && getConstantIntValue(extents[rowsLoop]).value_or(0) >= kBusyRows; }
  bool isCarried(OpOperand *output) {
    return llvm::any_of(reductions, [&](unsigned loop) { return !uses(output, loop); });
  }

  RegisterTile tile;
  const PairedTiles &paired;

  int lanesLoop = -1;      // -1: every output is a scalar
  int rowsLoop = -1;       // the loop blocked by tile.rows; -1: none
  int transposedLoop = -1; // the innermost loop of the operand to transpose; -1: none
  OpOperand *transposedOperand = nullptr;
  SmallVector<unsigned> outer, reductions;
  SmallVector<OpOperand *> carried;
  linalg::LinalgOp initializer; // erased with the op; null: none

  /// What operands hold for the elements of a register tile, by operand, row and vector. `invariants` are those that
  /// the reductions do not move along: loaded once before them, since stores in between keep LLVM from seeing that it
  /// may.
  using Loaded = DenseMap<std::tuple<unsigned, int64_t, int64_t>, Value>;
  Loaded invariants;

  /// The loop over rows of a paired tile that this op multiplies (then `product` says how) or writes; -1: none.
  int pairedLoop = -1;
  std::optional<PairProduct> product;
  /// What one or two rows of a paired tile are to hold, in the order of the rows.
  struct PairedRow {
    OpOperand *output;
    Value value, row, column;
  };
  SmallVector<PairedRow> pairedRows;
};

} // namespace

LogicalResult TileVectorizer::analyze() {
  if (failed(analyzeOperands()))
    return failure();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  OpOperand *firstOutput = op.getDpsInitOperand(0);
  AffineMap out = mapOf(firstOutput);
  if (out.getNumResults() > 0)
    if (auto dim = dyn_cast<AffineDimExpr>(out.getResults().back()))
      lanesLoop = dim.getPosition();
  for (unsigned loop = 0; loop < iterators.size(); ++loop) {
    if (int(loop) == lanesLoop)
      continue;
    (iterators[loop] == utils::IteratorType::reduction ? reductions : outer).push_back(loop);
  }
  for (OpOperand &output : op.getDpsInitsMutable()) {
    if (!isCarried(&output))
      continue;
    if (llvm::any_of(reductions, [&](unsigned loop) { return uses(&output, loop); }))
      return op.emitError("cannot vectorise an output that uses some but not all reduction loops");
    carried.push_back(&output);
  }
  // Only contractions gain from a block of several rows: they reuse every loaded vector that often.
  if (!carried.empty() && !outer.empty()) {
    rowsLoop = outer.back();
    outer.pop_back();
  }
  // As many accumulators on a tile of fewer vectors.
  auto size = lanesLoop >= 0 ? getConstantIntValue(extents[lanesLoop]) : std::nullopt;
  if (int64_t vectors = size ? std::max<int64_t>(*size / tile.lanes, 1) : tile.vectors; vectors < tile.vectors) {
    tile.rows = tile.rows * tile.vectors / vectors;
    tile.vectors = vectors;
  }
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = mapOf(&operand);
    if (lanesLoop < 0 || !map.isFunctionOfDim(lanesLoop) || map.getResults().back() == b.getAffineDimExpr(lanesLoop))
      continue;
    auto last = dyn_cast<AffineDimExpr>(map.getResults().back());
    if (transposedOperand || !last || !reductions.empty() || op.getNumDpsInits() != 1)
      return op.emitError("cannot vectorise: an operand would have to be transposed inside a reduction");
    transposedOperand = &operand;
    transposedLoop = last.getPosition();
    llvm::erase(outer, unsigned(transposedLoop));
  }
  findPairs();
  return success();
}

void TileVectorizer::findPairs() {
  product = paired.getProduct(op);
  if (product) {
    pairedLoop = product->loop;
    // A row without a partner was stored with zeros beside it.
    extents[pairedLoop] = affine::makeComposedFoldedAffineApply(b, loc, b.getAffineSymbolExpr(0).ceilDiv(2) * 2,
                                                                ArrayRef<OpFoldResult>{extents[pairedLoop]});
    return;
  }
  for (OpOperand &output : op.getDpsInitsMutable())
    if (paired.contains(output.get()))
      pairedLoop = cast<AffineDimExpr>(mapOf(&output).getResult(0)).getPosition();
  // Both rows of a pair are made in one place: their loop goes innermost.
  if (pairedLoop >= 0 && pairedLoop != transposedLoop && llvm::is_contained(outer, unsigned(pairedLoop))) {
    llvm::erase(outer, unsigned(pairedLoop));
    reductions.push_back(pairedLoop);
  }
}

/// Positions of the element (or first lane) `row`, `vector` of the register tile at `at`.
Positions TileVectorizer::elementAt(const Positions &at, int64_t row, int64_t vector, int64_t width) {
  Positions position = at;
  if (rowsLoop >= 0)
    position[rowsLoop] = add(at[rowsLoop], row);
  if (lanesLoop >= 0)
    position[lanesLoop] = add(at[lanesLoop], vector * width);
  return position;
}

LogicalResult TileVectorizer::forOuter(unsigned index, Positions &at) {
  if (index == outer.size())
    return transposedOperand ? forTransposed(at) : forRows(at);
  return loop(constant(0), extent(outer[index]), 1, [&](Value position) {
    at[outer[index]] = position;
    return forOuter(index + 1, at);
  });
}

/// Blocks of tile.rows rows, then what remains in smaller ones.
LogicalResult TileVectorizer::forRows(Positions &at) {
  if (rowsLoop < 0)
    return forLanes(at, 1);
  Value begin = constant(0);
  SmallVector<int64_t> blocks = {tile.rows};
  if (tile.rows > 8)
    blocks.push_back(4);
  else if (tile.rows > 4)
    blocks.push_back(2);
  if (tile.rows > 1)
    blocks.push_back(1);
  auto size = getConstantIntValue(extents[rowsLoop]);
  if (size && *size > tile.rows && *size % tile.rows)
    blocks = {tile.rows, *size % tile.rows};
  else if (size)
    blocks = {std::min(*size, tile.rows)};
  for (int64_t rows : blocks) {
    Value end = blocksEnd(rowsLoop, begin, rows);
    if (failed(loop(begin, end, rows, [&](Value position) {
          at[rowsLoop] = position;
          prefetchRows(at, rows);
          return forLanes(at, rows);
        })))
      return failure();
    begin = end;
  }
  return success();
}

/// Blocks of vectors, then single vectors, then halves, quarters and so on where their number is known, else single
/// elements.
LogicalResult TileVectorizer::forLanes(Positions &at, int64_t rows) {
  if (lanesLoop < 0)
    return forReductions(at, rows, 1, 1);
  Value begin = constant(0);
  struct Block {
    int64_t vectors, width;
  };
  SmallVector<Block> blocks = {{tile.vectors, tile.lanes}, {1, tile.lanes}};
  bool isStatic = getConstantIntValue(extents[lanesLoop]).has_value();
  for (int64_t width = isStatic ? tile.lanes / 2 : 1; width >= 1; width /= 2)
    blocks.push_back({1, width});
  for (Block block : blocks) {
    int64_t step = block.vectors * block.width;
    Value end = blocksEnd(lanesLoop, begin, step);
    if (failed(loop(begin, end, step, [&](Value position) {
          at[lanesLoop] = position;
          return forReductions(at, rows, block.vectors, block.width);
        })))
      return failure();
    begin = end;
  }
  return success();
}

/// K is read where the caller has it, a few rows at a time, far apart where heads are interleaved: processors do not
/// see that pattern by themselves. Asks for the rows that a later block reads; what lies beyond the last is never
/// touched. Measured: 1.5 to 2.5 points of the peak for twelve interleaved heads, none for contiguous ones.
void TileVectorizer::prefetchRows(Positions &at, int64_t rows) {
  if (reductions.size() != 1)
    return;
  auto size = getConstantIntValue(extents[reductions[0]]);
  for (int64_t row = 0; size && row < rows; ++row)
    prefetchRow(rowsLoop, add(at[rowsLoop], row + kBlocksAhead * tile.rows), reductions[0], constant(0), *size,
                /*level=*/1);
}

void TileVectorizer::loadInvariants(Positions &at, int64_t rows, int64_t vectors, int64_t width) {
  invariants.clear();
  if (reductions.empty() || product)
    return;
  for (OpOperand *input : op.getDpsInputOperands()) {
    bool moves = llvm::any_of(reductions, [&](unsigned loop) { return uses(input, loop); });
    bool isWritten = llvm::is_contained(op.getDpsInits(), input->get());
    if (moves || isWritten || !isa<MemRefType>(input->get().getType()))
      continue;
    bool byRow = rowsLoop >= 0 && uses(input, rowsLoop), byLane = lanesLoop >= 0 && uses(input, lanesLoop);
    for (int64_t row = 0; row < (byRow ? rows : 1); ++row)
      for (int64_t vector = 0; vector < (byLane ? vectors : 1); ++vector)
        invariants[{input->getOperandNumber(), row, vector}] =
            loadArgument(getLinalgOp(), *input, elementAt(at, row, vector, width), lanesLoop, width);
  }
}

/// One register tile: accumulators in, all reductions, accumulators out.
LogicalResult TileVectorizer::forReductions(Positions &at, int64_t rows, int64_t vectors, int64_t width) {
  SmallVector<Value> accumulators;
  for (OpOperand *output : carried)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t vector = 0; vector < vectors; ++vector) {
        Positions position = elementAt(at, row, vector, width);
        FailureOr<Value> value = initialValue(initializer, output, position, lanesLoop, width);
        if (failed(value))
          return failure();
        accumulators.push_back(*value);
      }
  loadInvariants(at, rows, vectors, width);
  if (failed(reductionNest(0, at, rows, vectors, width, accumulators)))
    return failure();
  unsigned index = 0;
  for (OpOperand *output : carried)
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t vector = 0; vector < vectors; ++vector) {
        Positions position = elementAt(at, row, vector, width);
        storeElements(b, loc, accumulators[index++], output->get(), mapOf(output), position, lanesLoop);
      }
  return success();
}

LogicalResult TileVectorizer::reductionNest(unsigned index, Positions &at, int64_t rows, int64_t vectors, int64_t width,
                                            SmallVectorImpl<Value> &accumulators) {
  if (index == reductions.size())
    return block(at, rows, vectors, width, accumulators);
  unsigned loopNumber = reductions[index];
  // The innermost loop of a contraction runs two steps an iteration: the loop's own instructions cost 1 to 2 % of it.
  bool isPaired = int(loopNumber) == pairedLoop, writesPairs = isPaired && !product;
  int64_t unit = isPaired && product ? 2 : 1;
  int64_t unroll = (index + 1 == reductions.size() && rows > 1) || writesPairs ? 2 : 1;
  auto size = getConstantIntValue(extents[loopNumber]);
  Value begin = constant(0);
  for (int64_t count = unroll; count >= 1; --count) {
    int64_t step = count * unit;
    if (size && getConstantIntValue(begin) == size)
      continue;
    Value end = blocksEnd(loopNumber, begin, step);
    OpBuilder::InsertionGuard guard(b);
    auto forOp = scf::ForOp::create(b, loc, begin, end, constant(step), accumulators);
    b.setInsertionPointToStart(forOp.getBody());
    SmallVector<Value> inner(forOp.getRegionIterArgs());
    for (int64_t k = 0; k < step; k += unit) {
      at[loopNumber] = add(forOp.getInductionVar(), k);
      if (hasPrefetches && width == tile.lanes)
        prefetchRow(loopNumber, add(at[loopNumber], kRowsAhead), lanesLoop, at[lanesLoop], vectors * width,
                    /*level=*/2);
      if (failed(reductionNest(index + 1, at, rows, vectors, width, inner)))
        return failure();
    }
    storePairs();
    // A loop without results has its terminator already.
    if (inner.empty())
      b.setInsertionPoint(forOp.getBody()->getTerminator());
    else
      scf::YieldOp::create(b, loc, inner);
    accumulators.assign(forOp.getResults().begin(), forOp.getResults().end());
    begin = end;
  }
  return success();
}

/// The body for each element of a register tile at one position of the reductions.
LogicalResult TileVectorizer::block(Positions &at, int64_t rows, int64_t vectors, int64_t width,
                                    SmallVectorImpl<Value> &accumulators) {
  if (product)
    return multiplyPairs(at, rows, vectors, width, accumulators);
  SmallVector<Value> next(accumulators.size());
  // Operands are loaded once for all the elements that share them.
  Loaded loaded = invariants;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t vector = 0; vector < vectors; ++vector) {
      Positions position = elementAt(at, row, vector, width);
      SmallVector<Value> arguments, results;
      for (OpOperand &operand : op->getOpOperands()) {
        if (auto *it = llvm::find(carried, &operand); it != carried.end()) {
          arguments.push_back(accumulators[((it - carried.begin()) * rows + row) * vectors + vector]);
          continue;
        }
        bool byRow = rowsLoop >= 0 && uses(&operand, rowsLoop), byLane = lanesLoop >= 0 && uses(&operand, lanesLoop);
        Value &value = loaded[{operand.getOperandNumber(), byRow ? row : 0, byLane ? vector : 0}];
        if (!value)
          value = loadArgument(getLinalgOp(), operand, position, lanesLoop, width);
        arguments.push_back(value);
      }
      BodyVectorizer body(b, loc, width);
      if (failed(body.run(*op.getBody(), arguments, position, lanesLoop, results)))
        return failure();
      for (auto [number, output] : llvm::enumerate(op.getDpsInitsMutable())) {
        if (auto *it = llvm::find(carried, &output); it != carried.end())
          next[((it - carried.begin()) * rows + row) * vectors + vector] = results[number];
        else if (paired.contains(output.get()))
          pairedRows.push_back({&output, results[number], position[pairedLoop], position[lanesLoop]});
        else
          storeElements(b, loc, results[number], output.get(), mapOf(&output), position, lanesLoop);
      }
    }
  accumulators.assign(next.begin(), next.end());
  return success();
}

/// Products of two positions of the reduction, added to the accumulators by one instruction each.
LogicalResult TileVectorizer::multiplyPairs(Positions &at, int64_t rows, int64_t vectors, int64_t width,
                                            SmallVectorImpl<Value> &accumulators) {
  AffineMap map = mapOf(product->broadcast);
  SmallVector<Value> lanes, broadcast;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    Positions position = elementAt(at, 0, vector, width);
    lanes.push_back(PairedTiles::load(b, loc, product->lanes->get(), position[pairedLoop], position[lanesLoop], width));
  }
  for (int64_t row = 0; row < rows; ++row) {
    Positions position = elementAt(at, row, 0, width);
    SmallVector<Value> indices;
    for (AffineExpr expr : map.getResults())
      indices.push_back(position[cast<AffineDimExpr>(expr).getPosition()]);
    Value memref = product->broadcast->get();
    broadcast.push_back(paired.contains(memref) ? PairedTiles::broadcast(b, loc, memref, indices[0], indices[1], width)
                                                : broadcastPair(b, loc, memref, indices, width));
  }
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t vector = 0; vector < vectors; ++vector) {
      Value &accumulator = accumulators[row * vectors + vector];
      accumulator = PairedTiles::multiply(b, loc, lanes[vector], broadcast[row], accumulator);
    }
  return success();
}

/// Stores the rows that wait: the second half beside the first, or zeros where there is none.
void TileVectorizer::storePairs() {
  if (pairedRows.empty())
    return;
  size_t half = pairedRows.size();
  bool isPair = pairedRows.front().row != pairedRows.back().row;
  if (isPair)
    half /= 2;
  for (size_t index = 0; index < half; ++index) {
    const PairedRow &even = pairedRows[index];
    Value odd = isPair ? pairedRows[half + index].value
                       : Value(arith::ConstantOp::create(b, loc, b.getZeroAttr(even.value.getType())));
    PairedTiles::store(b, loc, even.value, odd, even.output->get(), even.row, even.column);
  }
  pairedRows.clear();
}

/// Whole lanes x lanes blocks through registers, then single rows of whole vectors, then single elements.
LogicalResult TileVectorizer::forTransposed(Positions &at) {
  if (pairedLoop >= 0)
    return transposedPairs(at);
  Value lanesEnd = blocksEnd(lanesLoop, constant(0), tile.lanes);
  Value otherEnd = blocksEnd(transposedLoop, constant(0), tile.lanes);
  if (failed(loop(constant(0), lanesEnd, tile.lanes, [&](Value lane) {
        at[lanesLoop] = lane;
        auto emit = [&](bool wholeBlock) {
          return [&, wholeBlock](Value other) {
            at[transposedLoop] = other;
            return transposedBlock(at, tile.lanes, wholeBlock);
          };
        };
        if (failed(loop(constant(0), otherEnd, tile.lanes, emit(true))))
          return failure();
        return loop(otherEnd, extent(transposedLoop), 1, emit(false));
      })))
    return failure();
  return loop(lanesEnd, extent(lanesLoop), 1, [&](Value lane) {
    at[lanesLoop] = lane;
    return loop(constant(0), extent(transposedLoop), 1, [&](Value other) {
      at[transposedLoop] = other;
      return transposedBlock(at, 1, false);
    });
  });
}

LogicalResult TileVectorizer::transposedBlock(Positions &at, int64_t width, bool wholeBlock) {
  SmallVector<Value> columns;
  if (wholeBlock) {
    SmallVector<Value> rows;
    for (int64_t lane = 0; lane < width; ++lane) {
      Positions position = at;
      position[lanesLoop] = add(at[lanesLoop], lane);
      rows.push_back(
          loadElements(b, loc, transposedOperand->get(), mapOf(transposedOperand), position, transposedLoop, width));
    }
    columns = transposeVectors(b, loc, rows);
  } else {
    columns.push_back(gatherElements(b, loc, transposedOperand->get(), mapOf(transposedOperand), at, lanesLoop, width));
  }
  for (auto [k, column] : llvm::enumerate(columns)) {
    Positions position = at;
    position[transposedLoop] = add(at[transposedLoop], k);
    SmallVector<Value> arguments, results;
    for (OpOperand &operand : op->getOpOperands())
      arguments.push_back(
          &operand == transposedOperand ? column : loadArgument(getLinalgOp(), operand, position, lanesLoop, width));
    BodyVectorizer body(b, loc, width);
    if (failed(body.run(*op.getBody(), arguments, position, lanesLoop, results)))
      return failure();
    OpOperand *output = op.getDpsInitOperand(0);
    storeElements(b, loc, results[0], output->get(), mapOf(output), position, lanesLoop);
  }
  return success();
}

/// As forTransposed, with pairs of elements as the lanes: whole blocks, then single pairs; nothing is computed.
LogicalResult TileVectorizer::transposedPairs(Positions &at) {
  OpOperand *output = op.getDpsInitOperand(0);
  Value source = transposedOperand->get(), target = output->get();
  AffineMap map = mapOf(transposedOperand);
  int64_t lanes = tile.lanes;
  auto bits = VectorType::get({lanes}, b.getI32Type()), pairs = VectorType::get({2 * lanes}, b.getBF16Type());
  auto wholeBlock = [&](Value row) -> LogicalResult {
    SmallVector<Value> rows;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Positions position = at;
      position[lanesLoop] = add(at[lanesLoop], lane);
      position[transposedLoop] = row;
      Value neighbours = loadElements(b, loc, source, map, position, transposedLoop, 2 * lanes);
      rows.push_back(vector::BitCastOp::create(b, loc, bits, neighbours));
    }
    for (auto [number, column] : llvm::enumerate(transposeVectors(b, loc, rows)))
      PairedTiles::storePairs(b, loc, vector::BitCastOp::create(b, loc, pairs, column), target, add(row, 2 * number),
                              at[lanesLoop]);
    return success();
  };
  // `rows` is 2, or 1 for a last row without a partner.
  auto single = [&](int64_t width, int64_t rows) {
    return [&, width, rows](Value row) -> LogicalResult {
      Value values[2];
      for (int64_t k = 0; k < 2; ++k) {
        Positions position = at;
        position[transposedLoop] = add(row, k);
        values[k] = k < rows ? gatherElements(b, loc, source, map, position, lanesLoop, width)
                             : Value(arith::ConstantOp::create(b, loc, b.getZeroAttr(values[0].getType())));
      }
      PairedTiles::store(b, loc, values[0], values[1], target, row, at[lanesLoop]);
      return success();
    };
  };
  Value zero = constant(0), lanesEnd = blocksEnd(lanesLoop, zero, lanes);
  auto forPairs = [&](Value begin, int64_t width) -> LogicalResult {
    Value end = blocksEnd(transposedLoop, begin, 2);
    if (failed(loop(begin, end, 2, single(width, 2))))
      return failure();
    return loop(end, extent(transposedLoop), 2, single(width, 1));
  };
  if (failed(loop(zero, lanesEnd, lanes, [&](Value lane) {
        at[lanesLoop] = lane;
        Value blocks = blocksEnd(transposedLoop, zero, 2 * lanes);
        return failure(failed(loop(zero, blocks, 2 * lanes, wholeBlock)) || failed(forPairs(blocks, lanes)));
      })))
    return failure();
  return loop(lanesEnd, extent(lanesLoop), 1, [&](Value lane) {
    at[lanesLoop] = lane;
    return forPairs(zero, 1);
  });
}

FailureOr<Operation *> TileVectorizer::run() {
  if (failed(analyze()))
    return failure();
  if (carried.size() == 1 && lanesLoop >= 0)
    initializer = findInitializer(carried[0]);
  Positions at(op.getNumLoops());
  auto nest = [&] { return forOuter(0, at); };
  // V, where rows come first, is read row by row.
  bool mayStream = lanesLoop >= 0 && reductions.size() == 1;
  if (failed(mayStream ? withPrefetches(reductions[0], lanesLoop, isBusy(), nest) : nest()))
    return failure();
  b.eraseOp(op);
  Operation *erased = initializer;
  if (initializer)
    b.eraseOp(initializer);
  return erased;
}

FailureOr<Operation *> vectorizeTile(RewriterBase &rewriter, linalg::GenericOp op, RegisterTile tile,
                                     const PairedTiles &paired) {
  if (isRanking(op))
    return vectorizeRanking(rewriter, op, tile);
  if (std::optional<unsigned> lanesLoop = getLaneReduction(op))
    return vectorizeLaneReduction(rewriter, op, tile, *lanesLoop);
  return TileVectorizer(rewriter, op, tile, paired).run();
}

} // namespace attn
