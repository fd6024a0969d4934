// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One random attn.packed, and what it means in attn.generic: a row and a key are of one sequence if any of them, looked
// at one by one, holds both.
#include "FuzzKernel.h"

#include "llvm/ADT/StringExtras.h"

using namespace attn;

namespace {
using Texts = std::vector<std::string>;

class PackedKernel {
public:
  explicit PackedKernel(Choice &choice) : choice(choice) {}

  FuzzKernel make() {
    chooseSizes();
    addArguments();
    kernel.text = printFunction(writeOp());
    kernel.reference = printFunction(writeMeaning());
    return std::move(kernel);
  }

private:
  int64_t size(const std::string &loop) const { return kernel.sizes.at(loop); }

  void chooseSizes() {
    std::map<std::string, int64_t> &sizes = kernel.sizes;
    sizes["h"] = choice.between(1, 2);
    sizes["g"] = choice.between(1, 3);
    for (const char *loop : {"i", "j"})
      sizes[loop] = choice.chance(80) ? -1 : choice.of({1, 33, 64, 70, 129});
    for (const char *loop : {"d", "e"})
      sizes[loop] = choice.of({1, 4, 8, 16, 17, 32, 64});
    numSequences = choice.of({1, 2, 3, 3, 5});
    causal = choice.of({"", "top_left", "bottom_right"});
    element = choice.of({"f32", "f32", "bf16", "f16"});
    if (element == "f16")
      kernel.expected.push_back(RefusalKind::Float16);
    integer = choice.of({"i32", "i64"});
    scale = choice.of({"1.000000e+00", "1.250000e-01", "-5.000000e-01"});
    hasLse = choice.chance(50);
    kernel.expected.push_back(RefusalKind::GpuProducer);
  }

  void addArguments() {
    std::vector<FuzzArgument> &arguments = kernel.arguments;
    arguments.push_back({"q", element, {{{"i"}, 1}, {{"h", "g"}, 1}, {{"d"}, 1}}, Role::Query});
    arguments.push_back({"k", element, {{{"j"}, 1}, {{"h"}, 1}, {{"d"}, 1}}, Role::Key});
    arguments.push_back({"v", element, {{{"j"}, 1}, {{"h"}, 1}, {{"e"}, 1}}, Role::Value});
    arguments.push_back({"rows", integer, {{{}, numSequences + 1}}, Role::RowSums});
    arguments.push_back({"keys", integer, {{{}, numSequences + 1}}, Role::KeySums});
  }

  std::string type(size_t argument) const { return printType(kernel.arguments[argument], kernel.sizes); }

  Texts resultTypes() const {
    Texts types{printType({"", element, {{{"i"}, 1}, {{"h", "g"}, 1}, {{"e"}, 1}}}, kernel.sizes)};
    if (hasLse)
      types.push_back(printType({"", "f32", {{{"h", "g"}, 1}, {{"i"}, 1}}}, kernel.sizes));
    return types;
  }

  std::string printFunction(const std::string &body) const {
    Texts parameters, results = resultTypes();
    for (auto [number, argument] : llvm::enumerate(kernel.arguments))
      parameters.push_back("%" + argument.name + ": " + type(number) + " {attn.name = \"" + argument.name + "\"}");
    results[0] += " {attn.name = \"out\"}";
    if (hasLse)
      results[1] += " {attn.name = \"lse\"}";
    return "func.func @kernel(" + llvm::join(parameters, ",\n                  ") + ")\n    -> (" +
           llvm::join(results, ", ") + ") {\n" + body + "}\n";
  }

  std::string writeOp() const {
    Texts types = resultTypes();
    return std::string("  %r") + (hasLse ? ":2" : "") + " = attn.packed %q, %k, %v rows(%rows : " + type(3) +
           ") keys(%keys : " + type(4) + ")" + (causal.empty() ? "" : " causal(" + causal + ")") + " scale(" + scale +
           ")" + (hasLse ? " returns(out, lse)" : "") + "\n     : (" + type(0) + ", " + type(1) + ", " + type(2) +
           ") -> " + llvm::join(types, ", ") + "\n  return " + (hasLse ? "%r#0, %r#1" : "%r") + " : " +
           llvm::join(types, ", ") + "\n";
  }

