// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each step is exact by itself: an equality with a unit coefficient; Fourier-Motzkin where one coefficient of each pair
// of bounds is a unit, or where the pairs between real and dark shadow are proved empty (Pugh 1992, The Omega test,
// sec. 2.3); a split into few values. Only where no variable allows any of them the real shadow is taken.
#include "Projection.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;

namespace attn::masks {

constexpr unsigned kMostValues = 4, kMostDepth = 6;
/// Pieces with more constraints than this are pruned before they grow further.
constexpr size_t kManyConstraints = 24;

Union Projection::project(const Piece &piece) {
  Union out;
  eliminate(system.close(piece), out, 0);
  return out;
}

Union Projection::projectRelaxed(const Piece &piece) {
  Piece current = piece;
  while (true) {
    if (!system.normalize(current))
      return {};
    if (substituteByEquality(current))
      continue;
    std::vector<unsigned> candidates = getCandidates(current);
    if (candidates.empty())
      return {current};
    Piece next;
    combineBounds(current, candidates.front(), /*divideBounds=*/false, /*exactly=*/false, next);
    current = std::move(next);
  }
}

bool Projection::substituteByEquality(Piece &piece) {
  for (size_t number = 0; number < piece.size(); ++number) {
    const Constraint equality = piece[number];
    if (!equality.isEquality)
      continue;
    for (auto [variable, coefficient] : equality.form.getTerms()) {
      if (!system.is(variable, VariableKind::Existential) || std::abs(coefficient) != 1)
        continue;
      LinearForm value = equality.form.without(variable) * -coefficient;
      piece.erase(piece.begin() + number);
      for (Constraint &constraint : piece)
        constraint.form = constraint.form.substitute(variable, value);
      return true;
    }
  }
  return false;
}

std::vector<unsigned> Projection::getCandidates(const Piece &piece) const {
  std::map<unsigned, std::pair<unsigned, unsigned>> bounds;
  for (const Constraint &constraint : piece)
    for (auto [variable, coefficient] : constraint.form.getTerms()) {
      if (!system.is(variable, VariableKind::Existential))
        continue;
      auto &[lower, upper] = bounds[variable];
      lower += constraint.isEquality || coefficient > 0;
      upper += constraint.isEquality || coefficient < 0;
    }
  std::vector<std::pair<unsigned, unsigned>> products;
  for (const auto &[variable, count] : bounds)
    products.push_back({count.first * count.second, variable});
  llvm::sort(products);
  std::vector<unsigned> candidates;
  for (auto [product, variable] : products)
    candidates.push_back(variable);
  return candidates;
}

bool Projection::combineBounds(const Piece &piece, unsigned variable, bool divideBounds, bool exactly, Piece &out) {
  // factor * variable + rest >= 0, or rest - factor * variable >= 0.
  struct VariableBound {
    int64_t factor;
    LinearForm rest;
  };
  std::vector<VariableBound> lower, upper;
  out.clear();
  auto addBound = [&](const LinearForm &form) {
    int64_t coefficient = form.getCoefficient(variable), factor = std::abs(coefficient);
    LinearForm rest = form.without(variable);
    bool isKnown = !system.uses(rest, {VariableKind::Existential, VariableKind::KeyTile, VariableKind::KeyQuotient});
    if (divideBounds && factor > 1 && isKnown) {
      rest = system.floorDivide(rest, factor);
      factor = 1;
    }
    (coefficient > 0 ? lower : upper).push_back({factor, rest});
  };
  for (const Constraint &constraint : piece) {
    if (constraint.form.getCoefficient(variable) == 0) {
      out.push_back(constraint);
      continue;
    }
    addBound(constraint.form);
    if (constraint.isEquality)
      addBound(-constraint.form);
  }
  std::vector<std::pair<LinearForm, int64_t>> gaps;
  for (const VariableBound &low : lower)
    for (const VariableBound &high : upper) {
      LinearForm distance = low.rest * high.factor + high.rest * low.factor;
      if (exactly && distance.isUnbounded())
        return false;
      out.push_back({distance, false});
      if (low.factor > 1 && high.factor > 1)
        gaps.push_back({distance, (low.factor - 1) * (high.factor - 1)});
    }
  if (!system.normalize(out)) {
    out = {{LinearForm(-1), false}};
    return true;
  }
  return !exactly || llvm::all_of(gaps, [&](const auto &gap) {
    return system.isEmpty(conjunction(out, {lessThan(gap.first, gap.second)}));
  });
}

bool Projection::splitByValue(const Piece &piece, unsigned variable, Union &out, unsigned depth) {
  for (const Constraint &constraint : piece)
    for (int64_t sign : {1, -1}) {
      LinearForm form = constraint.form * sign;
      int64_t factor = -form.getCoefficient(variable);
      if (factor <= 0 || (sign < 0 && !constraint.isEquality))
        continue;
      LinearForm rest = form.without(variable);
      if (system.uses(rest, {VariableKind::Existential}))
        continue;
      // factor * variable <= rest
      LinearForm product = LinearForm::variable(variable, factor);
      for (int64_t count = 1; count <= int64_t(kMostValues); ++count) {
        if (!system.isEmpty(conjunction(piece, {atLeast(rest - factor * count, product)})))
          continue;
        LinearForm largest = system.floorDivide(rest, factor);
        for (int64_t distance = 0; distance < count; ++distance) {
          Piece withValue;
          for (const Constraint &other : piece)
            withValue.push_back({other.form.substitute(variable, largest - distance), other.isEquality});
          eliminate(withValue, out, depth + 1);
        }
        return true;
      }
    }
  return false;
}

void Projection::eliminate(Piece piece, Union &out, unsigned depth) {
  while (true) {
    if (!system.normalize(piece))
      return;
    if (substituteByEquality(piece))
      continue;
    std::vector<unsigned> candidates = getCandidates(piece);
    if (candidates.empty()) {
      out.push_back(std::move(piece));
      return;
    }
    Piece next;
    auto combine = [&](unsigned variable) {
      return combineBounds(piece, variable, /*divideBounds=*/false, /*exactly=*/true, next) ||
             combineBounds(piece, variable, /*divideBounds=*/true, /*exactly=*/true, next);
    };
    if (llvm::none_of(candidates, combine)) {
      if (depth < kMostDepth &&
          llvm::any_of(candidates, [&](unsigned variable) { return splitByValue(piece, variable, out, depth); }))
        return;
      exact = false;
      inexactVariables.insert(system[candidates.front()].name);
      combineBounds(piece, candidates.front(), /*divideBounds=*/false, /*exactly=*/false, next);
    }
    piece = std::move(next);
    if (piece.size() > kManyConstraints)
      system.prune(piece);
  }
}

} // namespace attn::masks
