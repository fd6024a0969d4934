// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Instructions are counted as a core has them: beside each multiply-add of whole vectors it starts one load, of a
// vector or of a number that is broadcast; a store takes as long as two loads. So are Intel's and AMD's cores of the
// last ten years, whether they start one multiply-add a cycle or two.
#include "CostModel.h"

#include "RowTile.h"
#include "attn/Analysis/LoopSizes.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

/// Multiply-adds from one to the next that needs its sum: 4 cycles, of a core that starts two in each, and one to
/// spare: with 8 accumulators 14 % more time was measured than with 16. (Cores that start one a cycle do with half of
/// it.)
static constexpr double kLatency = 9;
/// exp2 of a vector: a rounding, a product, five terms, a scaling, and what keeps its ends right.
static constexpr double kExponential = 12;
/// Around it: the maximum subtracted, a sum, and the scale.
static constexpr double kAroundExponential = 3;
/// A transcendental function in a score region; any other op there.
static constexpr double kFunction = 20, kOperation = 1;
/// What begins: a block of a register tile, a key tile, a row tile.
static constexpr double kBlock = 8, kKeyTile = 60, kRowTile = 400;
/// Bytes that a core reads from memory meanwhile, and from L2.
static constexpr double kMemoryBytes = 8, kL2Bytes = 32;
/// Of a horizontal sum, for each score: a transposed tree of as many vectors as there are lanes.
static constexpr double kHorizontalSum = 3;

namespace {
/// The sizes that costs are counted with, and ops of regions.
struct Problem {
  Problem(GenericOp op, PlanAttr plan) : plan(plan) {
    LoopInfo loops = getLoopInfo(op);
    SmallVector<int64_t> sizes = getStaticLoopSizes(op);
    auto known = [](int64_t size) { return ShapedType::isDynamic(size) ? kAssumedSize : std::max<int64_t>(size, 1); };
    rows = known(sizes[getTiledRowLoop(loops, sizes)]);
    keys = known(sizes[loops.key]);
    d = sizes[loops.d];
    e = sizes[loops.e];
    accBytes = getAccumulatorType(op).getWidth() / 8;
    keyBytes = getElementTypeOrSelf(op.getKey().getType()).getIntOrFloatBitWidth() / 8.0;
    valueBytes = getElementTypeOrSelf(op.getValue().getType()).getIntOrFloatBitWidth() / 8.0;
    for (Operation &inner : op.getScore().getOps())
      score += inner.getName().getDialectNamespace() == "math" ? kFunction : kOperation;
    for (Operation &inner : op.getSimilarity().getOps())
      similarity += inner.getName().getDialectNamespace() == "math" ? kFunction : kOperation;
    // Pairs of bf16 halve the steps.
    step = plan.getPrecision() == Precision::BF16 ? 0.5 : 1.0;
  }

  double getBytesOfKey() const { return d * keyBytes + e * valueBytes; }

  PlanAttr plan;
  int64_t rows, keys, d, e, accBytes;
  double keyBytes, valueBytes, score = 0, similarity = 0, step;
};
} // namespace

int64_t attn::getShortRows(int64_t queryRows, int64_t rows, int64_t lanes) {
  // One that is a quarter full at most is worth code of its own: of unknown N, many have one row more than a power of
  // two. Of a known N it is worth it whenever a vector is saved.
  if (ShapedType::isDynamic(queryRows))
    return rows / 4 % lanes == 0 ? rows / 4 : 0;
  int64_t left = queryRows > rows ? llvm::alignTo(queryRows % rows, lanes) : 0;
  return left < rows ? left : 0;
}

/// One step along the summed dimension of a block of `rows` x `columns` accumulators.
static double getStep(int64_t rows, int64_t columns) {
  return std::max({double(rows * columns), double(columns + rows), kLatency});
}