  /// The condition of sequence number `s`, whose values have names with that number.
  std::string writeSequence(int64_t s) const {
    std::string text, n = std::to_string(s);
    auto op = [&](const std::string &name, const std::string &what) {
      text += "      %" + name + n + " = " + what + "\n";
    };
    op("at", "arith.constant " + n + " : index");
    op("next", "arith.constant " + std::to_string(s + 1) + " : index");
    for (auto [name, sums, index] : {std::tuple("rb", "rows", "at"), std::tuple("re", "rows", "next"),
                                     std::tuple("kb", "keys", "at"), std::tuple("ke", "keys", "next")}) {
      std::string from = "%in_" + std::string(sums);
      op(std::string(name) + "x", "tensor.extract " + from + "[%" + index + n + "] : " + type(3));
      op(name, "arith.index_cast %" + std::string(name) + "x" + n + " : " + integer + " to index");
    }
    op("from", "arith.cmpi sle, %rb" + n + ", %i : index");
    op("to", "arith.cmpi slt, %i, %re" + n + " : index");
    op("begun", "arith.cmpi sle, %kb" + n + ", %j : index");
    op("left", "arith.cmpi slt, %j, %ke" + n + " : index");
    op("rowIn", "arith.andi %from" + n + ", %to" + n + " : i1");
    op("keyIn", "arith.andi %begun" + n + ", %left" + n + " : i1");
    op("both", "arith.andi %rowIn" + n + ", %keyIn" + n + " : i1");
    if (causal.empty())
      return text;
    op("row", "arith.subi %i, %rb" + n + " : index");
    op("key", "arith.subi %j, %kb" + n + " : index");
    op("rn", "arith.subi %re" + n + ", %rb" + n + " : index");
    op("kn", "arith.subi %ke" + n + ", %kb" + n + " : index");
    op("more", "arith.subi %kn" + n + ", %rn" + n + " : index");
    op("low", "arith.addi %row" + n + ", %more" + n + " : index");
    op("past", "arith.cmpi sle, %key" + n + ", %" + (causal == "top_left" ? "row" : "low") + n + " : index");
    op("kept", "arith.andi %both" + n + ", %past" + n + " : i1");
    return text;
  }

  std::string writeMeaning() const {
    std::string body, h = std::to_string(size("h")), g = std::to_string(size("g")), rows = printSize(size("i"));
    std::string d = std::to_string(size("d")), e = std::to_string(size("e"));
    std::string given = size("i") < 0 ? "%N" : "", n = size("i") < 0 ? "%N" : rows;
    body += "  %first = arith.constant 0 : index\n  %N = tensor.dim %q, %first : " + type(0) + "\n";
    std::string splitType = "tensor<" + rows + "x" + h + "x" + g + "x" + d + "x" + element + ">";
    std::string outType = "tensor<" + rows + "x" + h + "x" + g + "x" + e + "x" + element + ">";
    std::string lseType = "tensor<" + h + "x" + g + "x" + rows + "xf32>";
    body += "  %split = tensor.expand_shape %q [[0], [1, 2], [3]] output_shape [" + n + ", " + h + ", " + g + ", " + d +
            "] : " + type(0) + " into " + splitType + "\n";
    body += "  %out = tensor.empty(" + given + ") : " + outType + "\n";
    body += "  %lse = tensor.empty(" + given + ") : " + lseType + "\n";
    auto map = [](const std::string &loops) { return "affine_map<(h, g, i, j, d, e) -> (" + loops + ")>"; };
    body += std::string("  %r") + (hasLse ? ":2" : "") + " = attn.generic ins(%split, %k, %v : " + splitType + ", " +
            type(1) + ", " + type(2) + ") captures(%rows, %keys : " + type(3) + ", " + type(4) +
            ")\n    outs(out %out : " + outType + (hasLse ? ", lse %lse : " + lseType : "") + ")\n    maps [" +
            llvm::join(Texts{map("i, h, g, d"), map("j, h, d"), map("j, h, e"), map("i, h, g, e")}, ", ") +
            (hasLse ? ", " + map("h, g, i") : "") + "]\n    scale(" + scale + ") normalizer(#attn.softmax) mask {\n" +
            "    ^bb0(%in_rows: " + type(3) + ", %in_keys: " + type(4) +
            "):\n      %i = attn.index 2\n      %j = attn.index 3\n      %keep = arith.constant false\n";
    std::string keep = "%keep", kept = causal.empty() ? "%both" : "%kept";
    for (int64_t s = 0; s < numSequences; ++s) {
      std::string number = std::to_string(s);
      body += writeSequence(s) + "      %keep" + number + " = arith.ori " + keep + ", " + kept + number + " : i1\n";
      keep = "%keep" + number;
    }
    body += "      attn.yield " + keep + " : i1\n    }\n";
    Texts types = resultTypes();
    body += "  %joined0 = tensor.collapse_shape %r" + std::string(hasLse ? "#0" : "") +
            " [[0], [1, 2], [3]] : " + outType + " into " + types[0] + "\n";
    if (hasLse)
      body += "  %joined1 = tensor.collapse_shape %r#1 [[0, 1], [2]] : " + lseType + " into " + types[1] + "\n";
    return body + "  return %joined0" + (hasLse ? ", %joined1" : "") + " : " + llvm::join(types, ", ") + "\n";
  }

  Choice &choice;
  FuzzKernel kernel;
  int64_t numSequences = 1;
  std::string causal, element, integer, scale;
  bool hasLse = false;
};
} // namespace

FuzzKernel attn::makePackedKernel(Choice &choice) { return PackedKernel(choice).make(); }
