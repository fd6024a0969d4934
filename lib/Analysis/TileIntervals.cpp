// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TileIntervals.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace attn::masks {

Piece TileInterval::getPiece(const TileSystem &system, unsigned tile, bool inRange) const {
  Piece piece = conditions;
  for (const TileBound &bound : lower)
    piece.push_back(getLower(bound, tile));
  for (const TileBound &bound : upper)
    piece.push_back(getUpper(bound, tile));
  return inRange ? conjunction(piece, system.keyTileInRange(tile)) : piece;
}

std::string TileInterval::toString(const TileSystem &system) const {
  auto getBounds = [&](const std::vector<TileBound> &bounds, int64_t sign, const char *division) {
    std::vector<std::string> texts;
    for (const TileBound &bound : bounds) {
      std::string form = system.toString(bound.rest * sign);
      texts.push_back(bound.factor == 1 ? form : "(" + form + ")" + division + std::to_string(bound.factor));
    }
    return texts;
  };
  std::vector<std::string> lowerTexts = getBounds(lower, -1, " ceildiv "),
                           upperTexts = getBounds(upper, 1, " floordiv ");
  if (needsZero)
    lowerTexts.insert(lowerTexts.begin(), "0");
  if (needsEnd)
    upperTexts.push_back("last");
  auto combine = [](const char *function, const std::vector<std::string> &texts) {
    return texts.size() == 1 ? texts.front() : function + ("(" + llvm::join(texts, ", ")) + ")";
  };
  std::string text = combine("max", lowerTexts) + " <= j <= " + combine("min", upperTexts);
  if (!conditions.empty())
    text += " if " + system.toString(conditions);
  if (!guards.empty())
    text += " where " + system.toString(guards);
  return text;
}

/// `piece` with an existential in place of each quotient that the key tile is in.
static Piece relaxKeyQuotients(TileSystem &system, const Piece &piece) {
  Piece relaxed = piece;
  // A quotient may be in the numerator of another one, which has a higher number.
  for (unsigned number = system.size(); number-- > 0;) {
    bool isUsed = llvm::any_of(
        relaxed, [&](const Constraint &constraint) { return constraint.form.getCoefficient(number) != 0; });
    if (!isUsed || !system.is(number, VariableKind::KeyQuotient))
      continue;
    LinearForm numerator = system[number].numerator;
    int64_t denominator = system[number].denominator;
    unsigned stand = system.add(VariableKind::Existential, "quotient");
    for (Constraint &constraint : relaxed)
      constraint.form = constraint.form.substitute(number, LinearForm::variable(stand));
    LinearForm product = LinearForm::variable(stand, denominator);
    relaxed.push_back(atLeast(numerator, product));
    relaxed.push_back(lessThan(numerator, product + denominator));
  }
  return relaxed;
}

/// The interval of a projected piece, or nothing if it is empty.
static std::optional<TileInterval> makeInterval(TileSystem &system, Piece piece) {
  if (!system.normalize(piece) || system.isEmpty(piece))
    return std::nullopt;
  TileInterval interval;
  Piece hull = piece;
  auto seesQuotient = [&](const Constraint &constraint) {
    return system.uses(constraint.form, {VariableKind::KeyQuotient});
  };
  if (llvm::any_of(piece, seesQuotient)) {
    Union relaxed = Projection(system).projectRelaxed(relaxKeyQuotients(system, piece));
    if (relaxed.empty())
      return std::nullopt;
    hull = relaxed.front();
  }
  system.prune(hull);
  for (const Constraint &constraint : piece)
    if (seesQuotient(constraint) && !system.implies(hull, constraint))
      interval.guards.push_back(constraint);
  for (const Constraint &constraint : hull) {
    int64_t factor = constraint.form.getCoefficient(system.j);
    if (factor == 0) {
      interval.conditions.push_back(constraint);
      continue;
    }
    LinearForm rest = constraint.form.without(system.j);
    if (factor > 0 || constraint.isEquality)
      interval.lower.push_back({std::abs(factor), factor > 0 ? rest : -rest});
    if (factor < 0 || constraint.isEquality)
      interval.upper.push_back({std::abs(factor), factor < 0 ? rest : -rest});
  }
  // From the bounds of one side alone: a condition that does not hold makes an interval empty by other means.
  Piece lower, upper;
  for (const TileBound &bound : interval.lower)
    lower.push_back(interval.getLower(bound, system.j));
  for (const TileBound &bound : interval.upper)
    upper.push_back(interval.getUpper(bound, system.j));
  Piece range = system.keyTileInRange(system.j);
  interval.needsZero = !system.implies(lower, range.front(), /*inRange=*/false);
  interval.needsEnd = !system.implies(upper, range.back(), /*inRange=*/false);
  return interval;
}

bool TileSet::hasGuards() const {
  return llvm::any_of(intervals, [](const TileInterval &interval) { return !interval.guards.empty(); });
}

TileSet projectToTiles(TileSystem &system, const Union &pairs, bool onlyPlain) {
  TileSet set;
  std::vector<TileInterval> &intervals = set.intervals;
  for (const Piece &piece : pairs) {
    Projection projection(system);
    for (const Piece &tiles : projection.project(piece))
      if (std::optional<TileInterval> interval = makeInterval(system, tiles))
        intervals.push_back(std::move(*interval));
    set.exact &= projection.exact;
    set.inexactVariables.insert(projection.inexactVariables.begin(), projection.inexactVariables.end());
    if (onlyPlain && (!set.exact || set.hasGuards()))
      return set;
  }
  // Those that another one holds.
  for (size_t number = 0; number < intervals.size();) {
    Piece inside = conjunction(intervals[number].getPiece(system, system.j), intervals[number].guards);
    bool isHeld = false;
    for (size_t other = 0; other < intervals.size() && !isHeld; ++other)
      isHeld = other != number && intervals[other].guards.empty() &&
               llvm::all_of(intervals[other].getPiece(system, system.j, /*inRange=*/false),
                            [&](const Constraint &constraint) { return system.implies(inside, constraint); });
    if (isHeld)
      intervals.erase(intervals.begin() + number);
    else
      ++number;
  }
  return set;
}

} // namespace attn::masks
