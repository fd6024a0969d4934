// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Analysis/TileCounts.h"

using namespace mlir;

namespace attn {

namespace {
/// Counts one task after the other.
class TileCounter {
public:
  TileCounter(scf::ForallOp tiled, IndexEvaluator &evaluator, std::vector<TileVisit> *visits)
      : tiled(tiled), evaluator(evaluator), seen(visits) {
    tiled.walk([&](Operation *op) {
      auto online = dyn_cast<OnlineOp>(op);
      // Guarded visits redo a row tile, which no sane input asks for.
      if (!(online && !online.getGuarded()) && !isa<WeightsOp>(op))
        return;
      for (; op != tiled; op = op->getParentOp())
        interesting.insert(op);
    });
  }

  /// Adds what the task of the current loop variables does with row tile `tile`, of `rows` rows. False where that is
  /// not known.
  bool addTask(int64_t tile, int64_t rows) {
    taskTile = tile;
    taskRows = rows;
    ++counts.tasks;
    counts.rows += rows;
    return addBlock(*tiled.getBody());
  }

  TileCounts counts;

private:
  bool addBlock(Block &block) {
    return llvm::all_of(block, [&](Operation &op) { return !interesting.contains(&op) || addOp(&op); });
  }

  bool addOp(Operation *op) {
    if (auto online = dyn_cast<OnlineOp>(op))
      return addVisit(counts.online, online, getLoopInfo(online));
    if (auto weights = dyn_cast<WeightsOp>(op))
      return addVisit(counts.weights, weights, getLoopInfo(weights));
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      std::optional<int64_t> lower = evaluator.evaluate(loop.getLowerBound());
      std::optional<int64_t> upper = evaluator.evaluate(loop.getUpperBound());
      std::optional<int64_t> step = evaluator.evaluate(loop.getStep());
      if (!lower || !upper || !step)
        return false;
      for (int64_t key = *lower; key < *upper; key += *step) {
        evaluator.setVariable(loop.getInductionVar(), key);
        if (!addBlock(*loop.getBody()))
          return false;
      }
      return true;
    }
    if (auto parts = dyn_cast<scf::ForallOp>(op)) {
      std::optional<int64_t> count = evaluator.evaluate(parts.getMixedUpperBound().front());
      for (int64_t part = 0; count && part < *count; ++part) {
        evaluator.setVariable(parts.getInductionVar(0), part);
        if (!addBlock(*parts.getBody()))
          return false;
      }
      return count.has_value();
    }
    if (auto branch = dyn_cast<scf::IfOp>(op)) {
      std::optional<int64_t> condition = evaluator.evaluate(branch.getCondition());
      if (!condition)
        return addLarger(branch);
      Region &taken = *condition ? branch.getThenRegion() : branch.getElseRegion();
      return taken.empty() || addBlock(taken.front());
    }
    return llvm::all_of(op->getRegions(), [&](Region &region) { return region.empty() || addBlock(region.front()); });
  }

  /// The branch that visits more keys, or more of them with mask.
  bool addLarger(scf::IfOp branch) {
    const TileCounts before = counts;
    size_t numSeen = seen ? seen->size() : 0;
    auto getSize = [](const TileCounts &sum) {
      int64_t masked = sum.online[1].keys + sum.weights[1].keys;
      return std::pair(masked + sum.online[0].keys + sum.weights[0].keys, masked);
    };
    auto addRegion = [&](Region &region) {
      counts = before;
      if (seen)
        seen->resize(numSeen);
      return region.empty() || addBlock(region.front());
    };
    if (!addRegion(branch.getElseRegion()))
      return false;
    auto otherwise = getSize(counts);
    if (!addRegion(branch.getThenRegion()) || (getSize(counts) < otherwise && !addRegion(branch.getElseRegion())))
      return false;
    counts.isAtMost = true;
    return true;
  }

