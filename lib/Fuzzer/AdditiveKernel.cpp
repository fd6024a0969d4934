// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One random attn.additive, and what it means in attn.generic: the similarity as the paper writes it.
#include "FuzzKernel.h"

#include "llvm/ADT/StringExtras.h"

using namespace attn;

namespace {
using Texts = std::vector<std::string>;

class AdditiveKernel {
public:
  explicit AdditiveKernel(Choice &choice) : choice(choice) {}

  FuzzKernel make() {
    choose();
    addArguments();
    kernel.text = printFunction(writeOp());
    kernel.reference = printFunction(writeMeaning());
    return std::move(kernel);
  }

private:
  void choose() {
    std::map<std::string, int64_t> &sizes = kernel.sizes;
    sizes["b"] = choice.of({-1, -1, 1, 2});
    sizes["i"] = choice.of({-1, -1, 1, 1, 3, 17, 64, 70});
    sizes["j"] = choice.chance(80) ? -1 : choice.of({1, 33, 64, 129});
    for (const char *loop : {"d", "e"})
      sizes[loop] = choice.of({1, 4, 7, 16, 17, 32, 50});
    element = choice.of({"f32", "f32", "bf16", "f16"});
    if (element == "f16")
      kernel.expected.push_back(RefusalKind::Float16);
    kernel.hasSimilarity = true;
    hasMask = choice.chance(50);
    hasLse = choice.chance(50);
    hasWeights = choice.chance(30);
    if (hasWeights)
      kernel.expected.push_back(RefusalKind::GpuResult);
  }

  void addArguments() {
    std::vector<FuzzArgument> &arguments = kernel.arguments;
    arguments.push_back({"q", element, {{{"b"}, 1}, {{"i"}, 1}, {{"d"}, 1}}, Role::Query});
    arguments.push_back({"k", element, {{{"b"}, 1}, {{"j"}, 1}, {{"d"}, 1}}, Role::Key});
    arguments.push_back({"v", element, {{{"b"}, 1}, {{"j"}, 1}, {{"e"}, 1}}, Role::Value});
    arguments.push_back({"w", element, {{{"d"}, 1}}, Role::Factor});
    if (!hasMask)
      return;
    // Of the source, or of each step and key.
    hasRows = choice.chance(40);
    Extent rows = hasRows ? Extent{{"i"}, 1} : Extent{{}, 1};
    arguments.push_back({"m", "i1", {{{"b"}, 1}, rows, {{"j"}, 1}}, Role::Truth});
  }

  std::string type(size_t argument) const { return printType(kernel.arguments[argument], kernel.sizes); }

  Texts resultTypes() const {
    Texts types{printType({"", element, {{{"b"}, 1}, {{"i"}, 1}, {{"e"}, 1}}}, kernel.sizes)};
    if (hasLse)
      types.push_back(printType({"", "f32", {{{"b"}, 1}, {{"i"}, 1}}}, kernel.sizes));
    if (hasWeights)
      types.push_back(printType({"", "f32", {{{"b"}, 1}, {{"i"}, 1}, {{"j"}, 1}}}, kernel.sizes));
    return types;
  }

  Texts resultNames() const {
    Texts names{"out"};
    if (hasLse)
      names.push_back("lse");
    if (hasWeights)
      names.push_back("weights");
    return names;
  }

  std::string printFunction(const std::string &body) const {
    Texts parameters, results, names = resultNames(), types = resultTypes(), values;
    for (auto [number, argument] : llvm::enumerate(kernel.arguments))
      parameters.push_back("%" + argument.name + ": " + type(number) + " {attn.name = \"" + argument.name + "\"}");
    for (size_t number = 0; number < names.size(); ++number) {
      results.push_back(types[number] + " {attn.name = \"" + names[number] + "\"}");
      values.push_back(names.size() == 1 ? "%r" : "%r#" + std::to_string(number));
    }
    return "func.func @kernel(" + llvm::join(parameters, ",\n                  ") + ")\n    -> (" +
           llvm::join(results, ", ") + ") {\n" + body + "  return " + llvm::join(values, ", ") + " : " +
           llvm::join(types, ", ") + "\n}\n";
  }

