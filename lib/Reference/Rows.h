// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Walks the rows (b,i) of a problem and scores the keys of each: what evaluate and partialStates share.
#ifndef ATTN_LIB_REFERENCE_ROWS_H
#define ATTN_LIB_REFERENCE_ROWS_H

#include "attn/Reference/Problem.h"

#include <cmath>

namespace attn::reference {

/// A key of Kept(b,i).
struct KeptKey {
  int64_t key;
  /// Score before and after the score callback.
  double rawScore, score;
  /// |scale| * sum_d |similarity|.
  double magnitude;
  /// Problem::scoreExcess, 0 without.
  double excess;
};

inline bool isSoftmax(Normalizer normalizer) {
  return normalizer == Normalizer::Softmax || normalizer == Normalizer::SoftmaxSink;
}

/// Whether a weight is above 0 in exact arithmetic, whatever the score.
inline bool hasPositiveWeights(Normalizer normalizer) {
  return normalizer != Normalizer::Identity && normalizer != Normalizer::Custom;
}

/// `weight * value` for a weight that is positive in exact arithmetic even where it has underflowed to 0.
inline double timesPositive(double weight, double value) {
  return std::isinf(value) && weight == 0 ? value : weight * value;
}

/// Sizes of a result whose dimensions are these loops.
std::vector<int64_t> sizesOf(const Problem &problem, const std::vector<unsigned> &loops);

class Rows {
public:
  Rows(const Problem &problem, const LoopClasses &classes);

  /// Number of rows, and the step to the next: `for (bool more = rows.count() > 0; more; more = rows.next())`.
  int64_t count() const { return numRows; }
  bool next();

  /// Replaces `kept` by the kept keys of this row in begin <= j < end, ascending. Returns the largest finite magnitude
  /// of a key that the mask keeps.
  double score(int64_t begin, int64_t end, std::vector<KeptKey> &kept);

  double sink() const { return *normalizerOperands.front().row; }
  /// All normalizer operands at this row.
  std::vector<double> normalizerValues() const {
    std::vector<double> values;
    for (const Cursor &operand : normalizerOperands)
      values.push_back(*operand.row);
    return values;
  }
  double value(int64_t key, int64_t e) const {
    return valueCursor.row[key * valueCursor.keyStride + e * valueCursor.eStride];
  }

  /// Offset into a row-major tensor with these loops as dimensions, at this row and the given key and e. Its last
  /// dimension may be one that is no loop (`extra` wide; offset to its first element).
  int64_t offsetIn(const std::vector<unsigned> &loops, int64_t key = 0, int64_t e = 0, int64_t extra = 1) const;

private:
  /// An operand as the inner loops see it: `row` is its first element at this row.
  struct Cursor {
    const double *data, *row;
    /// By loop number, 0 for loops that the operand does not use.
    std::vector<int64_t> strides;
    int64_t keyStride, dStride, eStride;

    double load(int64_t key, int64_t d) const { return row[key * keyStride + d * dStride]; }
  };
  Cursor cursor(const Operand &operand) const;
  /// Moves all cursors to the row at `index`.
  void moveCursors();
  void loadAll(const std::vector<Cursor> &operands, int64_t key, int64_t d);

  const Problem &problem;
  const LoopClasses &classes;
  std::vector<unsigned> rowLoops;
  int64_t numRows;
  /// Index and position by loop number; indices of loops other than batch and row stay 0.
  std::vector<int64_t> index, position;
  Cursor query, key, valueCursor;
  std::vector<Cursor> similarityOperands, scoreOperands, maskOperands, normalizerOperands;
  /// What `loadAll` loaded.
  std::vector<double> values;
};

} // namespace attn::reference

#endif // ATTN_LIB_REFERENCE_ROWS_H