/// A product of `rows` x `vectors` sums of `depth` terms in register tiles as the vectoriser makes them: no more
/// columns than there are vectors, and more rows instead; vectors that are left over one by one. `touch` is what each
/// sum is loaded and stored for.
static double getProduct(int64_t rows, int64_t vectors, double depth, ArrayRef<int64_t> tile, double touch) {
  int64_t columns = std::min(tile[1], vectors), blockRows = tile[0] * tile[1] / columns;
  std::pair<int64_t, int64_t> rowBlocks[] = {{blockRows, rows / blockRows}, {rows % blockRows, rows % blockRows > 0}};
  std::pair<int64_t, int64_t> columnBlocks[] = {{columns, vectors / columns}, {1, vectors % columns}};
  double cost = 0;
  for (auto [r, numRows] : rowBlocks)
    for (auto [c, numColumns] : columnBlocks)
      cost += numRows * numColumns * (depth * getStep(r, c) + touch * r * c + kBlock);
  return cost;
}

/// Lanes are rows: `count` times a tile of `rows` rows and `keys` keys.
static void addKeyTile(PlanCost &cost, const Problem &p, int64_t rows, int64_t keys, double count,
                       const TargetDescription &target) {
  int64_t vectors = rows / p.plan.getLanes();
  double scores = count * keys * vectors;
  ArrayRef<int64_t> tile = p.plan.getRegisterTile();
  cost.products += count * getProduct(keys, vectors, p.d * p.step * std::max(p.similarity, 1.0), tile, /*touch=*/2);
  cost.products += count * getProduct(p.e, vectors, keys * p.step, tile, /*touch=*/3);
  cost.scores += scores * (1 + p.score + kAroundExponential + kExponential);
  // Scores beyond L1 are written, and read three times, at the rate of L2.
  if (int64_t bytes = keys * rows * p.accBytes; bytes > target.l1Bytes)
    cost.scores += count * 4 * bytes / kL2Bytes;
  cost.accumulators += count * vectors * (2.0 * p.e + 20);
  cost.overhead += count * kKeyTile;
  // Each row tile reads K and V again, from L2.
  cost.operands += count * keys * p.getBytesOfKey() / kL2Bytes;
  // Narrow K and V become f32 once per key tile.
  if (p.plan.getPrecision() == Precision::Accumulator)
    for (auto [bytes, size] : {std::pair(p.keyBytes, p.d), std::pair(p.valueBytes, p.e)})
      cost.operands += bytes < p.accBytes ? count * 2.0 * keys * size / p.plan.getLanes() : 0;
}

/// Lanes are rows: `count` row tiles of `rows` rows, with all keys.
static void addManyRows(PlanCost &cost, const Problem &p, int64_t rows, double count, const TargetDescription &target) {
  int64_t keys = p.plan.getKeys(), left = p.keys % keys;
  addKeyTile(cost, p, rows, keys, count * (p.keys / keys), target);
  if (left > 0)
    addKeyTile(cost, p, rows, left, count, target);
  // Q is transposed, acc is filled, divided and transposed.
  cost.operands += count * (rows / p.plan.getLanes()) * (4.0 * p.d + 6.0 * p.e);
  cost.overhead += count * kRowTile;
}

/// Lanes are neighbours in a row of K, V or scores.
static void addFewRows(PlanCost &cost, const Problem &p) {
  double lanes = p.plan.getLanes(), rows = p.plan.getRows();
  int64_t blockRows = std::min<int64_t>(p.plan.getRegisterTile()[0], rows);
  double passes = std::ceil(rows / blockRows), depth = std::ceil(p.d / lanes), width = std::ceil(p.e / lanes);
  double tiles = std::ceil(double(p.keys) / p.plan.getKeys());
  // Each vector of K and V is loaded once for a block of rows.
  cost.products += p.keys * std::max(rows * depth * p.step * std::max(p.similarity, 1.0), passes * depth);
  cost.products += p.keys * (rows * kHorizontalSum + std::max(rows * width, passes * width));
  cost.scores += p.keys * rows / lanes * (1 + p.score + kAroundExponential + kExponential);
  double columns = std::ceil(width / p.plan.getRegisterTile()[1]);
  cost.accumulators += tiles * rows * (3 * width + 20);
  cost.overhead += tiles * (kKeyTile + passes * columns * kBlock) + kRowTile;
  cost.operands += 4.0 * rows * (depth + width);
}

