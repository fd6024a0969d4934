// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Intervals of visited tiles put in order, and where in them tiles with masked pairs can be. All of it is proved for
// every value of the symbols; what is not proved is not used.
#ifndef ATTN_LIB_ANALYSIS_INTERVALPLAN_H
#define ATTN_LIB_ANALYSIS_INTERVALPLAN_H

#include "TileIntervals.h"

namespace attn::masks {

/// Tiles of one interval of masked pairs within a run: a prefix (`atStart`), a suffix (`atEnd`), one of these, which it
/// is being known at run time (both), or anything (neither).
struct MaskedPart {
  const TileInterval *interval;
  bool atStart, atEnd;
};

/// Intervals without a gap between them.
struct Run {
  std::vector<const TileInterval *> visited;
  std::vector<MaskedPart> masked;
};

class IntervalPlanner {
public:
  IntervalPlanner(TileSystem &system, const std::vector<TileInterval> &visited,
                  const std::vector<TileInterval> &masked);

  /// Runs in ascending order with their parts of masked tiles. Nothing where the order cannot be proved, or where there
  /// would be more than kMostRuns. Intervals must have no guards.
  std::optional<std::vector<Run>> makeRuns();
  /// Whether a visited tile may be whole and without masked pair.
  bool canBeFull();
  /// Whether all visited intervals together have no gap.
  bool isOneRun();
  /// Whether a tile of `interval` may be visited.
  bool isVisited(const TileInterval &interval);

private:
  bool mayHaveGap(const TileInterval &below, const TileInterval &above);
  /// Whether no tile of `second` lies before all tiles of `first`.
  bool startsBefore(const TileInterval &first, const TileInterval &second);
  /// Whether `tile` can satisfy `piece` without being in a run before `run`.
  bool isPossible(const Piece &piece, unsigned tile, llvm::ArrayRef<Run> before);
  bool sortRuns(std::vector<Run> &runs);
  /// Adds the part that `masked` has in a run, if any.
  void addMaskedPart(std::vector<Run> &runs, size_t number, const TileInterval &masked);
  bool findFullTile(const Piece &piece, size_t next, unsigned &budget);

  TileSystem &system;
  const std::vector<TileInterval> &visited, &masked;
  unsigned first, second, third;
};

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_INTERVALPLAN_H
