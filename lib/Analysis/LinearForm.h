// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Integer linear forms over numbered variables, and unions of convex sets made of them.
#ifndef ATTN_LIB_ANALYSIS_LINEARFORM_H
#define ATTN_LIB_ANALYSIS_LINEARFORM_H

#include "llvm/Support/MathExtras.h"

#include <cstdint>
#include <map>
#include <vector>

namespace attn::masks {

/// coefficient * variable + .. + constant. A form whose numbers leave kLargestNumber is *unbounded*: nothing is known
/// of it any more. Constraints on such a form are dropped, which makes a set larger; larger sets are safe
/// (KeyRanges.h).
class LinearForm {
public:
  /// Coefficients and constants stay far below 2^63, so that run-time values of forms do too.
  static constexpr int64_t kLargestNumber = int64_t(1) << 42;

  LinearForm() = default;
  LinearForm(int64_t constant) { addConstant(constant); }
  static LinearForm variable(unsigned number, int64_t coefficient = 1) {
    LinearForm form;
    form.addTerm(number, coefficient);
    return form;
  }

  int64_t getCoefficient(unsigned variable) const {
    auto it = terms.find(variable);
    return it == terms.end() ? 0 : it->second;
  }
  int64_t getConstant() const { return constant; }
  const std::map<unsigned, int64_t> &getTerms() const { return terms; }
  bool isConstant() const { return terms.empty() && !unbounded; }
  bool isUnbounded() const { return unbounded; }

  void addConstant(int64_t summand) { store(constant, constant, summand); }
  void addTerm(unsigned variable, int64_t coefficient) {
    int64_t &stored = terms[variable];
    store(stored, stored, coefficient);
    if (stored == 0)
      terms.erase(variable);
  }
  void add(const LinearForm &other, int64_t factor = 1) {
    unbounded |= other.unbounded;
    for (auto [variable, coefficient] : other.terms)
      addTerm(variable, multiply(coefficient, factor));
    addConstant(multiply(other.constant, factor));
  }

  LinearForm operator+(const LinearForm &other) const {
    LinearForm sum = *this;
    sum.add(other);
    return sum;
  }
  LinearForm operator-(const LinearForm &other) const {
    LinearForm difference = *this;
    difference.add(other, -1);
    return difference;
  }
  LinearForm operator*(int64_t factor) const {
    LinearForm product;
    product.add(*this, factor);
    return product;
  }
  LinearForm operator-() const { return *this * -1; }

  LinearForm without(unsigned variable) const {
    LinearForm rest = *this;
    rest.terms.erase(variable);
    return rest;
  }
  LinearForm substitute(unsigned variable, const LinearForm &by) const {
    int64_t coefficient = getCoefficient(variable);
    if (coefficient == 0)
      return *this;
    LinearForm result = without(variable);
    result.add(by, coefficient);
    return result;
  }

  bool operator<(const LinearForm &other) const {
    return std::tie(terms, constant) < std::tie(other.terms, other.constant);
  }
  bool operator==(const LinearForm &other) const { return terms == other.terms && constant == other.constant; }

private:
  int64_t multiply(int64_t a, int64_t b) {
    int64_t product;
    if (!llvm::MulOverflow(a, b, product))
      return product;
    unbounded = true;
    return 0;
  }
  void store(int64_t &target, int64_t a, int64_t b) {
    if (llvm::AddOverflow(a, b, target) || target > kLargestNumber || target < -kLargestNumber)
      unbounded = true;
  }

  std::map<unsigned, int64_t> terms;
  int64_t constant = 0;
  bool unbounded = false;
};

/// form >= 0, or form = 0.
struct Constraint {
  LinearForm form;
  bool isEquality = false;

  bool operator==(const Constraint &other) const { return form == other.form && isEquality == other.isEquality; }
};

/// All constraints hold.
using Piece = std::vector<Constraint>;
/// Some piece holds. One without constraints holds always, a union without pieces never.
using Union = std::vector<Piece>;

/// a >= b
inline Constraint atLeast(const LinearForm &a, const LinearForm &b) { return {a - b, false}; }
/// a < b
inline Constraint lessThan(const LinearForm &a, const LinearForm &b) { return {b - a - 1, false}; }
inline Constraint equalTo(const LinearForm &a, const LinearForm &b) { return {a - b, true}; }

inline Piece conjunction(const Piece &a, const Piece &b) {
  Piece both = a;
  both.insert(both.end(), b.begin(), b.end());
  return both;
}

/// The pieces that together hold where `constraint` does not.
inline Union negate(const Constraint &constraint) {
  Union pieces{{{-constraint.form - 1, false}}};
  if (constraint.isEquality)
    pieces.push_back({{constraint.form - 1, false}});
  return pieces;
}

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_LINEARFORM_H
