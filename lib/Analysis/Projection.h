// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From sets of pairs to sets of tiles: elimination of rows, keys and all other existentials.
#ifndef ATTN_LIB_ANALYSIS_PROJECTION_H
#define ATTN_LIB_ANALYSIS_PROJECTION_H

#include "TileSystem.h"

#include <set>

namespace attn::masks {

class Projection {
public:
  explicit Projection(TileSystem &system) : system(system) {}

  /// The tiles for which the existentials of `piece` have values, as pieces without existentials. Contains them all;
  /// and no other if `exact` is still set.
  Union project(const Piece &piece);
  /// One piece that contains `project(piece)`, or none. Does not touch `exact`.
  Union projectRelaxed(const Piece &piece);

  bool exact = true;
  /// Names of the variables that were not eliminated exactly.
  std::set<std::string> inexactVariables;

private:
  void eliminate(Piece piece, Union &out, unsigned depth);
  bool substituteByEquality(Piece &piece);
  /// Existentials of `piece`, those that multiply fewest bounds first.
  std::vector<unsigned> getCandidates(const Piece &piece) const;
  /// Fourier-Motzkin: combines each lower with each upper bound of `variable`. With `exactly` fails unless the integer
  /// points of the result are those of the projection. `divideBounds`: a bound that is known at run time is divided and
  /// rounded then.
  bool combineBounds(const Piece &piece, unsigned variable, bool divideBounds, bool exactly, Piece &out);
  /// A variable that is at most kMostCases - 1 below a known bound is given each of these values.
  bool splitByValue(const Piece &piece, unsigned variable, Union &out, unsigned depth);

  TileSystem &system;
};

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_PROJECTION_H
