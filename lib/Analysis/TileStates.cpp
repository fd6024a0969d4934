// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TileStates.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attn::masks {

static int64_t evaluate(AffineExpr expr, int64_t dim, ArrayRef<int64_t> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  if (isa<AffineDimExpr>(expr))
    return dim;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t lhs = evaluate(binary.getLHS(), dim, symbols), rhs = evaluate(binary.getRHS(), dim, symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return lhs + rhs;
  case AffineExprKind::Mul:
    return lhs * rhs;
  case AffineExprKind::Mod:
    return llvm::mod(lhs, rhs);
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(lhs, rhs);
  default:
    return llvm::divideCeilSigned(lhs, rhs);
  }
}

static SmallVector<int64_t> evaluate(AffineMap map, int64_t dim, ArrayRef<int64_t> symbols) {
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) { return evaluate(expr, dim, symbols); });
}

std::vector<KeyState> getKeyStates(const KeyRanges &ranges, ArrayRef<int64_t> symbols, int64_t keyTile,
                                   int64_t numKeys) {
  SmallVector<int64_t> values(symbols);
  for (const KeyRangeStep &step : ranges.steps) {
    SmallVector<int64_t> results = evaluate(step.map, 0, values);
    int64_t value = results.front();
    if (step.kind == KeyRangeStep::Kind::Select)
      value = value >= 0 ? results[1] : results[2];
    else if (step.kind == KeyRangeStep::Kind::Max)
      value = *llvm::max_element(results);
    else
      value = *llvm::min_element(results);
    values.push_back(value);
  }
  auto step = [&](unsigned number) { return values[symbols.size() + number]; };
  auto anyHolds = [&](ArrayRef<KeyTileTest> tests, int64_t tile) {
    return llvm::any_of(tests, [&](const KeyTileTest &test) {
      if (tile < step(test.lower) || tile >= step(test.upper))
        return false;
      return !test.guard || llvm::all_of(evaluate(test.guard, tile, values), [](int64_t value) { return value >= 0; });
    });
  };
  std::vector<KeyState> states(numKeys, KeyState::Skipped);
  for (const KeySegment &segment : ranges.segments) {
    int64_t upper = step(segment.upper);
    for (int64_t key = step(segment.lower); key < upper; ++key) {
      states[key] = segment.kind == KeySegment::Kind::Partial ? KeyState::Partial : KeyState::Full;
      if (segment.kind != KeySegment::Kind::Tested)
        continue;
      int64_t tile = key / keyTile;
      bool isMasked = segment.alwaysMasked || (tile + 1) * keyTile > upper || anyHolds(segment.masked, tile);
      bool isVisited = segment.visited.empty() || anyHolds(segment.visited, tile);
      states[key] = !isVisited ? KeyState::Skipped : isMasked ? KeyState::Partial : KeyState::Full;
    }
  }
  return states;
}

} // namespace attn::masks
