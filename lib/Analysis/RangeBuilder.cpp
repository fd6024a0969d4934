// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RangeBuilder.h"

#include <cmath>

using namespace mlir;

namespace attn::masks {

/// What positions, sizes and numbers of 32 bits are below.
constexpr double kNear = double(int64_t(1) << 34);

RangeBuilder::RangeBuilder(TileSystem &system, const llvm::DenseMap<unsigned, KeyRangeSymbol> &symbols, int64_t keyTile,
                           MLIRContext *context, KeyRanges &ranges)
    : system(system), symbolKinds(symbols), keyTile(keyTile), context(context), ranges(ranges) {}

AffineExpr RangeBuilder::toExpr(const LinearForm &form) {
  AffineExpr expr = constant(0);
  for (auto [number, coefficient] : form.getTerms()) {
    const Variable &variable = system[number];
    AffineExpr value;
    if (variable.kind == VariableKind::KeyTile)
      value = getAffineDimExpr(0, context);
    else if (variable.denominator != 0)
      value = toExpr(variable.numerator).floorDiv(variable.denominator);
    else
      value = getAffineSymbolExpr(number, context);
    expr = expr + value * coefficient;
  }
  return expr + form.getConstant();
}

AffineExpr RangeBuilder::addStep(KeyRangeStep::Kind kind, ArrayRef<AffineExpr> exprs) {
  SmallVector<AffineExpr> distinct;
  for (AffineExpr expr : exprs)
    if (kind == KeyRangeStep::Kind::Select || !llvm::is_contained(distinct, expr))
      distinct.push_back(expr);
  if (distinct.size() == 1)
    return distinct.front();
  ranges.steps.push_back({kind, AffineMap::get(0, kFirstStep + ranges.steps.size(), distinct, context)});
  return getAffineSymbolExpr(kFirstStep + ranges.steps.size() - 1, context);
}

AffineExpr RangeBuilder::select(AffineExpr condition, AffineExpr a, AffineExpr b) {
  return a == b ? a : addStep(KeyRangeStep::Kind::Select, {condition, a, b});
}

unsigned RangeBuilder::asStep(AffineExpr expr) {
  auto symbol = dyn_cast<AffineSymbolExpr>(expr);
  if (symbol && symbol.getPosition() >= kFirstStep)
    return symbol.getPosition() - kFirstStep;
  auto [it, isNew] = stepOf.try_emplace(expr, ranges.steps.size());
  if (isNew)
    ranges.steps.push_back(
        {KeyRangeStep::Kind::Max, AffineMap::get(0, kFirstStep + ranges.steps.size(), expr, context)});
  return it->second;
}

AffineExpr RangeBuilder::getStart(const TileInterval &interval, bool withZero) {
  SmallVector<AffineExpr> lower;
  if (withZero || interval.lower.empty())
    lower.push_back(constant(0));
  for (const TileBound &bound : interval.lower)
    lower.push_back(toExpr(-bound.rest).ceilDiv(bound.factor));
  return max(lower);
}

std::pair<AffineExpr, AffineExpr> RangeBuilder::getEnds(const TileInterval &interval) {
  SmallVector<AffineExpr> upper, conditions;
  for (const TileBound &bound : interval.upper)
    upper.push_back(toExpr(bound.rest).floorDiv(bound.factor) + 1);
  if (interval.needsEnd)
    upper.push_back(getAffineSymbolExpr(system.keys, context).ceilDiv(system.keyTile));
  AffineExpr end = min(upper);
  for (const Constraint &constraint : interval.conditions) {
    conditions.push_back(toExpr(constraint.form));
    if (constraint.isEquality)
      conditions.push_back(toExpr(-constraint.form));
  }
  if (!conditions.empty())
    end = select(min(conditions), end, constant(0));
  return {getStart(interval, interval.needsZero), end};
}

std::pair<AffineExpr, AffineExpr> RangeBuilder::getHull(ArrayRef<const TileInterval *> intervals) {
  if (intervals.empty())
    return {constant(0), constant(0)};
  SmallVector<AffineExpr> starts, ends;
  for (const TileInterval *interval : intervals) {
    auto [start, end] = getEnds(*interval);
    starts.push_back(start);
    ends.push_back(end);
  }
  // Empty intervals end nowhere, and start behind all others where these do not start at 0 anyway.
  bool startsAtZero = llvm::all_of(starts, [&](AffineExpr start) { return start == constant(0); });
  if (intervals.size() > 1 && !startsAtZero)
    for (auto [start, end] : llvm::zip_equal(starts, ends)) {
      AffineExpr size = end - start - 1;
      start = select(size, start, getAffineSymbolExpr(system.keys, context));
      end = select(size, end, constant(0));
    }
  return {min(starts), max(ends)};
}

/// Whether the end of the hull is proved to be at least 0, and its start to be 0.
bool RangeBuilder::isNeverNegative(ArrayRef<const TileInterval *> intervals) {
  return llvm::any_of(intervals, [&](const TileInterval *interval) {
    return interval->lower.empty() && interval->conditions.empty() &&
           llvm::all_of(interval->upper, [&](const TileBound &bound) {
             return system.implies({}, atLeast(bound.rest + bound.factor, 0), /*inRange=*/false);
           });
  });
}

void RangeBuilder::addRuns(ArrayRef<Run> runs, bool canBeFull) {
  SmallVector<AffineExpr> starts, ends;
  for (const Run &run : runs) {
    auto [start, end] = getHull(run.visited);
    // What an earlier run has visited is over.
    if (!ends.empty()) {
      SmallVector<AffineExpr> all{start};
      all.append(ends);
      start = max(all);
    }
    AffineExpr clamped = start == constant(0) && isNeverNegative(run.visited) ? end : max({start, end});
    addRun(run, start, clamped, canBeFull);
    starts.push_back(start);
    // An empty run ends before it starts, but that may be behind the start of the next one.
    bool isLast = &run == &runs.back();
    if (!isLast && start != constant(0))
      end = select(end - start - 1, end, constant(0));
    ends.push_back(runs.size() == 1 ? clamped : end);
  }
  if (runs.empty()) {
    starts.push_back(constant(0));
    ends.push_back(constant(0));
  }
  AffineExpr lower = min(starts), upper = max(ends);
  if (runs.size() > 1)
    upper = max({lower, upper});
  ranges.lower = asStep(lower);
  ranges.upper = asStep(upper);
  ranges.isKept =
      canBeFull && runs.size() <= 1 && llvm::all_of(runs, [](const Run &run) { return run.masked.empty(); });
}

void RangeBuilder::addRun(const Run &run, AffineExpr start, AffineExpr end, bool canBeFull) {
  auto add = [&](KeySegment::Kind kind, AffineExpr from, AffineExpr to) {
    ranges.segments.push_back({kind, asStep(from), asStep(to), {}, {}, false});
  };
  if (!canBeFull) {
    add(KeySegment::Kind::Partial, start, end);
    return;
  }
  SmallVector<AffineExpr> fullStarts{start}, fullEnds{end};
  for (const MaskedPart &part : run.masked) {
    // A suffix without end begins at its lower bounds; it need not be asked whether it begins before key 0.
    bool isOpen = part.interval->upper.empty() && part.interval->conditions.empty();
    if (part.atEnd && !part.atStart && isOpen) {
      fullEnds.push_back(getStart(*part.interval, /*withZero=*/false));
      continue;
    }
    auto [from, to] = getEnds(*part.interval);
    // A prefix is one if it holds the first tile, a suffix if it holds the last. Neither is empty then.
    if (part.atStart)
      fullStarts.push_back(from == constant(0) ? to : select(start - from, to, start));
    if (part.atEnd)
      fullEnds.push_back(select(to - end, from, end));
    // What lies behind anything else is taken to be masked: loops for it would cost more code than it is worth.
    if (!part.atStart && !part.atEnd)
      fullEnds.push_back(select(to - from - 1, max({from, start}), end));
  }
  bool atStart = fullStarts.size() > 1, atEnd = fullEnds.size() > 1;
  AffineExpr fullStart = start;
  if (atStart) {
    fullStart = min({max(fullStarts), end});
    add(KeySegment::Kind::Partial, start, fullStart);
  }
  AffineExpr fullEnd = atEnd ? max({min(fullEnds), fullStart}) : end;
  AffineExpr split = fullStart + (fullEnd - fullStart).floorDiv(keyTile) * keyTile;
  add(KeySegment::Kind::Full, fullStart, split);
  add(atEnd ? KeySegment::Kind::Partial : KeySegment::Kind::Tail, split, end);
}

KeyTileTest RangeBuilder::makeTest(const TileInterval &interval) {
  auto [start, end] = getEnds(interval);
  SmallVector<AffineExpr> guards;
  for (const Constraint &constraint : interval.guards) {
    guards.push_back(toExpr(constraint.form));
    if (constraint.isEquality)
      guards.push_back(toExpr(-constraint.form));
  }
  return {asStep(start), asStep(end), guards.empty() ? AffineMap() : AffineMap::get(1, kFirstStep, guards, context)};
}

void RangeBuilder::addTested(const std::vector<TileInterval> &visited, const std::vector<TileInterval> &masked,
                             bool isOneRun, bool canBeFull) {
  SmallVector<const TileInterval *> all;
  for (const TileInterval &interval : visited)
    all.push_back(&interval);
  auto [start, end] = getHull(all);
  AffineExpr lower = start * system.keyTile;
  AffineExpr upper = max({lower, min({end * system.keyTile, getAffineSymbolExpr(system.keys, context)})});
  KeySegment segment{KeySegment::Kind::Tested, 0, 0, {}, {}, !canBeFull};
  if (!isOneRun)
    for (const TileInterval &interval : visited)
      segment.visited.push_back(makeTest(interval));
  if (canBeFull)
    for (const TileInterval &interval : masked)
      segment.masked.push_back(makeTest(interval));
  segment.lower = ranges.lower = asStep(lower);
  segment.upper = ranges.upper = asStep(upper);
  if (isOneRun && !canBeFull)
    segment.kind = KeySegment::Kind::Partial;
  ranges.segments.push_back(std::move(segment));
}

void RangeBuilder::addFallback(const std::set<unsigned> &limited, int64_t limit) {
  if (limited.empty())
    return;
  SmallVector<AffineExpr> room;
  for (unsigned number : limited) {
    AffineExpr symbol = getAffineSymbolExpr(number, context);
    room.push_back(limit - symbol);
    room.push_back(symbol + limit);
  }
  AffineExpr isInside = min(room), none = constant(0), all = getAffineSymbolExpr(system.keys, context);
  // A loop that is there takes all keys: another one would be more code.
  auto &segments = ranges.segments;
  auto partial =
      llvm::find_if(segments, [](const KeySegment &segment) { return segment.kind == KeySegment::Kind::Partial; });
  if (partial == segments.end())
    partial = segments.insert(segments.begin(), {KeySegment::Kind::Partial, asStep(none), asStep(none), {}, {}, false});
  llvm::DenseMap<std::pair<unsigned, AffineExpr>, unsigned> chosen;
  auto orElse = [&](unsigned step, AffineExpr otherwise) {
    if (ranges.steps[step].map.getResults() == ArrayRef(otherwise))
      return step;
    auto [it, isNew] = chosen.try_emplace({step, otherwise}, 0);
    if (isNew)
      it->second = asStep(select(isInside, getAffineSymbolExpr(kFirstStep + step, context), otherwise));
    return it->second;
  };
  for (auto segment = segments.begin(); segment != segments.end(); ++segment) {
    segment->lower = orElse(segment->lower, segment <= partial ? none : all);
    segment->upper = orElse(segment->upper, segment < partial ? none : all);
  }
  ranges.lower = orElse(ranges.lower, none);
  ranges.upper = orElse(ranges.upper, all);
  ranges.isKept = false;
}

double RangeBuilder::getSize(AffineExpr expr, llvm::function_ref<double(unsigned symbol)> ofSymbol) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return std::abs(static_cast<double>(number.getValue()));
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return ofSymbol(symbol.getPosition());
  if (isa<AffineDimExpr>(expr))
    return kNear;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  double lhs = getSize(binary.getLHS(), ofSymbol), rhs = getSize(binary.getRHS(), ofSymbol);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return lhs + rhs;
  case AffineExprKind::Mul:
    return lhs * rhs;
  default:
    // Quotients and remainders by positive constants.
    return lhs;
  }
}

