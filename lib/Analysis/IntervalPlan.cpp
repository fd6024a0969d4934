// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "IntervalPlan.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace attn::masks {

/// Each run costs up to three loops of code.
constexpr size_t kMostRuns = 3;

static Piece join(std::initializer_list<Piece> pieces) {
  Piece all;
  for (const Piece &piece : pieces)
    all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

static Constraint isBelow(unsigned tile, unsigned other) {
  return lessThan(LinearForm::variable(tile), LinearForm::variable(other));
}

static Constraint violates(const Constraint &inequality) { return {-inequality.form - 1, false}; }

IntervalPlanner::IntervalPlanner(TileSystem &system, const std::vector<TileInterval> &visited,
                                 const std::vector<TileInterval> &masked)
    : system(system), visited(visited), masked(masked) {
  // Ascending tiles of which proofs speak.
  first = system.add(VariableKind::Existential, "j1");
  second = system.add(VariableKind::Existential, "j2");
  third = system.add(VariableKind::Existential, "j3");
}

bool IntervalPlanner::mayHaveGap(const TileInterval &below, const TileInterval &above) {
  for (const TileBound &upper : below.upper)
    for (const TileBound &lower : above.lower) {
      Piece gap = join({below.getPiece(system, first),
                        above.getPiece(system, third),
                        {isBelow(first, second), isBelow(second, third), violates(below.getUpper(upper, second)),
                         violates(above.getLower(lower, second))}});
      if (!system.isEmpty(gap))
        return true;
    }
  return false;
}

bool IntervalPlanner::startsBefore(const TileInterval &a, const TileInterval &b) {
  return llvm::all_of(a.lower, [&](const TileBound &lower) {
    return system.isEmpty(join({a.getPiece(system, second),
                                b.getPiece(system, first),
                                {isBelow(first, second), violates(a.getLower(lower, first))}}));
  });
}

bool IntervalPlanner::isPossible(const Piece &piece, unsigned tile, ArrayRef<Run> before) {
  if (system.isEmpty(piece))
    return false;
  for (const Run &run : before)
    for (const TileInterval *interval : run.visited)
      if (llvm::all_of(interval->getPiece(system, tile, /*inRange=*/false),
                       [&](const Constraint &constraint) { return system.implies(piece, constraint); }))
        return false;
  return true;
}

bool IntervalPlanner::sortRuns(std::vector<Run> &runs) {
  auto isFirst = [&](const Run &run, ArrayRef<Run> others) {
    for (const TileInterval *a : run.visited)
      for (const Run &other : others)
        for (const TileInterval *b : other.visited)
          if (a != b && &other != &run && !startsBefore(*a, *b))
            return false;
    return true;
  };
  for (size_t position = 0; position + 1 < runs.size(); ++position) {
    ArrayRef<Run> rest = ArrayRef<Run>(runs).drop_front(position);
    auto it = llvm::find_if(rest, [&](const Run &run) { return isFirst(run, rest); });
    if (it == rest.end())
      return false;
    std::swap(runs[position], runs[position + (it - rest.begin())]);
  }
  return true;
}

bool IntervalPlanner::isVisited(const TileInterval &interval) {
  return llvm::any_of(visited, [&](const TileInterval &other) {
    return !system.isEmpty(join({interval.getPiece(system, second), other.getPiece(system, second)}));
  });
}

void IntervalPlanner::addMaskedPart(std::vector<Run> &runs, size_t number, const TileInterval &part) {
  Run &run = runs[number];
  ArrayRef<Run> before = ArrayRef<Run>(runs).take_front(number);
  std::vector<Piece> common;
  for (const TileInterval *interval : run.visited) {
    Piece both = join({interval->getPiece(system, second), part.getPiece(system, second)});
    if (!system.isEmpty(both))
      common.push_back(std::move(both));
  }
  if (common.empty())
    return;
  // A tile of the run before a masked one, not masked itself, and the same behind it.
  auto unmaskedBefore = [&](auto found) {
    for (const Piece &both : common)
      for (const TileInterval *interval : run.visited)
        for (const TileBound &lower : part.lower)
          if (found(join({both,
                          interval->getPiece(system, first),
                          {isBelow(first, second), violates(part.getLower(lower, first))}})))
            return true;
    return false;
  };
  auto unmaskedBehind = [&](const Piece &piece, auto found) {
    for (const TileInterval *interval : run.visited)
      for (const TileBound &upper : part.upper)
        if (found(join({piece,
                        interval->getPiece(system, third),
                        {isBelow(second, third), violates(part.getUpper(upper, third))}})))
          return true;
    return false;
  };
  auto isPossibleFirst = [&](const Piece &piece) { return isPossible(piece, first, before); };
  if (!unmaskedBefore(isPossibleFirst)) {
    run.masked.push_back({&part, true, false});
    return;
  }
  auto isPossibleThird = [&](const Piece &piece) { return !system.isEmpty(piece); };
  if (llvm::none_of(common, [&](const Piece &both) { return unmaskedBehind(both, isPossibleThird); })) {
    run.masked.push_back({&part, false, true});
    return;
  }
  auto bothSides = [&](const Piece &piece) { return isPossibleFirst(piece) && unmaskedBehind(piece, isPossibleFirst); };
  bool isInside = unmaskedBefore(bothSides);
  run.masked.push_back({&part, !isInside, !isInside});
}

std::optional<std::vector<Run>> IntervalPlanner::makeRuns() {
  std::vector<Run> runs;
  for (const TileInterval &interval : visited)
    runs.push_back({{&interval}, {}});
  auto canMerge = [&](const Run &a, const Run &b) {
    for (const TileInterval *below : a.visited)
      for (const TileInterval *above : b.visited)
        if (mayHaveGap(*below, *above) || mayHaveGap(*above, *below))
          return false;
    return true;
  };
  for (size_t a = 0; a < runs.size(); ++a)
    for (size_t b = a + 1; b < runs.size();) {
      if (!canMerge(runs[a], runs[b])) {
        ++b;
        continue;
      }
      runs[a].visited.insert(runs[a].visited.end(), runs[b].visited.begin(), runs[b].visited.end());
      runs.erase(runs.begin() + b);
      b = a + 1;
    }
  if (runs.size() > kMostRuns || !sortRuns(runs))
    return std::nullopt;
  for (size_t number = 0; number < runs.size(); ++number)
    for (const TileInterval &part : masked)
      addMaskedPart(runs, number, part);
  return runs;
}

bool IntervalPlanner::isOneRun() {
  for (const TileInterval &a : visited)
    for (const TileInterval &b : visited)
      if (&a != &b && mayHaveGap(a, b))
        return false;
  return true;
}

bool IntervalPlanner::findFullTile(const Piece &piece, size_t next, unsigned &budget) {
  if (budget == 0)
    return true;
  --budget;
  if (system.isEmpty(piece))
    return false;
  if (next == masked.size())
    return true;
  // Outside of an interval is outside of one of its bounds.
  Piece within = piece;
  Piece bounds = conjunction(masked[next].getPiece(system, system.j, /*inRange=*/false), masked[next].guards);
  for (const Constraint &constraint : bounds) {
    for (const Piece &outside : negate(constraint))
      if (findFullTile(conjunction(within, outside), next + 1, budget))
        return true;
    within.push_back(constraint);
  }
  return false;
}

bool IntervalPlanner::canBeFull() {
  unsigned budget = 200;
  LinearForm keys = LinearForm::variable(system.keys), end = LinearForm::variable(system.j, system.keyTile);
  Piece isWhole{atLeast(keys, end + system.keyTile)};
  return llvm::any_of(visited, [&](const TileInterval &interval) {
    return findFullTile(join({interval.getPiece(system, system.j), interval.guards, isWhole}), 0, budget);
  });
}

} // namespace attn::masks
