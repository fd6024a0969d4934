// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random scores. All of them are continuous in the score that they start from: at a jump the last bit decides, and
// nothing could be said of what a kernel computes.
#include "RegionWriter.h"

using namespace attn;

std::string RegionWriter::floatOperand(llvm::StringRef stem, std::vector<std::string> loops, Role role) {
  std::string element = choice.of({"f32", "f32", "f16", "bf16"});
  if (element == "f16")
    draft.kernel.expected.push_back(RefusalKind::Float16);
  std::string value = operand(stem, element, std::move(loops), role);
  if (element == draft.accumulator)
    return value;
  return op("arith.extf " + llvm::Twine(value) + " : " + element + " to " + draft.accumulator);
}

std::string RegionWriter::distance() {
  std::string apart = op("arith.subi " + llvm::Twine(position("j")) + ", " + position("i") + " : index");
  std::string integer = op("arith.index_cast " + llvm::Twine(apart) + " : index to i32");
  return op("arith.sitofp " + llvm::Twine(integer) + " : i32 to " + draft.accumulator);
}

std::string RegionWriter::writeScore(std::string s) {
  const std::string type = draft.accumulator;
  auto binary = [&](llvm::StringRef name, const std::string &left, const std::string &right) {
    return op("arith." + name + " " + left + ", " + right + " : " + type);
  };
  auto unary = [&](llvm::StringRef name, const std::string &value) { return op(name + " " + value + " : " + type); };
  for (int64_t step = 0, count = choice.between(1, 3); step < count; ++step) {
    switch (choice.below(16)) {
    case 0: { // softcap
      std::string cap = real(choice.of({0.5, 5.0, 30.0}));
      s = binary("mulf", unary("math.tanh", binary("divf", s, cap)), cap);
      break;
    }
    case 1:
    case 2:
    case 3: // bias
      s = binary("addf", s, floatOperand("bias", someLoops(true), Role::Bias));
      break;
    case 4: // ALiBi, slopes by head
    case 5: {
      std::string slope = draft.batch.empty() ? real(-0.25) : floatOperand("slope", {draft.batch.back()}, Role::Factor);
      s = binary("addf", s, binary("mulf", slope, distance()));
      break;
    }
    case 6: // relative position, looked up
    case 7: {
      int64_t size = choice.of({1, 7, 33});
      std::string table = capture("table", type, {{{}, size}}, Role::Table);
      std::string apart = op("arith.subi " + llvm::Twine(position("j")) + ", " + position("i") + " : index");
      apart = op("arith.addi " + llvm::Twine(apart) + ", " + constant(size / 2) + " : index");
      apart = op("arith.maxsi " + llvm::Twine(apart) + ", " + constant(0) + " : index");
      apart = op("arith.minsi " + llvm::Twine(apart) + ", " + constant(size - 1) + " : index");
      std::string tableType = printType(draft.kernel.arguments.back(), draft.kernel.sizes);
      s = binary("addf", s, op("tensor.extract " + llvm::Twine(table) + "[" + apart + "] : " + tableType));
      break;
    }
    case 8: // masked by score
    case 9: {
      std::string inf =
          op("arith.constant " + llvm::Twine(type == "f64" ? "0xFFF0000000000000" : "0xFF800000") + " : " + type);
      s = op("arith.select " + llvm::Twine(writeCondition(1)) + ", " + s + ", " + inf + " : " + type);
      break;
    }
    case 10: // temperature
      s = binary("mulf", s, capture("t", type, {}, Role::Number));
      break;
    case 11: // a factor by row
      s = binary("mulf", s, floatOperand("factor", someLoops(false), Role::Factor));
      break;
    case 12: // leaky
      s = op("arith.select " + llvm::Twine(op("arith.cmpf ogt, " + llvm::Twine(s) + ", " + real(0) + " : " + type)) +
             ", " + s + ", " + binary("mulf", s, real(0.1)) + " : " + type);
      break;
    case 13: // soft sign
      s = binary("divf", s, binary("addf", unary("math.absf", s), real(1)));
      break;
    case 14:
      s = binary(choice.of({"maximumf", "minimumf", "maxnumf", "minnumf"}), s, real(choice.of({-1.0, 0.0, 2.0})));
      break;
    default: // of whatever else has a form in registers
      switch (choice.below(4)) {
      case 0:
        s = unary("math.sqrt", binary("addf", binary("mulf", s, s), real(1)));
        break;
      case 1:
        s = unary("math.exp", binary("minimumf", s, real(2)));
        break;
      case 2:
        s = unary("math.log", binary("addf", unary("math.absf", s), real(1)));
        break;
      default:
        if (choice.chance(20)) {
          draft.kernel.expected.push_back(RefusalKind::MathsLibrary);
          s = unary("math.sin", s);
        } else {
          s = unary("arith.negf", s);
        }
      }
    }
  }
  return s;
}

std::string RegionWriter::writeSimilarity(const std::string &q, const std::string &k) {
  const std::string type = draft.accumulator;
  auto binary = [&](llvm::StringRef name, const std::string &left, const std::string &right) {
    return op("arith." + name + " " + left + ", " + right + " : " + type);
  };
  switch (choice.below(3)) {
  case 0: // a weight for each d
    return binary("mulf", binary("mulf", q, k), floatOperand("weight", {"d"}, Role::Factor));
  case 1: { // distance
    std::string apart = binary("subf", q, k);
    return op("arith.negf " + llvm::Twine(binary("mulf", apart, apart)) + " : " + type);
  }
  default: // additive
    return binary("mulf", op("math.tanh " + llvm::Twine(binary("addf", q, k)) + " : " + type),
                  floatOperand("weight", {"d"}, Role::Factor));
  }
}
