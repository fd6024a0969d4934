// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What key ranges make of each key, for given values.
#ifndef ATTN_LIB_ANALYSIS_TILESTATES_H
#define ATTN_LIB_ANALYSIS_TILESTATES_H

#include "attn/Analysis/KeyRanges.h"

namespace attn::masks {

/// What happens to a key of a row tile.
enum class KeyState : char { Skipped, Partial, Full };

/// The state of keys 0 to `numKeys` - 1. `symbols` holds the values of the ranges' symbols.
std::vector<KeyState> getKeyStates(const KeyRanges &ranges, llvm::ArrayRef<int64_t> symbols, int64_t keyTile,
                                   int64_t numKeys);

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_TILESTATES_H
