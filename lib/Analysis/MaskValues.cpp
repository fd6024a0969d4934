// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Integers of a mask region as linear forms by cases.
#include "MaskReader.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;

namespace attn::masks {

/// A value of more cases than this is unknown.
constexpr size_t kMostCases = 12;

/// Whether `value` holds 64 bits, whose arithmetic is taken not to overflow.
static bool isWide(Value value) { return value.getType().isIndex() || value.getType().isInteger(64); }

template <typename OpTy> static bool cannotWrap(OpTy arithmetic) {
  return isWide(arithmetic.getResult()) ||
         bitEnumContainsAll(arithmetic.getOverflowFlags(), arith::IntegerOverflowFlags::nsw);
}

/// Whether the op computes a number that its type may not hold.
static bool mayOverflow(Operation *op) {
  return isa_and_nonnull<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivSIOp, arith::FloorDivSIOp,
                         arith::CeilDivSIOp, math::AbsIOp>(op);
}

MaskReader::Cases MaskReader::readInteger(Value value) {
  auto it = integers.find(value.getAsOpaquePointer());
  if (it != integers.end())
    return it->second;
  std::optional<Cases> cases = readKnown(value);
  // What scalars of 64 bits make of each other is one more scalar, computed as the region would: it may be any number.
  if (cases && isWide(value) && !dependsOnPair(value) && canRunOutside(value) &&
      llvm::any_of(*cases, [&](const auto &entry) { return hasFar(entry.second) && !isAlone(entry.second); }))
    cases = std::nullopt;
  // A form out of bounds would drop constraints; an unknown keeps what else is known of the value's users.
  bool isChecked = mayOverflow(value.getDefiningOp());
  if (!cases || cases->size() > kMostCases || llvm::any_of(*cases, [&](const auto &entry) {
        return entry.second.isUnbounded() || (isChecked && !fits(entry.second));
      }))
    cases = Cases{{{}, LinearForm::variable(getVariable(value))}};
  return integers[value.getAsOpaquePointer()] = *cases;
}

/// Numbers of 64 bits that sizes of tensors bound, 2^33 at most.
static bool isOfSizes(Value value, unsigned depth = 0) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSignificantBits() <= 32;
  Operation *op = value.getDefiningOp();
  if (isa_and_nonnull<tensor::DimOp>(op))
    return true;
  return depth < 2 && isa_and_nonnull<arith::AddIOp, arith::SubIOp, arith::MinSIOp, arith::MaxSIOp>(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) { return isOfSizes(operand, depth + 1); });
}

/// What other variables are below: positions, sizes, numbers of 32 bits.
constexpr double kNear = double(int64_t(1) << 34);

bool MaskReader::isFar(Value value) {
  if (!isWide(value))
    return false;
  if (value.getDefiningOp<IndexOp>())
    return !op.getOffsets().empty();
  BlockArgument argument = asOperandOrCapture(value);
  unsigned numElements = op.getMaskOperands().size();
  return !argument || argument.getArgNumber() < numElements ||
         !isOfSizes(op.getCaptures()[argument.getArgNumber() - numElements]);
}

double MaskReader::getSize(const LinearForm &form, double ofSymbols) {
  double size = std::abs(static_cast<double>(form.getConstant()));
  for (auto [number, coefficient] : form.getTerms()) {
    const Variable &variable = system[number];
    double most = kNear;
    if (variable.denominator != 0)
      most = getSize(variable.numerator, ofSymbols) / static_cast<double>(variable.denominator) + 1;
    else if (far.count(number))
      most = variable.kind == VariableKind::Symbol ? ofSymbols : std::ldexp(1.0, 63);
    size += std::abs(static_cast<double>(coefficient)) * most;
  }
  return size;
}

bool MaskReader::fits(const LinearForm &form) {
  for (int64_t most = limit; most >= (1 << 20); most /= 2)
    if (getSize(form, static_cast<double>(most)) < std::ldexp(1.0, 62)) {
      limit = most;
      return true;
    }
  return false;
}

void MaskReader::limitSymbols(const LinearForm &form) {
  for (auto [number, coefficient] : form.getTerms()) {
    const Variable &variable = system[number];
    if (variable.denominator != 0)
      limitSymbols(variable.numerator);
    else if (variable.kind == VariableKind::Symbol && far.count(number))
      limited.insert(number);
  }
}

bool MaskReader::hasFar(const LinearForm &form) {
  return llvm::any_of(form.getTerms(), [&](const auto &term) {
    return far.count(term.first) || (system[term.first].denominator != 0 && hasFar(system[term.first].numerator));
  });
}

bool MaskReader::isAlone(const LinearForm &form) {
  return form.getTerms().size() == 1 && form.getConstant() == 0 && form.getTerms().begin()->second == 1 &&
         far.count(form.getTerms().begin()->first);
}

