// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which keys a tile of query rows has to visit, and for which of them the mask need not be looked at.
#ifndef ATTN_ANALYSIS_KEYRANGES_H
#define ATTN_ANALYSIS_KEYRANGES_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/IR/AffineMap.h"

namespace attn {

/// A value that bounds depend on. Whoever builds IR (or evaluates) supplies it as an index.
struct KeyRangeSymbol {
  enum class Kind {
    RowStart,     ///< position of the tile's first row in the whole problem
    RowCount,     ///< rows of the tile, at least 1
    KeyStart,     ///< position of the op's first key in the whole problem
    KeyCount,     ///< M: keys of the op
    LoopPosition, ///< position along loop `number` (batch, or a row loop that is not tiled)
    Capture,      ///< capture `number`, an index or an integer that is read as signed
  };
  Kind kind;
  unsigned number = 0;

  bool operator==(const KeyRangeSymbol &other) const { return kind == other.kind && number == other.number; }
};

/// The maximum or the minimum of the results of `map`, which has no dimensions; its symbols are the symbols of the
/// KeyRanges, then the values of all steps before this one.
struct KeyRangeStep {
  enum class Kind { Max, Min };
  Kind kind;
  mlir::AffineMap map;
};

/// Keys [lower, upper) of the op, counted from its first key; both name a step. `upper >= lower` always holds.
struct KeySegment {
  enum class Kind {
    Full,    ///< the mask keeps every pair, and the segment is a whole number of key tiles
    Tail,    ///< the mask keeps every pair; any number of keys
    Partial, ///< the mask has to be looked at; any number of keys
  };
  Kind kind;
  unsigned lower, upper;
};

/// The keys that a tile of rows visits, as data: segments in ascending order without gaps. Keys outside of them are
/// masked for each row of the tile. An analysis may say more (visit fewer keys, call more of them Full) without any
/// change to those who read this.
struct KeyRanges {
  llvm::SmallVector<KeyRangeSymbol> symbols;
  llvm::SmallVector<KeyRangeStep> steps;
  llvm::SmallVector<KeySegment> segments;
  /// First key and end of all visited keys (steps).
  unsigned lower = 0, upper = 0;
};

/// Derives the ranges of `op` for tiles along `rowLoop`, with key tiles of `keyTile` keys.
///
/// Understood are conjunctions (`arith.andi`) of signed comparisons, and unsigned ones with a non-negative right-hand
/// side, between affine functions of positions (`attn.index`) and scalar captures. Any other conjunct is unknown: it
/// removes no key, and nothing is Full or Tail beside it. Arithmetic of 64 bits is taken not to overflow; narrower
/// arithmetic is unknown unless it carries `nsw`.
KeyRanges computeKeyRanges(ScoredOpInterface op, const LoopInfo &loops, unsigned rowLoop, int64_t keyTile);

} // namespace attn

#endif // ATTN_ANALYSIS_KEYRANGES_H
