// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Key ranges of a mask, in five steps, each in a file of its own: read the region as sets of pairs (MaskReader),
// project them to sets of key tiles (Projection), write these as intervals (TileIntervals), put the intervals in order
// (IntervalPlan), say it as data (RangeBuilder).
//
// It is tried with single keys as tiles first. Where the visited keys are few runs, loops start and end at the very
// key. Where they are not (a stride, holes), the same is done with the key tiles of the plan, and each tile is tested.
#include "attn/Analysis/KeyRanges.h"

#include "MaskReader.h"
#include "RangeBuilder.h"
#include "attn/Analysis/LoopSizes.h"

using namespace mlir;

namespace attn {

using namespace masks;

MaskProblem getMaskProblem(GenericOp op, unsigned rowLoop, PlanAttr plan) {
  LoopInfo loops = getLoopInfo(op);
  SmallVector<int64_t> sizes = getStaticLoopSizes(op);
  unsigned firstMaskMap = 3 + op.getSimilarityOperands().size() + op.getScoreOperands().size();
  return {cast<ScoredOpInterface>(op.getOperation()),
          loops,
          rowLoop,
          plan.getRows(),
          plan.getKeys(),
          sizes[rowLoop],
          sizes[loops.key],
          firstMaskMap};
}

namespace {
/// The sets of one problem with key tiles of one size.
struct Sets {
  Sets(const MaskProblem &problem, int64_t keyTile)
      : system(problem.rowTile, keyTile, known(problem.rows), known(problem.keys)), reader(system, problem) {}

  static std::optional<int64_t> known(int64_t size) {
    return ShapedType::isDynamic(size) ? std::nullopt : std::optional<int64_t>(size);
  }

  TileSystem system;
  MaskReader reader;
  Union kept, masked;
  TileSet visited, withMasked;
};

class Analysis {
public:
  explicit Analysis(MaskProblem problem) : problem(std::move(problem)) {}

  KeyRanges run() {
    if (!makeRuns())
      makeTested();
    if (isTooLarge)
      makeEverything();
    return std::move(ranges);
  }

private:
  /// Segments of single keys; false where the visited keys are no runs.
  bool makeRuns();
  /// One segment of tested key tiles.
  void makeTested();
  /// One segment of all keys, with the mask.
  void makeEverything();
  void finish(Sets &sets, RangeBuilder &builder);

  MaskProblem problem;
  KeyRanges ranges;
  /// Whether steps overflow whatever the limit of symbols.
  bool isTooLarge = false;
};
} // namespace

bool Analysis::makeRuns() {
  Sets sets(problem, 1);
  sets.kept = sets.reader.read(true);
  sets.visited = projectToTiles(sets.system, sets.kept, /*onlyPlain=*/true);
  if (!sets.visited.exact || sets.visited.hasGuards())
    return false;
  sets.masked = sets.reader.read(false);
  sets.withMasked = projectToTiles(sets.system, sets.masked);
  IntervalPlanner planner(sets.system, sets.visited.intervals, sets.withMasked.intervals);
  bool canBeFull = planner.canBeFull();
  if (!canBeFull)
    sets.withMasked.intervals.clear();
  if (sets.withMasked.hasGuards())
    return false;
  std::optional<std::vector<Run>> runs = planner.makeRuns();
  if (!runs)
    return false;
  RangeBuilder builder(sets.system, sets.reader.symbols, problem.keyTile, problem.op.getContext(), ranges);
  builder.addRuns(*runs, canBeFull);
  finish(sets, builder);
  return true;
}

void Analysis::makeTested() {
  Sets sets(problem, problem.keyTile);
  sets.kept = sets.reader.read(true);
  sets.visited = projectToTiles(sets.system, sets.kept);
  sets.masked = sets.reader.read(false);
  sets.withMasked = projectToTiles(sets.system, sets.masked);
  std::vector<TileInterval> &intervals = sets.withMasked.intervals;
  IntervalPlanner planner(sets.system, sets.visited.intervals, intervals);
  bool canBeFull = planner.canBeFull();
  bool isOneRun = !sets.visited.hasGuards() && planner.isOneRun();
  llvm::erase_if(intervals, [&](const TileInterval &interval) { return !planner.isVisited(interval); });
  RangeBuilder builder(sets.system, sets.reader.symbols, problem.keyTile, problem.op.getContext(), ranges);
  builder.addTested(sets.visited.intervals, intervals, isOneRun, canBeFull);
  finish(sets, builder);
}

void Analysis::makeEverything() {
  MLIRContext *context = problem.op.getContext();
  ranges = {};
  ranges.symbols = {{KeyRangeSymbol::Kind::KeyCount, {}}};
  ranges.steps = {{KeyRangeStep::Kind::Max, AffineMap::get(0, 1, getAffineConstantExpr(0, context))},
                  {KeyRangeStep::Kind::Max, AffineMap::get(0, 2, getAffineSymbolExpr(0, context))}};
  ranges.segments = {{KeySegment::Kind::Partial, 0, 1, {}, {}, false}};
  ranges.lower = 0;
  ranges.upper = 1;
  ranges.reasons.push_back({problem.op, "numbers that leave 62 bits", {}, false});
}

void Analysis::finish(Sets &sets, RangeBuilder &builder) {
  MaskReader &reader = sets.reader;
  int64_t limit = reader.limit;
  while (limit >= (1 << 20) && !builder.fits(reader.far, 2 * limit))
    limit /= 2;
  isTooLarge = limit < (1 << 20);
  // A symbol that is compared as it is has to stay beyond everything it is compared with.
  std::set<unsigned> limited;
  for (unsigned number : 2 * limit > MaskReader::kMostNear ? reader.limited : reader.far)
    if (sets.system.is(number, VariableKind::Symbol))
      limited.insert(number);
  builder.addFallback(limited, limit);
  for (unsigned number : limited)
    ranges.limited.push_back(sets.system[number].name);
  ranges.largestSymbol = 2 * limit;
  builder.finish();
  ranges.granule = sets.system.keyTile;
  llvm::append_range(ranges.reasons, sets.reader.reasons);
  ranges.exact = sets.visited.exact && ranges.reasons.empty();
  for (const std::string &name : sets.visited.inexactVariables)
    ranges.reasons.push_back({problem.op, "values of '" + name + "' with gaps", {}, false});
  for (const Piece &piece : sets.kept)
    ranges.kept.push_back(sets.system.toString(piece));
  for (const Piece &piece : sets.masked)
    ranges.masked.push_back(sets.system.toString(piece));
  for (const TileInterval &interval : sets.visited.intervals)
    ranges.visited.push_back(interval.toString(sets.system));
  for (const TileInterval &interval : sets.withMasked.intervals)
    ranges.withMasked.push_back(interval.toString(sets.system));
}

KeyRanges computeKeyRanges(const MaskProblem &problem) {
  assert(problem.rowTile > 0 && problem.keyTile > 0 && "a tile holds at least one row and one key");
  return Analysis(problem).run();
}

} // namespace attn