void MaskReader::noteComparison(const LinearForm &a, const LinearForm &b) {
  // A symbol alone on its side: whatever is beyond the other side compares as the symbol does.
  auto isNear = [&](const LinearForm &form) { return getSize(form, std::ldexp(1.0, 63)) < double(kMostNear); };
  if ((isAlone(a) && isNear(b)) || (isAlone(b) && isNear(a)))
    return;
  limitSymbols(a);
  limitSymbols(b);
}

std::optional<MaskReader::Cases>
MaskReader::combine(Value lhs, Value rhs,
                    llvm::function_ref<void(Piece, const LinearForm &, const LinearForm &, Cases &)> add) {
  Cases result;
  for (const auto &[leftWhere, a] : readInteger(lhs))
    for (const auto &[rightWhere, b] : readInteger(rhs))
      add(conjunction(leftWhere, rightWhere), a, b, result);
  if (result.size() > 1)
    llvm::erase_if(result, [&](const auto &entry) { return system.isEmpty(system.close(entry.first)); });
  return result;
}

LinearForm MaskReader::getOffset(unsigned loop, KeyRangeSymbol::Kind kind, const char *name) {
  if (op.getOffsets().empty())
    return 0;
  APInt constant;
  if (matchPattern(op.getOffsets()[loop], m_ConstantInt(&constant)) && constant.getSignificantBits() <= 40)
    return constant.getSExtValue();
  auto [it, isNew] = offsets.try_emplace(loop, 0);
  if (isNew) {
    it->second = system.add(VariableKind::Symbol, name);
    symbols[it->second] = {kind, {}};
    // Positions are sums.
    far.insert(it->second);
    limited.insert(it->second);
  }
  return LinearForm::variable(it->second);
}

MaskReader::Cases MaskReader::readPosition(unsigned loop) {
  if (loop == problem.rowLoop)
    return {{{}, LinearForm::variable(system.row) + getOffset(loop, KeyRangeSymbol::Kind::RowOffset, "row0")}};
  return {{{}, LinearForm::variable(system.key) + getOffset(loop, KeyRangeSymbol::Kind::KeyOffset, "key0")}};
}

std::optional<MaskReader::Cases> MaskReader::readSelection(arith::SelectOp selection) {
  Cases result;
  for (bool wanted : {true, false})
    for (const Piece &condition : readBool(selection.getCondition(), wanted))
      for (const auto &[where, form] : readInteger(wanted ? selection.getTrueValue() : selection.getFalseValue()))
        result.push_back({conjunction(condition, where), form});
  return result;
}

std::optional<MaskReader::Cases> MaskReader::readDivision(Operation *division, int64_t divisor) {
  // x / -c = -x / c, and the remainder does not see the sign of a divisor.
  int64_t sign = divisor < 0 ? -1 : 1;
  divisor *= sign;
  bool isRemainder = isa<arith::RemSIOp, arith::RemUIOp>(division);
  bool isUnsigned = isa<arith::DivUIOp, arith::RemUIOp>(division);
  if (isUnsigned && sign < 0)
    return std::nullopt;
  Cases result;
  for (const auto &entry : readInteger(division->getOperand(0))) {
    const Piece &where = entry.first;
    LinearForm x = isRemainder ? entry.second : entry.second * sign;
    limitSymbols(x);
    auto add = [&](const Piece &piece, const LinearForm &quotient) {
      LinearForm value = isRemainder ? x - quotient * divisor : quotient;
      if (!system.isEmpty(system.close(conjunction(where, piece))))
        result.push_back({conjunction(where, piece), value});
    };
    auto floor = [&] { return system.floorDivideAny(x, divisor); };
    auto ceiling = [&] { return system.floorDivideAny(x + (divisor - 1), divisor); };
    if (isa<arith::FloorDivSIOp, arith::ShRSIOp>(division)) {
      add({}, floor());
    } else if (isa<arith::CeilDivSIOp>(division)) {
      add({}, ceiling());
    } else {
      // Rounds towards zero.
      Piece positive{atLeast(x, 0)}, negative{lessThan(x, 0)};
      bool isPositive = system.isEmpty(system.close(conjunction(where, negative)));
      add(isPositive ? Piece{} : positive, floor());
      if (isPositive)
        continue;
      if (isUnsigned)
        return std::nullopt;
      add(negative, ceiling());
    }
  }
  return result;
}

