// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sets of key tiles as intervals whose ends are formulas.
#ifndef ATTN_LIB_ANALYSIS_TILEINTERVALS_H
#define ATTN_LIB_ANALYSIS_TILEINTERVALS_H

#include "Projection.h"

namespace attn::masks {

/// factor * j + rest >= 0 for a lower bound, rest - factor * j >= 0 for an upper one; factor > 0.
struct TileBound {
  int64_t factor;
  LinearForm rest;
};

/// The key tiles j within all bounds, where all conditions hold (they do not see j) and those guards that are not
/// implied (they see quotients of j).
struct TileInterval {
  std::vector<TileBound> lower, upper;
  Piece conditions, guards;
  /// Whether the bounds alone leave the tiles of the problem.
  bool needsZero = true, needsEnd = true;

  Constraint getLower(const TileBound &bound, unsigned tile) const {
    return {bound.rest + LinearForm::variable(tile, bound.factor), false};
  }
  Constraint getUpper(const TileBound &bound, unsigned tile) const {
    return {bound.rest - LinearForm::variable(tile, bound.factor), false};
  }
  /// Everything but the guards, for the tile `tile`; `inRange`: which is one of the problem.
  Piece getPiece(const TileSystem &system, unsigned tile, bool inRange = true) const;
  std::string toString(const TileSystem &system) const;
};

struct TileSet {
  /// Intervals that together hold the tiles; none is empty.
  std::vector<TileInterval> intervals;
  /// Whether they hold no others, and the variables that are to blame if not.
  bool exact = true;
  std::set<std::string> inexactVariables;

  bool hasGuards() const;
};

/// The key tiles of `pairs`. `onlyPlain`: gives up, with a part of them, when they turn out to be not exact or to need
/// guards.
TileSet projectToTiles(TileSystem &system, const Union &pairs, bool onlyPlain = false);

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_TILEINTERVALS_H
