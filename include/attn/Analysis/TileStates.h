// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What key ranges make of each key, for given values.
#ifndef ATTN_ANALYSIS_TILESTATES_H
#define ATTN_ANALYSIS_TILESTATES_H

#include "attn/Analysis/KeyRanges.h"

#include <vector>

namespace attn {

/// The steps of key ranges, computed from the values of their symbols.
class KeyRangeValues {
public:
  KeyRangeValues(const KeyRanges &ranges, llvm::ArrayRef<int64_t> symbols);

  int64_t getStep(unsigned number) const { return values[numSymbols + number]; }
  bool holds(const KeyTileTest &test, int64_t tile) const;

private:
  unsigned numSymbols;
  /// Of the symbols, then of the steps.
  llvm::SmallVector<int64_t> values;
};

/// What happens to a key of a row tile.
enum class KeyState : char { Skipped, Partial, Full };

/// The state of keys 0 to `numKeys` - 1, which no segment reaches beyond.
std::vector<KeyState> getKeyStates(const KeyRanges &ranges, const KeyRangeValues &values, int64_t keyTile,
                                   int64_t numKeys);

} // namespace attn

#endif // ATTN_ANALYSIS_TILESTATES_H
