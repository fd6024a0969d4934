// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RegionWriter.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attn;

size_t GenericDraft::addArgument(llvm::StringRef stem, llvm::StringRef element, std::vector<Extent> extents,
                                 Role role) {
  kernel.arguments.push_back(
      {(stem + llvm::Twine(kernel.arguments.size())).str(), element.str(), std::move(extents), role});
  return kernel.arguments.size() - 1;
}

std::string RegionWriter::op(const llvm::Twine &text) {
  std::string name = "%" + prefix + std::to_string(numValues++);
  body += ("      " + llvm::Twine(name) + " = " + text + "\n").str();
  return name;
}

std::string RegionWriter::constant(int64_t value, llvm::StringRef type) {
  return op("arith.constant " + llvm::Twine(value) + " : " + type);
}

std::string RegionWriter::real(double value) {
  return op("arith.constant " + llvm::Twine(llvm::formatv("{0:e6}", value).str()) + " : " + draft.accumulator);
}

std::string RegionWriter::position(llvm::StringRef loop) {
  return op("attn.index " + llvm::Twine(llvm::find(draft.loops, loop) - draft.loops.begin()));
}

std::string RegionWriter::compare(llvm::StringRef predicate, const std::string &left, const std::string &right,
                                  llvm::StringRef type) {
  return op("arith.cmpi " + predicate + ", " + left + ", " + right + " : " + type);
}

std::string RegionWriter::both(const std::string &left, const std::string &right) {
  return op("arith.andi " + llvm::Twine(left) + ", " + right + " : i1");
}

std::string RegionWriter::operand(llvm::StringRef stem, llvm::StringRef element, std::vector<std::string> loops,
                                  Role role) {
  choice.shuffle(loops);
  std::vector<Extent> extents;
  for (const std::string &loop : loops)
    extents.push_back({{loop}, 1});
  operands.push_back({draft.addArgument(stem, element, std::move(extents), role), std::move(loops)});
  return "%x_" + draft.kernel.arguments.back().name;
}

std::string RegionWriter::capture(llvm::StringRef stem, llvm::StringRef element, std::vector<Extent> extents,
                                  Role role) {
  for (const RegionOperand &have : draft.captures) {
    const FuzzArgument &argument = draft.kernel.arguments[have.argument];
    if (argument.role == role && argument.element == element && argument.isScalar() && choice.chance(40))
      return "%c_" + argument.name;
  }
  draft.captures.push_back({draft.addArgument(stem, element, std::move(extents), role), {}});
  return "%c_" + draft.kernel.arguments.back().name;
}

std::string RegionWriter::anyWidth() { return choice.chance(50) ? width() : constant(choice.between(0, 90)); }

std::vector<std::string> RegionWriter::someLoops(bool withKey) {
  std::vector<std::string> all = draft.batch, chosen;
  all.insert(all.end(), draft.row.begin(), draft.row.end());
  if (withKey)
    all.push_back("j");
  for (const std::string &loop : all)
    if (choice.chance(50))
      chosen.push_back(loop);
  if (chosen.empty())
    chosen.push_back(choice.of(all));
  return chosen;
}

std::string RegionWriter::print(llvm::StringRef leading, llvm::StringRef result, llvm::StringRef resultType) const {
  std::vector<std::string> arguments;
  if (!leading.empty())
    arguments.push_back(leading.str());
  for (const RegionOperand &operand : operands) {
    const FuzzArgument &argument = draft.kernel.arguments[operand.argument];
    arguments.push_back("%x_" + argument.name + ": " + argument.element);
  }
  for (const RegionOperand &capture : draft.captures) {
    const FuzzArgument &argument = draft.kernel.arguments[capture.argument];
    arguments.push_back("%c_" + argument.name + ": " + printType(argument, draft.kernel.sizes));
  }
  std::string text = "{\n";
  if (!arguments.empty())
    text += "    ^bb0(" + llvm::join(arguments, ", ") + "):\n";
  text += body;
  return text + "      attn.yield " + result.str() + " : " + resultType.str() + "\n    }";
}