std::optional<MaskReader::Cases> MaskReader::readKnown(Value value) {
  if (std::optional<int64_t> constant = getConstant(value))
    return Cases{{{}, *constant}};
  Operation *operation = value.getDefiningOp();
  if (!operation)
    return std::nullopt;
  if (auto index = dyn_cast<IndexOp>(operation))
    return dependsOnPair(value) ? std::optional<Cases>(readPosition(index.getLoop())) : std::nullopt;
  if (auto cast = dyn_cast<arith::IndexCastOp>(operation))
    return isWide(value) ? std::optional<Cases>(readInteger(cast.getIn())) : std::nullopt;
  if (isa<arith::ExtSIOp, arith::ExtUIOp>(operation)) {
    Value narrow = operation->getOperand(0);
    bool isSigned = isa<arith::ExtSIOp>(operation);
    Cases result;
    if (narrow.getType().isInteger(1)) {
      for (bool wanted : {true, false})
        for (const Piece &piece : readBool(narrow, wanted))
          result.push_back({piece, wanted ? (isSigned ? -1 : 1) : 0});
      return result;
    }
    if (isSigned)
      return readInteger(narrow);
    unsigned width = narrow.getType().getIntOrFloatBitWidth();
    if (width > 32)
      return std::nullopt;
    for (const auto &[where, form] : readInteger(narrow)) {
      result.push_back({conjunction(where, {atLeast(form, 0)}), form});
      result.push_back({conjunction(where, {lessThan(form, 0)}), form + (int64_t(1) << width)});
    }
    llvm::erase_if(result, [&](const auto &entry) { return system.isEmpty(system.close(entry.first)); });
    return result;
  }
  if (auto selection = dyn_cast<arith::SelectOp>(operation))
    return readSelection(selection);
  if (auto absolute = dyn_cast<math::AbsIOp>(operation)) {
    Cases result;
    for (const auto &[where, form] : readInteger(absolute.getOperand())) {
      noteComparison(form, 0);
      result.push_back({conjunction(where, {atLeast(form, 0)}), form});
      result.push_back({conjunction(where, {lessThan(form, 0)}), -form});
    }
    return isWide(value) ? std::optional<Cases>(result) : std::nullopt;
  }
  if (operation->getNumOperands() != 2)
    return std::nullopt;
  Value lhs = operation->getOperand(0), rhs = operation->getOperand(1);
  if (auto sum = dyn_cast<arith::AddIOp>(operation)) {
    if (!cannotWrap(sum))
      return std::nullopt;
    return combine(lhs, rhs, [](Piece where, auto &a, auto &b, Cases &cases) { cases.push_back({where, a + b}); });
  }
  if (auto difference = dyn_cast<arith::SubIOp>(operation)) {
    if (!cannotWrap(difference))
      return std::nullopt;
    return combine(lhs, rhs, [](Piece where, auto &a, auto &b, Cases &cases) { cases.push_back({where, a - b}); });
  }
  if (isa<arith::MinSIOp, arith::MaxSIOp>(operation)) {
    bool isMax = isa<arith::MaxSIOp>(operation);
    return combine(lhs, rhs, [&](const Piece &where, auto &a, auto &b, Cases &cases) {
      noteComparison(a, b);
      cases.push_back({conjunction(where, {isMax ? atLeast(a, b) : atLeast(b, a)}), a});
      cases.push_back({conjunction(where, {isMax ? lessThan(a, b) : lessThan(b, a)}), b});
    });
  }
  if (getConstant(lhs))
    std::swap(lhs, rhs);
  std::optional<int64_t> constant = getConstant(rhs);
  if (!constant)
    return std::nullopt;
  bool isSwapped = rhs == operation->getOperand(0);
  if (auto product = dyn_cast<arith::MulIOp>(operation)) {
    if (!cannotWrap(product))
      return std::nullopt;
    Cases result = readInteger(lhs);
    for (auto &entry : result)
      entry.second = entry.second * *constant;
    return result;
  }
  if (isa<arith::AndIOp>(operation) && *constant > 0 && llvm::isPowerOf2_64(*constant + 1)) {
    // The low bits: x mod 2^n.
    Cases result;
    for (const auto &[where, form] : readInteger(lhs)) {
      limitSymbols(form);
      result.push_back({where, form - system.floorDivideAny(form, *constant + 1) * (*constant + 1)});
    }
    return result;
  }
  if (isSwapped)
    return std::nullopt;
  if (isa<arith::ShRSIOp>(operation))
    return *constant >= 0 && *constant < 40 ? readDivision(operation, int64_t(1) << *constant) : std::nullopt;
  bool isDivision =
      isa<arith::DivSIOp, arith::RemSIOp, arith::DivUIOp, arith::RemUIOp, arith::FloorDivSIOp, arith::CeilDivSIOp>(
          operation);
  return isDivision && *constant != 0 ? readDivision(operation, *constant) : std::nullopt;
}

} // namespace attn::masks
