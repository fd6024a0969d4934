// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Boolean structure of a mask region, and what its values depend on. MaskValues.cpp reads integers.
#include "MaskReader.h"

#include "attn/Analysis/RangeForms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace attn {

std::string getInputName(ScoredOpInterface op, unsigned regionArgument) {
  unsigned numElements = op.getMaskOperands().size();
  bool isCapture = regionArgument >= numElements;
  unsigned number = isCapture ? regionArgument - numElements : regionArgument;
  std::string numbered = (isCapture ? "c" : "o") + std::to_string(number);
  Value input = isCapture ? op.getCaptures()[number] : op.getMaskOperands()[number];
  auto argument = dyn_cast<BlockArgument>(input);
  auto function = argument ? dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp()) : nullptr;
  if (!function)
    return numbered;
  auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), kArgumentName);
  if (!name)
    return numbered;
  // One letter or one word with a number may be a symbol's own name.
  bool isTaken = llvm::is_contained({"N", "M", "i", "j", "row", "key", "last", "quotient"}, name.getValue()) ||
                 llvm::any_of(std::initializer_list<StringRef>{"c", "o", "loop", "row", "key"}, [&](StringRef prefix) {
                   StringRef rest = name.getValue();
                   unsigned digits;
                   return rest.consume_front(prefix) && !rest.getAsInteger(10, digits);
                 });
  return isTaken ? numbered : name.str();
}

} // namespace attn

