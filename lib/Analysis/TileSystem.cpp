// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "TileSystem.h"

#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include "mlir/Analysis/Presburger/Simplex.h"
#include "llvm/ADT/STLExtras.h"

#include <map>
#include <numeric>

using namespace mlir;

namespace attn::masks {

/// "Not proved empty" is safe everywhere, so counts bound the time: about 30 us a test. Integer tests that took
/// milliseconds were those of large sets, and none of these ever proved anything.
constexpr unsigned kMostTests = 1200, kMostIntegerTests = 150;
constexpr size_t kMostIntegerVariables = 7, kMostIntegerConstraints = 24;

TileSystem::TileSystem(int64_t rowTile, int64_t keyTile, std::optional<int64_t> numRows, std::optional<int64_t> numKeys)
    : rowTile(rowTile), keyTile(keyTile) {
  j = add(VariableKind::KeyTile, "j");
  i = add(VariableKind::RowTile, "i");
  rows = add(VariableKind::Symbol, "N");
  keys = add(VariableKind::Symbol, "M");
  row = add(VariableKind::Existential, "row");
  key = add(VariableKind::Existential, "key");
  auto variable = [](unsigned number, int64_t coefficient = 1) { return LinearForm::variable(number, coefficient); };
  // There is a row tile only where there is a row. There may be no key.
  assume(atLeast(variable(i), 0));
  assume(lessThan(variable(i, rowTile), variable(rows)));
  assume(atLeast(variable(keys), 0));
  if (numRows)
    assume(equalTo(variable(rows), *numRows));
  if (numKeys)
    assume(equalTo(variable(keys), *numKeys));
  variables[row].definition = {atLeast(variable(row), variable(i, rowTile)),
                               lessThan(variable(row), variable(i, rowTile) + rowTile),
                               lessThan(variable(row), variable(rows))};
  variables[key].definition = {atLeast(variable(key), variable(j, keyTile)),
                               lessThan(variable(key), variable(j, keyTile) + keyTile), atLeast(variable(key), 0)};
}

unsigned TileSystem::add(VariableKind kind, std::string name, LinearForm numerator, int64_t denominator) {
  variables.push_back({kind, std::move(name), std::move(numerator), denominator, {}});
  return variables.size() - 1;
}

bool TileSystem::uses(const LinearForm &form, ArrayRef<VariableKind> kinds) const {
  return llvm::any_of(form.getTerms(),
                      [&](const auto &term) { return llvm::is_contained(kinds, variables[term.first].kind); });
}

LinearForm TileSystem::floorDivide(LinearForm form, int64_t divisor) {
  assert(divisor > 0 && !uses(form, {VariableKind::Existential}));
  if (form.isUnbounded())
    return form;
  int64_t common = divisor;
  for (auto [variable, coefficient] : form.getTerms())
    common = std::gcd(common, coefficient);
  // floor((g x + c) / (g d)) = floor((x + floor(c / g)) / d); multiples of d leave the quotient.
  divisor /= common;
  LinearForm whole, rest;
  auto split = [&](int64_t number) {
    int64_t quotient = llvm::divideFloorSigned(number, divisor);
    return std::pair(quotient, number - quotient * divisor);
  };
  for (auto [variable, coefficient] : form.getTerms()) {
    auto [quotient, remainder] = split(coefficient / common);
    whole.addTerm(variable, quotient);
    rest.addTerm(variable, remainder);
  }
  auto [quotient, remainder] = split(llvm::divideFloorSigned(form.getConstant(), common));
  whole.addConstant(quotient);
  rest.addConstant(remainder);
  if (rest.getTerms().empty())
    return whole;
  for (unsigned number = 0; number < variables.size(); ++number) {
    const Variable &known = variables[number];
    if (known.kind != VariableKind::Existential && known.denominator == divisor && known.numerator == rest)
      return whole + LinearForm::variable(number);
  }
  bool withKey = uses(rest, {VariableKind::KeyTile, VariableKind::KeyQuotient});
  return whole + LinearForm::variable(
                     add(withKey ? VariableKind::KeyQuotient : VariableKind::Quotient, "quotient", rest, divisor));
}

/// denominator * quotient <= numerator < denominator * (quotient + 1)
static Piece quotientDefinition(unsigned quotient, const LinearForm &numerator, int64_t denominator) {
  LinearForm product = LinearForm::variable(quotient, denominator);
  return {atLeast(numerator, product), lessThan(numerator, product + denominator)};
}

LinearForm TileSystem::floorDivideAny(const LinearForm &form, int64_t divisor) {
  if (!uses(form, {VariableKind::Existential}))
    return floorDivide(form, divisor);
  for (unsigned number = 0; number < variables.size(); ++number)
    if (variables[number].kind == VariableKind::Existential && variables[number].denominator == divisor &&
        variables[number].numerator == form)
      return LinearForm::variable(number);
  unsigned quotient = add(VariableKind::Existential, "quotient", form, divisor);
  variables[quotient].definition = quotientDefinition(quotient, form, divisor);
  return LinearForm::variable(quotient);
}

void TileSystem::define(const LinearForm &form, Piece &piece, std::vector<bool> &seen) const {
  for (auto [number, coefficient] : form.getTerms()) {
    if (seen[number])
      continue;
    seen[number] = true;
    const Variable &variable = variables[number];
    Piece definition = variable.definition;
    if (variable.kind == VariableKind::Quotient || variable.kind == VariableKind::KeyQuotient)
      definition = quotientDefinition(number, variable.numerator, variable.denominator);
    for (const Constraint &constraint : definition) {
      piece.push_back(constraint);
      define(constraint.form, piece, seen);
    }
  }
}

Piece TileSystem::close(Piece piece) const {
  std::vector<bool> seen(variables.size());
  // Quotients stay as they are: their definitions hold for any value of what they are made of.
  for (unsigned number = 0; number < variables.size(); ++number)
    seen[number] = variables[number].kind != VariableKind::Existential;
  Piece open = piece;
  define(LinearForm::variable(row) + LinearForm::variable(key), piece, seen);
  for (const Constraint &constraint : open)
    define(constraint.form, piece, seen);
  return piece;
}

bool TileSystem::normalize(Piece &piece) const {
  // The tightest constant for each left-hand side, by its terms.
  std::map<std::map<unsigned, int64_t>, int64_t> inequalities;
  std::vector<LinearForm> equalities;
  for (const Constraint &constraint : piece) {
    const LinearForm &form = constraint.form;
    if (form.isUnbounded())
      continue;
    int64_t common = 0;
    for (auto [variable, coefficient] : form.getTerms())
      common = std::gcd(common, coefficient);
    if (common == 0) {
      if (constraint.isEquality ? form.getConstant() != 0 : form.getConstant() < 0)
        return false;
      continue;
    }
    if (constraint.isEquality && form.getConstant() % common != 0)
      return false;
    LinearForm divided(llvm::divideFloorSigned(form.getConstant(), common));
    int64_t sign = constraint.isEquality && form.getTerms().begin()->second < 0 ? -1 : 1;
    for (auto [variable, coefficient] : form.getTerms())
      divided.addTerm(variable, coefficient / common);
    if (constraint.isEquality) {
      if (!llvm::is_contained(equalities, divided * sign))
        equalities.push_back(divided * sign);
      continue;
    }
    auto [it, isNew] = inequalities.try_emplace(divided.getTerms(), divided.getConstant());
    it->second = std::min(it->second, divided.getConstant());
  }
  piece.clear();
  for (const LinearForm &form : equalities)
    piece.push_back({form, true});
  for (const auto &[terms, constant] : inequalities) {
    LinearForm form(constant);
    for (auto [variable, coefficient] : terms)
      form.addTerm(variable, coefficient);
    auto opposite = inequalities.find((-form).getTerms());
    bool meets = false;
    if (opposite != inequalities.end()) {
      if (constant + opposite->second < 0)
        return false;
      meets = constant + opposite->second == 0;
      if (meets && opposite->first < terms)
        continue;
    }
    piece.push_back({form, meets});
  }
  return true;
}

Piece TileSystem::keyTileInRange(unsigned tile) const {
  return {atLeast(LinearForm::variable(tile), 0),
          lessThan(LinearForm::variable(tile, keyTile), LinearForm::variable(keys))};
}

bool TileSystem::isEmpty(Piece piece, bool inRange) {
  if (!normalize(piece))
    return true;
  if (++numTests > kMostTests)
    return false;
  piece = conjunction(piece, context);
  if (inRange)
    piece = conjunction(piece, keyTileInRange(j));
  std::vector<bool> seen(variables.size());
  for (unsigned number = 0; number < variables.size(); ++number)
    seen[number] = variables[number].kind == VariableKind::Existential;
  Piece open = piece;
  for (const Constraint &constraint : open)
    define(constraint.form, piece, seen);
  if (!normalize(piece))
    return true;

  std::map<unsigned, unsigned> columns;
  for (const Constraint &constraint : piece)
    for (auto [variable, coefficient] : constraint.form.getTerms())
      columns.try_emplace(variable, columns.size());
  presburger::IntegerPolyhedron set(presburger::PresburgerSpace::getSetSpace(columns.size()));
  for (const Constraint &constraint : piece) {
    SmallVector<int64_t> coefficients(columns.size() + 1, 0);
    for (auto [variable, coefficient] : constraint.form.getTerms())
      coefficients[columns[variable]] = coefficient;
    coefficients.back() = constraint.form.getConstant();
    if (constraint.isEquality)
      set.addEquality(coefficients);
    else
      set.addInequality(coefficients);
  }
  // No rational point is the common case, and cheap to find.
  if (set.isEmptyByGCDTest() || presburger::Simplex(set).isEmpty())
    return true;
  if (columns.size() > kMostIntegerVariables || piece.size() > kMostIntegerConstraints)
    return false;
  return ++numIntegerTests <= kMostIntegerTests && set.isIntegerEmpty();
}

bool TileSystem::implies(const Piece &piece, const Constraint &constraint, bool inRange) {
  return llvm::all_of(negate(constraint),
                      [&](const Piece &opposite) { return isEmpty(conjunction(piece, opposite), inRange); });
}

void TileSystem::prune(Piece &piece) {
  for (size_t number = piece.size(); number-- > 0;) {
    Piece others = piece;
    others.erase(others.begin() + number);
    if (implies(others, piece[number]))
      piece = std::move(others);
  }
}

std::string TileSystem::toString(const LinearForm &form) const {
  std::string text;
  auto append = [&](int64_t number, const std::string &name) {
    text += number < 0 ? (text.empty() ? "-" : " - ") : (text.empty() ? "" : " + ");
    int64_t size = std::abs(number);
    if (name.empty() || size != 1)
      text += std::to_string(size) + (name.empty() ? "" : "*");
    text += name;
  };
  for (auto [number, coefficient] : form.getTerms()) {
    const Variable &variable = variables[number];
    bool isQuotient = variable.denominator != 0;
    append(coefficient,
           isQuotient ? "((" + toString(variable.numerator) + ") floordiv " + std::to_string(variable.denominator) + ")"
                      : variable.name);
  }
  if (form.getConstant() != 0 || text.empty())
    append(form.getConstant(), "");
  return text;
}

std::string TileSystem::toString(const Piece &piece) const {
  std::string text;
  for (const Constraint &constraint : piece)
    text += (text.empty() ? "" : " and ") + toString(constraint.form) + (constraint.isEquality ? " = 0" : " >= 0");
  return text.empty() ? "true" : text;
}

} // namespace attn::masks