PlanCost attn::predictCost(GenericOp op, PlanAttr plan, const TargetDescription &target) {
  Problem p(op, plan);
  PlanCost cost;
  cost.memory = p.keys * p.getBytesOfKey() / kMemoryBytes;
  if (plan.getOrientation() == Orientation::RowsMajor) {
    addFewRows(cost, p);
    return cost;
  }
  int64_t left = p.rows % plan.getRows();
  bool isShort = left > 0 && left <= plan.getShortRows();
  addManyRows(cost, p, plan.getRows(), p.rows / plan.getRows() + (left > 0 && !isShort), target);
  if (isShort)
    addManyRows(cost, p, plan.getShortRows(), 1, target);
  return cost;
}

double attn::getLeastCost(GenericOp op, PlanAttr plan) {
  Problem p(op, plan);
  return double(p.rows) * p.keys * (p.d + p.e) * p.step / plan.getLanes();
}

SmallVector<std::pair<std::string, PlanAttr>> attn::getNeighbours(GenericOp op, PlanAttr plan,
                                                                  const TargetDescription &target) {
  SmallVector<std::pair<std::string, PlanAttr>> neighbours;
  SmallVector<int64_t> sizes = getStaticLoopSizes(op);
  int64_t queryRows = sizes[getTiledRowLoop(getLoopInfo(op), sizes)];
  int64_t lanes = plan.getLanes(), budget = target.vectorRegisters;
  bool manyRows = plan.getOrientation() == Orientation::RowsMinor;
  int64_t mostBytes = std::max(getLiveBytes(op, plan), target.l2Bytes / 2);
  auto add = [&](std::string text, int64_t rows, int64_t keys, ArrayRef<int64_t> tile) {
    int64_t split = plan.getSplitKeys() ? std::max(plan.getSplitKeys(), 2 * keys) : 0;
    int64_t shortRows = manyRows ? getShortRows(queryRows, rows, lanes) : 0;
    auto other = PlanAttr::get(op.getContext(), plan.getAlgorithm(), plan.getOrientation(), rows, shortRows, keys,
                               lanes, tile, plan.getPrecision(), split);
    // What a tile touches has to stay in L2, about whose misses the model knows nothing.
    if (other != plan && getLiveBytes(op, other) <= mostBytes)
      neighbours.emplace_back(std::move(text), other);
  };
  int64_t rows = plan.getRows(), keys = plan.getKeys();
  ArrayRef<int64_t> tile = plan.getRegisterTile();
  if (manyRows)
    for (int64_t vectors : {1, 2, 3, 4, 6, 8})
      add(llvm::formatv("rows {0}", vectors * lanes), vectors * lanes, keys, tile);
  // Few rows stream K and V through a part of L1, whose size is no matter of instructions: no more keys there.
  for (int64_t other : {8, 16, 32, 64, 96, 128, 256})
    if (manyRows || other < keys)
      add(llvm::formatv("keys {0}", other), rows, other, tile);
  if (manyRows)
    for (int64_t vectors : {2, 3, 8})
      add(llvm::formatv("rows {0}, keys {1}", vectors * lanes, keys * rows / (vectors * lanes)), vectors * lanes,
          keys * rows / (vectors * lanes), tile);
  // Accumulators, one row of vectors, and a broadcast have registers.
  for (auto [r, c] : {std::pair(1, 4), {2, 4}, {4, 2}, {4, 4}, {6, 2}, {6, 4}, {8, 2}, {12, 1}, {1, 8}, {2, 8}, {5, 3}})
    if (r * c + c + 1 <= budget)
      add(llvm::formatv("register_tile [{0}, {1}]", r, c), rows, keys, {r, c});
  return neighbours;
}
