// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_LIB_FUZZER_CHOICE_H
#define ATTN_LIB_FUZZER_CHOICE_H

#include "attn/Reference/Random.h"

#include "llvm/ADT/ArrayRef.h"

#include <utility>

namespace attn {

/// Random choices, the same on every machine for the same seed.
class Choice {
public:
  explicit Choice(uint64_t seed) : random(seed) {}

  uint64_t bits() { return random.bits(); }
  /// 0 to count - 1.
  int64_t below(int64_t count) { return static_cast<int64_t>(random.bits() % static_cast<uint64_t>(count)); }
  /// first to last, both included.
  int64_t between(int64_t first, int64_t last) { return first + below(last - first + 1); }
  /// True so many times in a hundred.
  bool chance(int percent) { return below(100) < percent; }

  template <typename T> T of(std::initializer_list<T> values) { return values.begin()[below(values.size())]; }
  template <typename List> auto &of(List &values) { return values[below(values.size())]; }

  template <typename List> void shuffle(List &list) {
    for (size_t i = list.size(); i > 1; --i)
      std::swap(list[i - 1], list[below(i)]);
  }

private:
  reference::Random random;
};

} // namespace attn

#endif // ATTN_LIB_FUZZER_CHOICE_H