  /// Rows of the tile of Q, idle ones included.
  static int64_t getTileRows(ScoredOpInterface op, const LoopInfo &loops) {
    auto map = cast<AffineMapAttr>(op.getIndexingMaps()[0]).getValue();
    int64_t rows = 1;
    for (auto [expr, size] :
         llvm::zip_equal(map.getResults(), cast<RankedTensorType>(op.getQuery().getType()).getShape()))
      if (llvm::is_contained(loops.row, cast<AffineDimExpr>(expr).getPosition()))
        rows *= size;
    return rows;
  }

  bool addVisit(TileVisits (&visits)[2], ScoredOpInterface op, const LoopInfo &loops) {
    auto map = cast<AffineMapAttr>(op.getIndexingMaps()[1]).getValue();
    AffineExpr loop = getAffineDimExpr(loops.key, op->getContext());
    std::optional<int64_t> keys = evaluator.evaluateDim(op.getKey(), *map.getResultPosition(loop));
    if (!keys)
      return false;
    bool isMasked = !op.getMask().empty();
    if (seen) {
      std::optional<int64_t> first = evaluator.evaluate(Value(op.getOffsets()[loops.key]));
      if (!first)
        return false;
      seen->push_back({taskTile, *first, *keys, isMasked, isa<OnlineOp>(op.getOperation())});
    }
    TileVisits &sum = visits[isMasked];
    ++sum.tiles;
    sum.keys += *keys;
    sum.pairs += *keys * taskRows;
    sum.computed += *keys * getTileRows(op, loops);
    return true;
  }

  scf::ForallOp tiled;
  IndexEvaluator &evaluator;
  /// Ops that visit a tile, and those around them.
  llvm::DenseSet<Operation *> interesting;
  /// Where visits go, if anywhere.
  std::vector<TileVisit> *seen;
  int64_t taskTile = 0, taskRows = 0;
};
} // namespace

static void multiply(TileCounts &counts, int64_t factor) {
  counts.tasks *= factor;
  counts.rows *= factor;
  for (TileVisits *visits : {counts.online, counts.online + 1, counts.weights, counts.weights + 1}) {
    visits->tiles *= factor;
    visits->keys *= factor;
    visits->pairs *= factor;
    visits->computed *= factor;
  }
}

std::optional<TileCounts> countTiles(scf::ForallOp tiled, int64_t numRows, IndexEvaluator &evaluator,
                                     std::vector<TileVisit> *visits) {
  int64_t rowTile = tiled->getAttrOfType<PlanAttr>(kPlanName).getRows();
  SmallVector<int64_t> counts;
  for (OpFoldResult bound : tiled.getMixedUpperBound()) {
    std::optional<int64_t> count = evaluator.evaluate(bound);
    if (!count)
      return std::nullopt;
    counts.push_back(*count);
  }
  if (llvm::is_contained(counts, 0))
    return TileCounts();

  // Tasks of different batches and heads mostly do the same: only loop variables that something depends on are
  // enumerated, and which those are shows as counting proceeds. Row tiles come last and always differ.
  SmallVector<Value> variables = tiled.getInductionVars();
  llvm::SmallBitVector enumerated(variables.size());
  enumerated.set(variables.size() - 1);
  while (true) {
    if (visits)
      visits->clear();
    TileCounter counter(tiled, evaluator, visits);
    int64_t tasks = 1, same = 1;
    for (auto [number, count] : llvm::enumerate(counts))
      (enumerated[number] ? tasks : same) *= count;
    for (int64_t task = 0; task < tasks; ++task) {
      int64_t rest = task, tile = 0;
      for (size_t number = variables.size(); number-- > 0;) {
        int64_t position = enumerated[number] ? rest % counts[number] : 0;
        if (enumerated[number])
          rest /= counts[number];
        if (number + 1 == variables.size())
          tile = position;
        evaluator.setVariable(variables[number], position);
      }
      if (!counter.addTask(tile, std::min(rowTile, numRows - tile * rowTile)))
        return std::nullopt;
    }
    llvm::SmallBitVector before = enumerated;
    for (auto [number, variable] : llvm::enumerate(variables))
      if (evaluator.isUsed(variable))
        enumerated.set(number);
    if (enumerated == before) {
      multiply(counter.counts, same);
      return counter.counts;
    }
  }
}

} // namespace attn