bool RangeBuilder::fits(const std::set<unsigned> &far, int64_t most) {
  SmallVector<double> sizes;
  auto ofSymbol = [&](unsigned number) {
    if (number >= kFirstStep)
      return sizes[number - kFirstStep];
    return far.count(number) ? static_cast<double>(most) : kNear;
  };
  double largest = 0;
  auto look = [&](AffineMap map) {
    double size = 0;
    for (AffineExpr expr : map.getResults())
      size = std::max(size, getSize(expr, ofSymbol));
    largest = std::max(largest, size);
    return size;
  };
  for (const KeyRangeStep &step : ranges.steps)
    sizes.push_back(look(step.map));
  for (const KeySegment &segment : ranges.segments)
    for (const auto *tests : {&segment.visited, &segment.masked})
      for (const KeyTileTest &test : *tests)
        if (test.guard)
          look(test.guard);
  return largest < std::ldexp(1.0, 62);
}

void RangeBuilder::finish() {
  std::vector<bool> used(system.size());
  auto markUsed = [&](AffineMap map) {
    map.walkExprs([&](AffineExpr expr) {
      auto symbol = dyn_cast<AffineSymbolExpr>(expr);
      if (symbol && symbol.getPosition() < kFirstStep)
        used[symbol.getPosition()] = true;
    });
  };
  auto forEachGuard = [&](llvm::function_ref<void(AffineMap &)> visit) {
    for (KeySegment &segment : ranges.segments)
      for (auto *tests : {&segment.visited, &segment.masked})
        for (KeyTileTest &test : *tests)
          if (test.guard)
            visit(test.guard);
  };
  for (KeyRangeStep &step : ranges.steps)
    markUsed(step.map);
  forEachGuard(markUsed);
  llvm::DenseMap<AffineExpr, AffineExpr> replacements;
  for (unsigned number = 0; number < system.size(); ++number) {
    if (!used[number])
      continue;
    replacements[getAffineSymbolExpr(number, context)] = getAffineSymbolExpr(ranges.symbols.size(), context);
    ranges.symbols.push_back(symbolKinds.lookup(number));
  }
  for (unsigned number = 0; number < ranges.steps.size(); ++number)
    replacements[getAffineSymbolExpr(kFirstStep + number, context)] =
        getAffineSymbolExpr(ranges.symbols.size() + number, context);
  unsigned numSymbols = ranges.symbols.size();
  auto renumber = [&](AffineMap &map) { map = map.replace(replacements, map.getNumDims(), numSymbols); };
  for (KeyRangeStep &step : ranges.steps) {
    renumber(step.map);
    ++numSymbols;
  }
  forEachGuard(renumber);
}

} // namespace attn::masks
