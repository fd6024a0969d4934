// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which keys a tile of query rows has to visit, and for which of them the mask need not be looked at: docs/Masks.md.
#ifndef ATTN_ANALYSIS_KEYRANGES_H
#define ATTN_ANALYSIS_KEYRANGES_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/IR/AffineMap.h"

#include <string>

namespace attn {

/// What the analysis looks at.
struct MaskProblem {
  ScoredOpInterface op;
  LoopInfo loops;
  /// The row loop that is cut into tiles of `rowTile` rows. Positions along other row and batch loops are fixed.
  unsigned rowLoop;
  int64_t rowTile, keyTile;
  /// N and M where they are known, else kDynamic.
  int64_t rows = mlir::ShapedType::kDynamic, keys = mlir::ShapedType::kDynamic;
  /// Number of the indexing map of the first mask operand.
  unsigned firstMaskMap = 0;
};

/// The problem that a plan makes of `op`.
MaskProblem getMaskProblem(GenericOp op, unsigned rowLoop, PlanAttr plan);

/// A value that bounds depend on. Whoever builds IR (or evaluates) supplies it as an index.
struct KeyRangeSymbol {
  enum class Kind {
    RowTile,     ///< number of the row tile
    RowCount,    ///< N: rows of the op along the tiled loop
    KeyCount,    ///< M: keys of the op
    RowOffset,   ///< position of the op's first row in the whole problem
    KeyOffset,   ///< position of the op's first key in the whole problem
    RegionValue, ///< `value`
  };
  Kind kind;
  /// A value of the mask region that is the same for all rows and keys of a tile: an integer that is read as signed
  /// (i1: as 0 or 1).
  mlir::Value value;

  bool operator==(const KeyRangeSymbol &other) const { return kind == other.kind && value == other.value; }
};

/// A line of straight code over affine maps without dimensions; their symbols are the symbols of the KeyRanges, then
/// the values of all steps before this one.
struct KeyRangeStep {
  enum class Kind {
    Max,    ///< the largest result of `map`
    Min,    ///< the smallest one
    Select, ///< of three results the second if the first is at least 0, else the third
  };
  Kind kind;
  mlir::AffineMap map;
};

/// A condition on key tiles: tiles [lower, upper) (steps, in tiles) for which every result of `guard` is at least 0.
/// Its one dimension is the number of the key tile, its symbols are as for steps. Without guard the map is null.
struct KeyTileTest {
  unsigned lower, upper;
  mlir::AffineMap guard;
};

/// Keys [lower, upper) of the op, counted from its first key; both name a step. `upper >= lower` always holds.
struct KeySegment {
  enum class Kind {
    Full,    ///< the mask keeps every pair, and the segment is a whole number of key tiles
    Tail,    ///< the mask keeps every pair; any number of keys
    Partial, ///< the mask has to be looked at; any number of keys
    Tested,  ///< `lower` is a multiple of the key tile, and each tile is tested for itself
  };
  Kind kind;
  unsigned lower, upper;
  /// Of Tested segments: a tile is visited if one of `visited` holds (empty: always), and its mask has to be looked at
  /// if one of `masked` holds or its keys are fewer than a key tile. `alwaysMasked`: for every tile.
  llvm::SmallVector<KeyTileTest> visited, masked;
  bool alwaysMasked = false;
};

/// Something in the region that is not affine in row and key.
struct KeyRangeReason {
  mlir::Operation *op = nullptr;
  std::string text;
  /// The value that was not understood; null where the reason is no single one.
  mlir::Value value;
  /// Whether its range on a tile can be computed (RangeForms.h), so that tiles may be told apart at run time.
  bool hasRange = false;

  bool operator==(const KeyRangeReason &other) const { return op == other.op && text == other.text; }
};

/// The keys that a tile of rows visits, as data: disjoint segments in ascending order. Keys outside of them are masked
/// for each row of the tile. An analysis may say more (visit fewer keys, call more of them Full) without any change to
/// those who read this.
struct KeyRanges {
  llvm::SmallVector<KeyRangeSymbol> symbols;
  /// Symbols of kind RegionValue and offsets are read as the nearest number of [-largestSymbol, largestSymbol]: no step
  /// overflows 64 bits then. One that is compared as it is, with positions, may be any number ("no limit"). Where steps
  /// need the number itself, they see that it is beyond half of this, and visit every key with the mask.
  int64_t largestSymbol = int64_t(1) << 41;
  llvm::SmallVector<KeyRangeStep> steps;
  llvm::SmallVector<KeySegment> segments;
  /// First key and end of all visited keys (steps).
  unsigned lower = 0, upper = 0;
  /// Whether the mask keeps every key of [lower, upper) for every row.
  bool isKept = false;
  /// What was projected to: 1 where segments are runs of single keys, else the key tile.
  int64_t granule = 1;
  /// Whether each granule that is visited holds a key that the mask keeps for some row of the tile.
  bool exact = false;
  /// What kept it from being so.
  llvm::SmallVector<KeyRangeReason> reasons;
  /// Whether the range of something that was not understood may tell at run time that a tile of a Partial or Tested
  /// segment is masked for all its pairs, or for none.
  bool areTilesClassified() const {
    return llvm::any_of(reasons, [](const KeyRangeReason &reason) { return reason.hasRange; });
  }
  /// The sets that ranges were derived from, as text: kept and masked pairs, visited keys or tiles, those with a masked
  /// pair.
  std::vector<std::string> kept, masked, visited, withMasked;
  /// Names of the symbols that have to lie within half of largestSymbol for these.
  std::vector<std::string> limited;
};

/// Derives the ranges of all row tiles at once, as formulas: the time does not depend on N and M.
///
/// Understood are `arith` on i1 and on integers (sums, differences, products with and quotients by constants, minimum,
/// maximum, selections, comparisons), `math.absi` and `attn.index`. What depends on neither row nor key is a symbol,
/// whatever computes it. Anything else is unknown: it removes no key, and nothing that needs it is Full or Tail.
/// Arithmetic of 64 bits on scalars that might overflow is told apart at run time (largestSymbol), on anything else it
/// is unknown, as is narrower arithmetic unless it carries `nsw`. N, M and positions without offset are below 2^31.
KeyRanges computeKeyRanges(const MaskProblem &problem);

/// What a capture (mask operand) is called: as the argument of the function that it is, where that has a name which no
/// other symbol bears, else c0, c1.. (o0, o1..).
std::string getInputName(ScoredOpInterface op, unsigned regionArgument);

} // namespace attn

#endif // ATTN_ANALYSIS_KEYRANGES_H