namespace attn::masks {

/// A union of more pieces than this is given up.
constexpr size_t kMostPieces = 32;

MaskReader::MaskReader(TileSystem &system, const MaskProblem &problem)
    : system(system), problem(problem), op(problem.op) {
  symbols[system.i] = {KeyRangeSymbol::Kind::RowTile, {}};
  symbols[system.rows] = {KeyRangeSymbol::Kind::RowCount, {}};
  symbols[system.keys] = {KeyRangeSymbol::Kind::KeyCount, {}};
}

Union MaskReader::read(bool kept) {
  Union result{{}};
  Region &mask = op.getMask();
  if (!mask.empty())
    result = readBool(mask.front().getTerminator()->getOperand(0), kept);
  else if (!kept)
    result.clear();
  return intersect(result, {{lessThan(LinearForm::variable(system.key), LinearForm::variable(system.keys))}});
}

Union MaskReader::simplify(Union pieces) {
  Union result;
  for (Piece &piece : pieces)
    if (!system.isEmpty(system.close(piece)))
      result.push_back(std::move(piece));
  if (result.size() <= kMostPieces)
    return result;
  KeyRangeReason reason{op, "more than " + std::to_string(kMostPieces) + " alternatives", {}, false};
  if (!llvm::is_contained(reasons, reason))
    reasons.push_back(reason);
  return {{}};
}

Union MaskReader::intersect(const Union &a, const Union &b) {
  Union result;
  for (const Piece &first : a)
    for (const Piece &second : b)
      result.push_back(conjunction(first, second));
  return simplify(std::move(result));
}

static Union unite(Union a, const Union &b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Union MaskReader::readBool(Value value, bool wanted) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.isZero() == wanted ? Union{} : Union{{}};
  Operation *operation = value.getDefiningOp();
  if (isa_and_nonnull<arith::AndIOp, arith::OrIOp>(operation)) {
    Union lhs = readBool(operation->getOperand(0), wanted), rhs = readBool(operation->getOperand(1), wanted);
    return isa<arith::AndIOp>(operation) == wanted ? intersect(lhs, rhs) : unite(std::move(lhs), rhs);
  }
  if (isa_and_nonnull<arith::XOrIOp>(operation))
    return readExclusiveOr(operation->getOperand(0), operation->getOperand(1), wanted);
  if (auto selection = dyn_cast_or_null<arith::SelectOp>(operation)) {
    Union ifTrue = intersect(readBool(selection.getCondition(), true), readBool(selection.getTrueValue(), wanted));
    Union ifFalse = intersect(readBool(selection.getCondition(), false), readBool(selection.getFalseValue(), wanted));
    return unite(std::move(ifTrue), ifFalse);
  }
  if (auto comparison = dyn_cast_or_null<arith::CmpIOp>(operation)) {
    Type type = comparison.getLhs().getType();
    bool isEqual = comparison.getPredicate() == arith::CmpIPredicate::eq;
    if (type.isInteger(1) && (isEqual || comparison.getPredicate() == arith::CmpIPredicate::ne))
      return readExclusiveOr(comparison.getLhs(), comparison.getRhs(), wanted != isEqual);
    if (type.isIndex() || (type.isSignlessInteger() && !type.isInteger(1) && type.getIntOrFloatBitWidth() <= 64))
      return readComparison(comparison, wanted);
  }
  return readFlag(value, wanted);
}

Union MaskReader::readExclusiveOr(Value lhs, Value rhs, bool wanted) {
  for (auto [side, other] : {std::pair(lhs, rhs), std::pair(rhs, lhs)}) {
    APInt constant;
    if (matchPattern(side, m_ConstantInt(&constant)))
      return readBool(other, constant.isZero() ? wanted : !wanted);
  }
  return unite(intersect(readBool(lhs, true), readBool(rhs, !wanted)),
               intersect(readBool(lhs, false), readBool(rhs, wanted)));
}

Union MaskReader::readFlag(Value value, bool wanted) {
  unsigned flag = getVariable(value);
  return {{equalTo(LinearForm::variable(flag), wanted ? 1 : 0)}};
}

Union MaskReader::readOrder(Value left, Value right, bool strict) {
  // Case by case where the bounded side allows it: max(a, b) <= c is a <= c and b <= c, without asking which is larger.
  auto split = [&](auto part, bool isLeft, bool together) {
    Union first = isLeft ? readOrder(part.getLhs(), right, strict) : readOrder(left, part.getLhs(), strict);
    Union second = isLeft ? readOrder(part.getRhs(), right, strict) : readOrder(left, part.getRhs(), strict);
    return together ? intersect(first, second) : simplify(unite(std::move(first), second));
  };
  if (auto maximum = left.getDefiningOp<arith::MaxSIOp>())
    return split(maximum, true, true);
  if (auto minimum = left.getDefiningOp<arith::MinSIOp>())
    return split(minimum, true, false);
  if (auto maximum = right.getDefiningOp<arith::MaxSIOp>())
    return split(maximum, false, false);
  if (auto minimum = right.getDefiningOp<arith::MinSIOp>())
    return split(minimum, false, true);
  auto leftAbsolute = left.getDefiningOp<math::AbsIOp>();
  if (leftAbsolute && left.getType().isIndex())
    left = leftAbsolute.getOperand();
  else
    leftAbsolute = nullptr;
  Union result;
  for (const auto &[leftWhere, a] : readInteger(left))
    for (const auto &[rightWhere, b] : readInteger(right)) {
      Piece piece = conjunction(leftWhere, rightWhere);
      noteComparison(a, b);
      piece.push_back(strict ? lessThan(a, b) : atLeast(b, a));
      if (leftAbsolute)
        piece.push_back(strict ? lessThan(-a, b) : atLeast(b, -a));
      result.push_back(std::move(piece));
    }
  return simplify(std::move(result));
}

Union MaskReader::readComparison(arith::CmpIOp comparison, bool wanted) {
  using Predicate = arith::CmpIPredicate;
  Predicate predicate = comparison.getPredicate();
  if (!wanted)
    predicate = arith::invertPredicate(predicate);
  Value left = comparison.getLhs(), right = comparison.getRhs();
  // a > b is b < a, a >= b is b <= a.
  bool isSwapped = llvm::is_contained({Predicate::sgt, Predicate::sge, Predicate::ugt, Predicate::uge}, predicate);
  if (isSwapped)
    std::swap(left, right);
  bool strict = llvm::is_contained({Predicate::slt, Predicate::sgt, Predicate::ult, Predicate::ugt}, predicate);
  if (llvm::is_contained({Predicate::slt, Predicate::sle, Predicate::sgt, Predicate::sge}, predicate))
    return readOrder(left, right, strict);
  Union result;
  for (const auto &[leftWhere, a] : readInteger(left))
    for (const auto &[rightWhere, b] : readInteger(right)) {
      Piece where = conjunction(leftWhere, rightWhere);
      noteComparison(a, b);
      auto add = [&](Piece piece) { result.push_back(conjunction(where, piece)); };
      if (predicate == Predicate::eq) {
        add({equalTo(a, b)});
      } else if (predicate == Predicate::ne) {
        add({lessThan(a, b)});
        add({lessThan(b, a)});
      } else {
        // Unsigned: negative numbers come after all others, in their own order.
        Constraint order = strict ? lessThan(a, b) : atLeast(b, a);
        add({atLeast(a, 0), atLeast(b, 0), order});
        add({atLeast(a, 0), lessThan(b, 0)});
        add({lessThan(a, 0), lessThan(b, 0), order});
      }
    }
  return simplify(std::move(result));
}

BlockArgument MaskReader::asOperandOrCapture(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && argument.getOwner() == &op.getMask().front() ? argument : BlockArgument();
}

std::optional<int64_t> MaskReader::getConstant(Value value) {
  if (BlockArgument argument = asOperandOrCapture(value)) {
    unsigned numElements = op.getMaskOperands().size();
    if (argument.getArgNumber() < numElements)
      return std::nullopt;
    value = op.getCaptures()[argument.getArgNumber() - numElements];
  }
  APInt constant;
  if (!matchPattern(value, m_ConstantInt(&constant)) || constant.getSignificantBits() > 40)
    return std::nullopt;
  return constant.getSExtValue();
}

bool MaskReader::dependsOnPair(Value value) {
  auto it = pairDependence.find(value);
  if (it != pairDependence.end())
    return it->second;
  auto isPairLoop = [&](unsigned loop) {
    return loop == problem.rowLoop || loop == static_cast<unsigned>(problem.loops.key);
  };
  bool depends = false;
  if (BlockArgument argument = asOperandOrCapture(value)) {
    if (argument.getArgNumber() < op.getMaskOperands().size()) {
      unsigned first = problem.firstMaskMap;
      AffineMap map = cast<AffineMapAttr>(op.getIndexingMaps()[first + argument.getArgNumber()]).getValue();
      depends = map.isFunctionOfDim(problem.rowLoop) || map.isFunctionOfDim(problem.loops.key);
    }
  } else if (auto index = value.getDefiningOp<IndexOp>()) {
    depends = isPairLoop(index.getLoop());
  } else if (Operation *operation = value.getDefiningOp()) {
    depends = llvm::any_of(operation->getOperands(), [&](Value operand) { return dependsOnPair(operand); });
  }
  return pairDependence[value] = depends;
}

bool MaskReader::canRunOutside(Value value) {
  Operation *operation = value.getDefiningOp();
  if (!operation || operation->getParentRegion() != &op.getMask() || isa<IndexOp>(operation))
    return true;
  return isSpeculatable(operation) &&
         llvm::all_of(operation->getOperands(), [&](Value operand) { return canRunOutside(operand); });
}

std::string MaskReader::getName(Value value) {
  if (BlockArgument argument = asOperandOrCapture(value))
    return getInputName(op, argument.getArgNumber());
  if (auto index = value.getDefiningOp<IndexOp>())
    return "loop" + std::to_string(index.getLoop());
  return "(" + value.getDefiningOp()->getName().getStringRef().str() + ")";
}

unsigned MaskReader::getVariable(Value value) {
  auto it = variables.find(value);
  if (it != variables.end())
    return it->second;
  bool isSymbol = !dependsOnPair(value) && canRunOutside(value);
  unsigned variable =
      system.add(isSymbol ? VariableKind::Symbol : VariableKind::Existential, isSymbol ? getName(value) : "unknown");
  if (isSymbol)
    symbols[variable] = {KeyRangeSymbol::Kind::RegionValue, value};
  else
    giveReason(value);
  if (isFar(value))
    far.insert(variable);
  if (value.getType().isInteger(1)) {
    Piece range{atLeast(LinearForm::variable(variable), 0), atLeast(1, LinearForm::variable(variable))};
    for (const Constraint &constraint : range)
      if (isSymbol)
        system.assume(constraint);
      else
        system[variable].definition.push_back(constraint);
  }
  return variables[value] = variable;
}

void MaskReader::giveReason(Value value) {
  KeyRangeReason reason{value.getDefiningOp(), "", value, hasRangeForm(value)};
  if (reason.op) {
    reason.text = reason.op->getName().getStringRef().str();
  } else {
    reason.op = op;
    reason.text = "mask operand " + std::to_string(cast<BlockArgument>(value).getArgNumber());
  }
  if (!llvm::is_contained(reasons, reason))
    reasons.push_back(reason);
}

} // namespace attn::masks
