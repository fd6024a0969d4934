// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random conditions: the masks that docs/Masks.md names, and arithmetic nobody has thought of.
#include "RegionWriter.h"

using namespace attn;

/// An index expression. Values stay small: what is multiplied is multiplied by constants, few levels deep.
std::string RegionWriter::writeIndex(int depth) {
  if (depth == 0 || choice.chance(25))
    switch (choice.below(8)) {
    case 0:
      return constant(choice.between(-3, 90));
    case 1:
      return width();
    case 2:
      return position(choice.chance(50) ? choice.of(draft.row) : std::string("j"));
    case 3:
      if (!draft.batch.empty())
        return position(choice.of(draft.batch));
      [[fallthrough]];
    case 4:
    case 5:
      return position("i");
    default:
      return position("j");
    }
  std::string a = writeIndex(depth - 1);
  switch (choice.below(12)) {
  case 0:
  case 1:
    return op("arith.addi " + llvm::Twine(a) + ", " + writeIndex(depth - 1) + " : index");
  case 2:
  case 3:
    return op("arith.subi " + llvm::Twine(a) + ", " + writeIndex(depth - 1) + " : index");
  case 4:
    return op("arith.muli " + llvm::Twine(a) + ", " + constant(choice.of({-2, -1, 2, 3, 7})) + " : index");
  case 5: {
    std::string name = choice.of({"divsi", "floordivsi", "ceildivsi"});
    return op("arith." + llvm::Twine(name) + " " + a + ", " + constant(choice.of({1, 2, 3, 5, 16, 64})) + " : index");
  }
  case 6:
    return op("arith.remsi " + llvm::Twine(a) + ", " + constant(choice.of({1, 2, 3, 5, 8, 64})) + " : index");
  case 7:
    return op("arith.minsi " + llvm::Twine(a) + ", " + writeIndex(depth - 1) + " : index");
  case 8:
    return op("arith.maxsi " + llvm::Twine(a) + ", " + writeIndex(depth - 1) + " : index");
  case 9:
    return op("math.absi " + llvm::Twine(a) + " : index");
  case 10: {
    std::string condition = writeComparison(0);
    return op("arith.select " + llvm::Twine(condition) + ", " + a + ", " + writeIndex(depth - 1) + " : index");
  }
  default:
    if (choice.chance(50))
      return op("arith.shrsi " + llvm::Twine(a) + ", " + constant(choice.between(0, 6)) + " : index");
    return op("arith.andi " + llvm::Twine(a) + ", " + constant(choice.of({1, 3, 7, 15, 63})) + " : index");
  }
}

std::string RegionWriter::writeComparison(int depth) {
  std::string left = writeIndex(depth), right = writeIndex(depth);
  return compare(choice.of({"eq", "ne", "slt", "sle", "sgt", "sge", "ult", "uge"}), left, right);
}

/// Masks by name.
std::string RegionWriter::writeKnownMask() {
  std::string i = position("i"), j = position("j");
  switch (choice.below(8)) {
  case 0: // causal, with an offset
    return compare("sle", j, op("arith.addi " + llvm::Twine(i) + ", " + anyWidth() + " : index"));
  case 1: { // causal window
    std::string back = op("arith.subi " + llvm::Twine(i) + ", " + j + " : index");
    return both(compare("sle", j, i), compare("slt", back, anyWidth()));
  }
  case 2: // prefix
    return op("arith.ori " + llvm::Twine(compare("sle", j, i)) + ", " + compare("slt", j, anyWidth()) + " : i1");
  case 3: { // blocks
    std::string size = constant(choice.of({4, 16, 40, 64}));
    std::string rowBlock = op("arith.divui " + llvm::Twine(i) + ", " + size + " : index");
    std::string keyBlock = op("arith.divui " + llvm::Twine(j) + ", " + size + " : index");
    return compare(choice.of({"eq", "sle"}), keyBlock, rowBlock);
  }
  case 4: { // every n-th
    std::string rest = op("arith.remui " + llvm::Twine(j) + ", " + constant(choice.between(2, 70)) + " : index");
    return compare(choice.of({"eq", "ne"}), rest, constant(choice.below(2)));
  }
  case 5: { // neighbourhood on a grid
    std::string columns = constant(choice.of({5, 8, 14})), keep;
    for (llvm::StringRef part : {"divui", "remui"}) {
      std::string row = op("arith." + part + " " + i + ", " + columns + " : index");
      std::string key = op("arith." + part + " " + j + ", " + columns + " : index");
      std::string apart = op("arith.subi " + llvm::Twine(row) + ", " + key + " : index");
      std::string near = compare("sle", op("math.absi " + llvm::Twine(apart) + " : index"), constant(2));
      keep = keep.empty() ? near : both(keep, near);
    }
    return keep;
  }
  case 6: // window of both sides
    return compare("ult",
                   op("arith.addi " + llvm::Twine(op("arith.subi " + llvm::Twine(j) + ", " + i + " : index")) + ", " +
                      constant(7) + " : index"),
                   constant(choice.of({8, 15, 40})));
  default: // a flag that turns something off
    return op("arith.ori " + llvm::Twine(capture("flag", "i1", {}, Role::Flag)) + ", " + compare("sle", j, i) +
              " : i1");
  }
}

/// Masks that operands say.
std::string RegionWriter::writeOperandMask() {
  switch (choice.below(4)) {
  case 0: { // lengths
    std::string element = choice.of({"i32", "i64"});
    std::string length = operand("length", element, draft.batch.empty() ? draft.row : draft.batch, Role::Length);
    std::string end = op("arith.index_cast " + llvm::Twine(length) + " : " + element + " to index");
    return compare("slt", position("j"), end);
  }
  case 1: { // documents
    std::string element = choice.of({"i32", "i64", "i8", "i16"});
    std::string row = operand("doc", element, {"i"}, Role::Document);
    std::string key = operand("doc", element, {"j"}, Role::Document);
    return compare("eq", row, key, element);
  }
  default:
    return operand("keep", "i1", someLoops(true), Role::Truth);
  }
}

std::string RegionWriter::writeCondition(int depth) {
  if (depth > 0 && choice.chance(60)) {
    std::string left = writeCondition(depth - 1);
    switch (choice.below(6)) {
    case 0:
    case 1:
      return both(left, writeCondition(depth - 1));
    case 2:
    case 3:
      return op("arith.ori " + llvm::Twine(left) + ", " + writeCondition(depth - 1) + " : i1");
    case 4:
      return op("arith.xori " + llvm::Twine(left) + ", " +
                (choice.chance(70) ? op("arith.constant true") : writeCondition(depth - 1)) + " : i1");
    default:
      return op("arith.select " + llvm::Twine(writeComparison(1)) + ", " + left + ", " + writeCondition(depth - 1) +
                " : i1");
    }
  }
  switch (choice.below(5)) {
  case 0:
  case 1:
    return writeKnownMask();
  case 2:
  case 3:
    return writeOperandMask();
  default:
    return writeComparison(2);
  }
}