  std::string declareResult() const {
    size_t count = resultNames().size();
    return count == 1 ? "  %r" : "  %r:" + std::to_string(count);
  }

  std::string writeOp() const {
    Texts names = resultNames();
    std::string returns = names.size() == 1 ? "" : " returns(" + llvm::join(names, ", ") + ")";
    return declareResult() + " = attn.additive %q, %k, %v weight(%w : " + type(3) + ")" +
           (hasMask ? " mask(%m : " + type(4) + ")" : "") + returns + "\n     : (" + type(0) + ", " + type(1) + ", " +
           type(2) + ") -> " + llvm::join(resultTypes(), ", ") + "\n";
  }

  std::string writeMeaning() const {
    std::string body;
    for (auto [name, of, dim] : {std::tuple("b", "q", 0), std::tuple("i", "q", 1), std::tuple("j", "k", 1)})
      body += "  %at_" + std::string(name) + " = arith.constant " + std::to_string(dim) + " : index\n  %n_" + name +
              " = tensor.dim %" + of + ", %at_" + name + " : " + type(of == std::string("q") ? 0 : 1) + "\n";
    auto empty = [&](const std::string &name, const std::string &type, std::initializer_list<const char *> loops) {
      Texts sizes;
      for (const char *loop : loops)
        if (kernel.sizes.at(loop) < 0)
          sizes.push_back("%n_" + std::string(loop));
      return "  %" + name + " = tensor.empty(" + llvm::join(sizes, ", ") + ") : " + type + "\n";
    };
    Texts types = resultTypes(), names = resultNames(), outs;
    for (auto [name, type] : llvm::zip_equal(names, types)) {
      std::initializer_list<const char *> loops{"b", "i"}, all{"b", "i", "j"};
      body += empty(name, type, name == "weights" ? all : loops);
      outs.push_back(name + " %" + name + " : " + type);
    }
    auto map = [](const std::string &loops) { return "affine_map<(b, i, j, d, e) -> (" + loops + ")>"; };
    Texts maps{map("b, i, d"), map("b, j, d"), map("b, j, e"), map("d")};
    if (hasMask)
      maps.push_back(map(hasRows ? "b, i, j" : "b, j"));
    std::string mask = "%m", maskType = hasMask ? type(4) : "";
    if (hasMask && !hasRows) {
      mask = "%source";
      maskType = printType({"", "i1", {{{"b"}, 1}, {{"j"}, 1}}}, kernel.sizes);
      body += "  %source = tensor.collapse_shape %m [[0, 1], [2]] : " + type(4) + " into " + maskType + "\n";
    }
    for (const std::string &name : names)
      maps.push_back(map(name == "out" ? "b, i, e" : name == "lse" ? "b, i" : "b, i, j"));
    body += declareResult() + " = attn.generic ins(%q, %k, %v : " + type(0) + ", " + type(1) + ", " + type(2) +
            ") similarity_ins(%w : " + type(3) + ")" + (hasMask ? " mask_ins(" + mask + " : " + maskType + ")" : "") +
            "\n    outs(" + llvm::join(outs, ", ") + ") maps [" + llvm::join(maps, ", ") +
            "] normalizer(#attn.softmax)\n    similarity {\n    ^bb0(%qe: f32, %ke: f32, %we: " + element + "):\n" +
            (element == "f32" ? "" : "      %ww = arith.extf %we : " + element + " to f32\n") +
            "      %sum = arith.addf %qe, %ke : f32\n      %bent = math.tanh %sum : f32\n      %term = arith.mulf " +
            (element == "f32" ? "%we" : "%ww") + ", %bent : f32\n      attn.yield %term : f32\n    }";
    if (hasMask)
      body += " mask {\n    ^bb0(%keep: i1):\n      attn.yield %keep : i1\n    }";
    return body + "\n";
  }

  Choice &choice;
  FuzzKernel kernel;
  std::string element;
  bool hasMask = false, hasRows = false, hasLse = false, hasWeights = false;
};
} // namespace

FuzzKernel attn::makeAdditiveKernel(Choice &choice) { return AdditiveKernel(choice).make(); }
