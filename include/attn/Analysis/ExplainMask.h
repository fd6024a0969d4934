// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the compiler understood of a mask, for people to read.
#ifndef ATTN_ANALYSIS_EXPLAINMASK_H
#define ATTN_ANALYSIS_EXPLAINMASK_H

#include "attn/Analysis/KeyRanges.h"
#include "attn/Analysis/TileCounts.h"
#include "llvm/ADT/StringMap.h"

#include <optional>
#include <vector>

namespace attn {

/// Values for a picture, by the names that the text gives to symbols: N and M; captures and mask operands (the value
/// for the rows that are looked at) by getInputName(); positions loop0.. and offsets row0 and key0. Positions and
/// offsets are 0 where nothing else is said.
using MaskValues = llvm::StringMap<int64_t>;

/// Parses `N=300,M=500,c0=16`, or with semicolons; fails with a message in `error`.
mlir::FailureOr<MaskValues> parseMaskValues(llvm::StringRef text, std::string &error);

/// Row tiles and key tiles of a mask for given values. Key tiles are counted from key 0, wherever loops cut them: a
/// tile is visited if one of its keys is.
struct MaskPicture {
  int64_t rows = 0, keys = 0;
  int64_t rowTiles = 0, keyTiles = 0;
  /// One line of `keyTiles` letters for each row tile: 'F' visited without mask, 'P' visited with mask, '.' skipped.
  std::vector<std::string> states;
  int64_t visited = 0, full = 0;
  /// The same lines, 'x' where a pair is kept and '.' elsewhere, found by evaluating the mask for every pair. Empty
  /// where that is not known: `unknown` says why.
  std::vector<std::string> needed;
  std::string unknown;
  int64_t numNeeded = 0;
  /// Visited tiles that are not needed; kept pairs that are not visited, which would be a defect.
  int64_t extra = 0, missedPairs = 0;
};

/// What was understood of a mask, as plain data.
struct MaskReport {
  /// Name of the function, and where the op stands.
  std::string function, location;
  int64_t rowTile = 0, keyTile = 0;
  unsigned rowLoop = 0, keyLoop = 0;
  /// Conjunctions of constraints on pairs, of which one holds for kept pairs, or for masked ones.
  std::vector<std::string> kept, masked;
  /// Formulas for the keys j that row tile i visits, and for those with a masked pair; for key tiles j if `inTiles`.
  std::vector<std::string> visited, withMasked;
  bool inTiles = false;
  /// Whether every visited key (or key tile) is needed, and what is to blame if not.
  bool exact = false;
  std::vector<std::string> reasons;
  /// Scalars that formulas hold for only from -limit to limit.
  std::vector<std::string> limited;
  int64_t limit = 0;
  /// The loops over key tiles, in order: "full: whole tiles without mask".
  std::vector<std::string> loops;
  /// Where values were given for all that it depends on; else `noPicture` says which are missing.
  std::optional<MaskPicture> picture;
  std::string noPicture;
};

/// Analyses the mask of `problem`, and draws it for `values`. The time for the formulas does not depend on N and M; a
/// picture takes N / rowTile * M steps, the search for needed tiles one evaluation of the mask for each of at most 2^20
/// pairs.
MaskReport reportMask(const MaskProblem &problem, const MaskValues &values);
/// A report of each attn.generic below `root` that has a mask. What `arguments` knows of a function's arguments gives
/// N, M and captures the values that `values` does not have. Fails with an error for an op without plan.
mlir::FailureOr<std::vector<MaskReport>> reportMasks(mlir::Operation *root, const MaskValues &values,
                                                     const IndexEvaluator &arguments = {});

/// "file.mlir:3:8", without the folder: explanations are read beside the file.
std::string describeLocation(mlir::Location location);

/// A report as lines of text.
std::string toText(const MaskReport &report);
/// A report as one line of JSON.
std::string toJson(const MaskReport &report);
/// The pictures of reports as one SVG image, one below the other: tiles as loops treat them, beside those that are
/// needed.
std::string toSvg(llvm::ArrayRef<MaskReport> reports);

} // namespace attn

#endif // ATTN_ANALYSIS_EXPLAINMASK_H
