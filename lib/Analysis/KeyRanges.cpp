// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Key ranges of masks that are conjunctions of linear comparisons.
//
// Each conjunct is brought to the form  row * i + key * j + rest >= 0  with i, j the positions of row and key in the
// whole problem and `rest` affine in symbols. A conjunct with key != 0 bounds j from one side. Over the rows
// [RowStart, RowStart + RowCount) of a tile the bound moves; its loosest value bounds the keys that some row may see
// (they are visited), its tightest value the keys that every row sees (no mask needed). Intersections over conjuncts
// contain the visited keys and are exactly the full ones, so both errors are on the safe side.
#include "attn/Analysis/KeyRanges.h"

#include "LinearConditions.h"

using namespace mlir;

namespace attn {
namespace {

/// Collects bounds as lists of affine expressions and turns them into steps.
class RangeBuilder {
public:
  RangeBuilder(MLIRContext *context, KeyRanges &ranges) : context(context), ranges(ranges) {}

  unsigned step(KeyRangeStep::Kind kind, ArrayRef<AffineExpr> exprs) {
    SmallVector<AffineExpr> distinct;
    for (AffineExpr expr : exprs)
      if (!llvm::is_contained(distinct, expr))
        distinct.push_back(expr);
    unsigned numSymbols = ranges.symbols.size() + ranges.steps.size();
    ranges.steps.push_back({kind, AffineMap::get(0, numSymbols, distinct, context)});
    return ranges.steps.size() - 1;
  }

  unsigned max(ArrayRef<AffineExpr> exprs) { return step(KeyRangeStep::Kind::Max, exprs); }
  unsigned min(ArrayRef<AffineExpr> exprs) { return step(KeyRangeStep::Kind::Min, exprs); }

  /// The value of a step as an expression; its constant where it is one.
  AffineExpr value(unsigned step) {
    AffineMap map = ranges.steps[step].map;
    if (map.getNumResults() == 1 && isa<AffineConstantExpr>(map.getResult(0)))
      return map.getResult(0);
    return getAffineSymbolExpr(ranges.symbols.size() + step, context);
  }

private:
  MLIRContext *context;
  KeyRanges &ranges;
};

/// The bounds that all conjuncts together put on keys: lower ones inclusive, upper ones exclusive.
struct Bounds {
  SmallVector<AffineExpr> visitLower, visitUpper, fullLower, fullUpper;
};

/// Adds the bound that `condition` puts on the key; the condition has a key coefficient.
void addBound(const LinearCondition &condition, AffineExpr rowStart, AffineExpr rowCount, AffineExpr keyStart,
              Bounds &bounds) {
  // The largest and the smallest value of row * i + rest over the tile.
  AffineExpr first = rowStart * condition.row, last = (rowStart + rowCount - 1) * condition.row;
  AffineExpr largest = (condition.row >= 0 ? last : first) + condition.rest;
  AffineExpr smallest = (condition.row >= 0 ? first : last) + condition.rest;
  if (condition.row == 0)
    largest = smallest = condition.rest;
  if (condition.key > 0) {
    // j >= ceil(-value / key)
    bounds.visitLower.push_back((-largest).ceilDiv(condition.key) - keyStart);
    bounds.fullLower.push_back((-smallest).ceilDiv(condition.key) - keyStart);
  } else {
    // j <= floor(value / -key)
    bounds.visitUpper.push_back(largest.floorDiv(-condition.key) + 1 - keyStart);
    bounds.fullUpper.push_back(smallest.floorDiv(-condition.key) + 1 - keyStart);
  }
}

} // namespace

KeyRanges computeKeyRanges(ScoredOpInterface op, const LoopInfo &loops, unsigned rowLoop, int64_t keyTile) {
  assert(keyTile > 0 && "a key tile holds at least one key");
  MLIRContext *context = op->getContext();
  KeyRanges ranges;
  KeyRangeSymbols symbols(context, ranges.symbols);
  LinearConditions conditions = readLinearConditions(op, loops, rowLoop, symbols);

  AffineExpr keyCount = symbols.get(KeyRangeSymbol::Kind::KeyCount);
  AffineExpr zero = getAffineConstantExpr(0, context);
  AffineExpr keyStart = op.getOffsets().empty() ? zero : symbols.get(KeyRangeSymbol::Kind::KeyStart);
  Bounds bounds;
  for (const LinearCondition &condition : conditions.known) {
    AffineExpr rowStart = zero, rowCount = zero;
    if (condition.row != 0) {
      rowStart = symbols.get(KeyRangeSymbol::Kind::RowStart);
      rowCount = symbols.get(KeyRangeSymbol::Kind::RowCount);
    }
    addBound(condition, rowStart, rowCount, keyStart, bounds);
  }

  // All symbols are known from here on: steps are numbered behind them.
  RangeBuilder builder(context, ranges);
  auto with = [](AffineExpr head, ArrayRef<AffineExpr> tail) {
    SmallVector<AffineExpr> all{head};
    all.append(tail.begin(), tail.end());
    return all;
  };
  unsigned lower = builder.max(with(zero, bounds.visitLower));
  unsigned upper = builder.min(with(keyCount, bounds.visitUpper));
  if (!conditions.known.empty())
    upper = builder.max({builder.value(lower), builder.value(upper)});
  ranges.lower = lower;
  ranges.upper = upper;
  if (!conditions.exact) {
    ranges.segments.push_back({KeySegment::Kind::Partial, lower, upper});
    return ranges;
  }

  // Full keys start where every lower bound holds for every row. Bounds that do not move with the row are the same for
  // visited and for full keys, and need no segment between the two.
  unsigned fullLower = lower;
  if (bounds.fullLower != bounds.visitLower) {
    unsigned tightest = builder.max(with(zero, bounds.fullLower));
    fullLower = builder.min({builder.value(tightest), builder.value(upper)});
    ranges.segments.push_back({KeySegment::Kind::Partial, lower, fullLower});
  }
  unsigned fullUpper = upper;
  bool upperMoves = bounds.fullUpper != bounds.visitUpper;
  if (upperMoves) {
    unsigned tightest = builder.min(with(keyCount, bounds.fullUpper));
    fullUpper = builder.max({builder.value(tightest), builder.value(fullLower)});
  }
  AffineExpr start = builder.value(fullLower);
  AffineExpr whole = start + (builder.value(fullUpper) - start).floorDiv(keyTile) * keyTile;
  unsigned split = builder.max({whole});
  ranges.segments.push_back({KeySegment::Kind::Full, fullLower, split});
  ranges.segments.push_back({upperMoves ? KeySegment::Kind::Partial : KeySegment::Kind::Tail, split, upper});
  return ranges;
}

} // namespace attn
