// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ProducerWriter.h"

#include "llvm/ADT/StringExtras.h"

using namespace attn;

std::string ProducerWriter::printMap(const std::vector<std::string> &results) const {
  return "affine_map<(" + llvm::join(loops, ", ") + ") -> (" + llvm::join(results, ", ") + ")>";
}

std::string ProducerWriter::op(const llvm::Twine &text) {
  std::string name = "%y" + std::to_string(numValues++);
  body += ("    " + llvm::Twine(name) + " = " + text + "\n").str();
  return name;
}

std::string ProducerWriter::widen(const std::string &value, llvm::StringRef from) {
  if (from == "i8")
    return op("arith.sitofp " + llvm::Twine(value) + " : i8 to f32");
  return from == "f32" ? value : op("arith.extf " + llvm::Twine(value) + " : " + from + " to f32");
}

std::string ProducerWriter::narrow(const std::string &value) {
  return element == "f32" ? value : op("arith.truncf " + llvm::Twine(value) + " : f32 to " + element);
}

std::string ProducerWriter::extractPartner(size_t source) {
  const FuzzArgument &argument = draft.kernel.arguments[source];
  int64_t size = draft.kernel.sizes.at(loops.back());
  std::vector<std::string> indices;
  for (size_t number = 0; number < loops.size(); ++number)
    indices.push_back(op("linalg.index " + llvm::Twine(number) + " : index"));
  std::string half = op("arith.constant " + llvm::Twine(size / 2) + " : index");
  std::string count = op("arith.constant " + llvm::Twine(size) + " : index");
  std::string further = op("arith.addi " + llvm::Twine(indices.back()) + ", " + half + " : index");
  indices.back() = op("arith.remui " + llvm::Twine(further) + ", " + count + " : index");
  std::string partner = op("tensor.extract %" + llvm::Twine(argument.name) + "[" + llvm::join(indices, ", ") +
                           "] : " + printType(argument, draft.kernel.sizes));
  return widen(partner, argument.element);
}

std::string ProducerWriter::write(size_t source, const std::string &name) {
  enum { Dequantise, Multiply, Rotate } kind = choice.of({Dequantise, Dequantise, Multiply, Rotate});
  FuzzArgument &stored = draft.kernel.arguments[source];
  if (kind == Dequantise) {
    stored.element = "i8";
    stored.role = Role::Stored;
  }
  std::string from = stored.element, storedName = "%" + stored.name, sourceType = printType(stored, draft.kernel.sizes);
  std::vector<std::string> ins{storedName}, types{sourceType}, block{"%stored: " + from}, maps{printMap(loops)};
  std::vector<Extent> extents;
  std::vector<std::string> factorLoops;
  for (const std::string &loop : loops)
    if (choice.chance(40)) {
      factorLoops.push_back(loop);
      extents.push_back({{loop}, 1});
    }
  if (factorLoops.empty()) {
    factorLoops.push_back(loops.back());
    extents.push_back({{loops.back()}, 1});
  }
  const FuzzArgument &factor =
      draft.kernel.arguments[draft.addArgument("factor", "f32", std::move(extents), Role::Factor)];
  ins.push_back("%" + factor.name);
  types.push_back(printType(factor, draft.kernel.sizes));
  block.push_back("%factor: f32");
  maps.push_back(printMap(factorLoops));

  std::string value = kind == Rotate ? "" : widen("%stored", from);
  if (kind == Dequantise) { // floats of the size that others have
    std::string step = op("arith.constant 7.812500e-03 : f32");
    value = op("arith.mulf " + llvm::Twine(value) + ", " + step + " : f32");
  } else if (kind == Rotate) { // no sum with the element: what cancels is judged too strictly (docs/Numerics.md)
    value = extractPartner(source);
  }
  value = op("arith.mulf " + llvm::Twine(value) + ", %factor : f32");
  value = narrow(value);

  // Sizes are those of what is stored.
  std::string text, made = "tensor<";
  std::vector<std::string> dynamic, kinds(loops.size(), "\"parallel\"");
  for (auto [dimension, loop] : llvm::enumerate(loops)) {
    int64_t size = draft.kernel.sizes.at(loop);
    made += printSize(size) + "x";
    if (size >= 0)
      continue;
    std::string at = name + "_at" + std::to_string(dimension);
    dynamic.push_back(name + "_size" + std::to_string(dimension));
    text += "  " + at + " = arith.constant " + std::to_string(dimension) + " : index\n";
    text += "  " + dynamic.back() + " = tensor.dim " + storedName + ", " + at + " : " + sourceType + "\n";
  }
  made += element + ">";
  maps.push_back(printMap(loops));
  text += "  " + name + "_init = tensor.empty(" + llvm::join(dynamic, ", ") + ") : " + made + "\n";
  text += "  " + name + " = linalg.generic {indexing_maps = [" + llvm::join(maps, ", ") + "], iterator_types = [" +
          llvm::join(kinds, ", ") + "]}\n    ins(" + llvm::join(ins, ", ") + " : " + llvm::join(types, ", ") +
          ") outs(" + name + "_init : " + made + ") {\n  ^bb0(" + llvm::join(block, ", ") + ", %unused: " + element +
          "):\n" + body + "    linalg.yield " + value + " : " + element + "\n  } -> " + made + "\n";
  return text;
}
