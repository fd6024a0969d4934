// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One random attn.sdpa, and what it means in attn.generic. The meaning shares nothing with attn-normalize: bias and
// mask are tables read at computed positions, and the diagonal is counted from sizes.
#include "FuzzKernel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace attn;

namespace {
using Texts = std::vector<std::string>;

class SdpaKernel {
public:
  explicit SdpaKernel(Choice &choice) : choice(choice) {}

  FuzzKernel make() {
    chooseSizes();
    addArguments();
    if (choice.chance(12)) {
      topK = choice.of({1, 2, 4, 8, 64});
      kernel.expected.push_back(RefusalKind::GpuResult);
    }
    kernel.text = printFunction(writeOp());
    kernel.reference = printFunction(writeMeaning());
    return std::move(kernel);
  }

private:
  std::map<std::string, int64_t> &sizes() { return kernel.sizes; }
  /// The ranks of top-k are no loop.
  int64_t size(const std::string &loop) { return loop == "k" ? topK : kernel.sizes.at(loop); }

  void chooseSizes() {
    sizes()["b"] = choice.chance(70) ? -1 : choice.between(choice.chance(10) ? 0 : 1, 2);
    sizes()["h"] = choice.chance(8) ? -1 : choice.between(1, 3);
    sizes()["g"] = choice.chance(30) ? -1 : choice.between(1, 3);
    for (const char *loop : {"i", "j"})
      sizes()[loop] = choice.chance(70) ? -1 : choice.chance(5) ? 0 : choice.of({1, 3, 16, 33, 64, 65, 70});
    for (const char *loop : {"d", "e"})
      sizes()[loop] = choice.of({1, 2, 3, 5, 8, 16, 16, 17, 32, 33, 64});
    if (choice.chance(60))
      sizes()["e"] = size("d");
    if (size("h") < 0)
      kernel.expected.push_back(RefusalKind::UnknownHeads);
    if (size("i") == 0 || size("j") == 0 || size("b") == 0)
      kernel.expected.push_back(RefusalKind::EmptyBroadcast);
    if (choice.chance(1)) {
      sizes()["e"] = -1;
      kernel.expected.push_back(RefusalKind::UnknownHeadSize);
    }
    isBnhd = choice.chance(50);
    causal = choice.of({"", "", "top_left", "bottom_right"});
    element = choice.of({"f32", "f32", "bf16", "f16"});
    if (choice.chance(2)) {
      element = "f64";
      kernel.expected.insert(kernel.expected.end(), {RefusalKind::Float64, RefusalKind::GpuFloat64});
    }
    accumulator = element == "f64" ? "f64" : "f32";
    if (element == "f16")
      kernel.expected.push_back(RefusalKind::Float16);
    scale = choice.of({"", "", "1.000000e+00", "1.250000e-01", "-2.000000e+00"});
    hasLse = choice.chance(40);
    hasWeights = choice.chance(20);
    if (hasWeights)
      kernel.expected.push_back(RefusalKind::GpuResult);
  }

  /// Dimensions of Q, K, V or out in this op's layout.
  std::vector<Extent> layOut(const Extent &heads, const std::string &rows, const std::string &last) {
    std::vector<Extent> extents{{{"b"}, 1}, heads, {{rows}, 1}, {{last}, 1}};
    if (isBnhd)
      std::swap(extents[1], extents[2]);
    return extents;
  }

  /// A tensor that broadcasts to [B,H,N,M].
  std::vector<Extent> makeBroadcast() {
    std::vector<Extent> all{{{"b"}, 1}, {{"h", "g"}, 1}, {{"i"}, 1}, {{"j"}, 1}};
    std::vector<Extent> extents(all.end() - choice.between(1, 4), all.end());
    for (Extent &extent : extents)
      if (choice.chance(35))
        extent = Extent{{}, 1};
    return extents;
  }

  void addArguments() {
    std::vector<FuzzArgument> &arguments = kernel.arguments;
    arguments.push_back({"q", element, layOut({{"h", "g"}, 1}, "i", "d"), Role::Query});
    arguments.push_back({"k", element, layOut({{"h"}, 1}, "j", "d"), Role::Key});
    arguments.push_back({"v", element, layOut({{"h"}, 1}, "j", "e"), Role::Value});
    if (choice.chance(35)) {
      std::string type = choice.of({"f32", "f32", "f16", "bf16"});
      if (type == "f16")
        kernel.expected.push_back(RefusalKind::Float16);
      bias = arguments.size();
      arguments.push_back({"bias", type, makeBroadcast(), Role::Bias});
    }
    if (choice.chance(35)) {
      mask = arguments.size();
      arguments.push_back({"mask", "i1", makeBroadcast(), Role::Truth});
    }
  }

  std::string type(size_t argument) { return printType(kernel.arguments[argument], sizes()); }
  std::string resultType(std::vector<Extent> extents, const std::string &of) {
    return printType({"", of, std::move(extents), Role::Bias}, sizes());
  }
  std::vector<Extent> outExtents() { return layOut({{"h", "g"}, 1}, "i", "e"); }
  std::vector<Extent> lseExtents() { return {{{"b"}, 1}, {{"h", "g"}, 1}, {{"i"}, 1}}; }
  std::vector<Extent> weightExtents() { return {{{"b"}, 1}, {{"h", "g"}, 1}, {{"i"}, 1}, {{"j"}, 1}}; }

  Texts resultTypes() {
    Texts types{resultType(outExtents(), element)};
    if (hasLse)
      types.push_back(resultType(lseExtents(), accumulator));
    if (hasWeights)
      types.push_back(resultType(weightExtents(), accumulator));
    if (topK)
      for (const std::string &of : {accumulator, std::string("i32")})
        types.push_back(resultType({{{"b"}, 1}, {{"h", "g"}, 1}, {{"i"}, 1}, {{}, topK}}, of));
    return types;
  }

  std::string printFunction(const std::string &body) {
    Texts parameters, results{resultTypes()};
    for (auto [number, argument] : llvm::enumerate(kernel.arguments))
      parameters.push_back("%" + argument.name + ": " + type(number) + " {attn.name = \"" + argument.name + "\"}");
    Texts names{"out"};
    if (hasLse)
      names.push_back("lse");
    if (hasWeights)
      names.push_back("weights");
    if (topK)
      names.insert(names.end(), {"topk_values", "topk_indices"});
    for (auto [result, name] : llvm::zip_equal(results, names))
      result += " {attn.name = \"" + name + "\"}";
    return "func.func @kernel(" + llvm::join(parameters, ",\n                  ") + ")\n    -> (" +
           llvm::join(results, ", ") + ") {\n" + body + "}\n";
  }

  std::string writeOp() {
    Texts types = resultTypes(), values;
    for (size_t n = 0; n < types.size(); ++n)
      values.push_back("%r" + (types.size() == 1 ? "" : "#" + std::to_string(n)));
    std::string text =
        "  %r" + (types.size() == 1 ? "" : ":" + std::to_string(types.size())) + " = attn.sdpa %q, %k, %v";
    if (bias)
      text += " bias(%bias : " + type(*bias) + ")";
    if (mask)
      text += " mask(%mask : " + type(*mask) + ")";
    if (!causal.empty())
      text += " causal(" + causal + ")";
    if (isBnhd)
      text += " layout(bnhd)";
    if (!scale.empty())
      text += " scale(" + scale + ")";
    if (hasLse || hasWeights || topK)
      text += std::string(" returns(out") + (hasLse ? ", lse" : "") + (hasWeights ? ", weights" : "") +
              (topK ? ", topk_values, topk_indices" : "") + ")";
    return text + "\n     : (" + type(0) + ", " + type(1) + ", " + type(2) + ") -> " + llvm::join(types, ", ") +
           "\n  return " + llvm::join(values, ", ") + " : " + llvm::join(types, ", ") + "\n";
  }

  //===--------------------------------------------------------------------===//
  // The meaning
  //===--------------------------------------------------------------------===//

  std::string body;

  /// The size of a loop as a value: "%B", ..
  void measure() {
    unsigned head = isBnhd ? 2 : 1, row = isBnhd ? 1 : 2;
    auto dim = [&](const std::string &name, size_t argument, unsigned dimension) {
      body += "  %" + name + "_dim = arith.constant " + std::to_string(dimension) + " : index\n";
      body += "  %" + name + " = tensor.dim %" + kernel.arguments[argument].name + ", %" + name +
              "_dim : " + type(argument) + "\n";
    };
    dim("B", 0, 0), dim("H", 0, head), dim("Hkv", 1, head), dim("N", 0, row), dim("M", 1, row), dim("Dv", 2, 3);
    // Hkv is never 0 in a call.
    body += "  %G = arith.divsi %H, %Hkv : index\n  %diagonal = arith.subi %M, %N : index\n";
  }

  /// The tensor with dimension H split into [Hkv, G].
  std::string splitType(const std::string &last) {
    Texts loops = isBnhd ? Texts{"b", "i", "h", "g", last} : Texts{"b", "h", "g", "i", last};
    std::string text = "tensor<";
    for (const std::string &loop : loops)
      text += printSize(size(loop)) + "x";
    return text + element + ">";
  }

  std::string reassociation() { return isBnhd ? "[[0], [1], [2, 3], [4]]" : "[[0], [1, 2], [3], [4]]"; }

  /// The size of a loop: a value where it is unknown.
  std::string sizeOf(const std::string &loop) {
    static const std::map<std::string, std::string> names = {{"b", "%B"}, {"h", "%Hkv"}, {"g", "%G"},
                                                             {"i", "%N"}, {"j", "%M"},   {"e", "%Dv"}};
    return size(loop) < 0 ? names.at(loop) : std::to_string(size(loop));
  }

  std::string empty(const std::string &name, const Texts &loops, const std::string &of, std::string &printedType) {
    printedType = "tensor<";
    Texts dynamic;
    for (const std::string &loop : loops) {
      printedType += printSize(size(loop)) + "x";
      if (size(loop) < 0)
        dynamic.push_back(sizeOf(loop));
    }
    printedType += of + ">";
    body += "  " + name + " = tensor.empty(" + llvm::join(dynamic, ", ") + ") : " + printedType + "\n";
    return name;
  }

  static std::string map(const Texts &loops) {
    return "affine_map<(b, h, g, i, j, d, e) -> (" + llvm::join(loops, ", ") + ")>";
  }

  /// Reads `argument` at [b, h * G + g, i, j], with 0 along dimensions of size 1.
  std::string extract(size_t argument, const std::string &result, const std::string &prefix) {
    std::string text = "      %" + prefix + "b = attn.index 0\n      %" + prefix + "hkv = attn.index 1\n      %" +
                       prefix + "g = attn.index 2\n      %" + prefix + "i = attn.index 3\n      %" + prefix +
                       "j = attn.index 4\n";
    text += "      %" + prefix + "first = arith.muli %" + prefix + "hkv, %group : index\n";
    text += "      %" + prefix + "h = arith.addi %" + prefix + "first, %" + prefix + "g : index\n";
    text += "      %" + prefix + "zero = arith.constant 0 : index\n";
    const std::vector<Extent> &extents = kernel.arguments[argument].extents;
    Texts all{"b", "h", "i", "j"}, indices;
    for (auto [position, extent] : llvm::enumerate(extents)) {
      bool isOne = extent.loops.empty();
      indices.push_back("%" + prefix + (isOne ? "zero" : all[4 - extents.size() + position]));
    }
    return text + "      %" + result + " = tensor.extract %in_" + kernel.arguments[argument].name + "[" +
           llvm::join(indices, ", ") + "] : " + type(argument) + "\n";
  }

  std::string writeScore(const std::string &block) {
    std::string text = extract(*bias, "added", "s"), from = kernel.arguments[*bias].element, value = "%added";
    if (from != accumulator) {
      text += "      %wide = arith.extf %added : " + from + " to " + accumulator + "\n";
      value = "%wide";
    }
    return " score {\n    ^bb0(%s: " + accumulator + ", " + block + "):\n" + text + "      %sum = arith.addf %s, " +
           value + " : " + accumulator + "\n      attn.yield %sum : " + accumulator + "\n    }";
  }

  std::string writeMask(const std::string &block) {
    std::string text, keep;
    if (mask) {
      text += extract(*mask, "given", "m");
      keep = "%given";
    }
    if (!causal.empty()) {
      text += "      %row = attn.index 3\n      %key = attn.index 4\n";
      text += causal == "top_left" ? "      %past = arith.cmpi sle, %key, %row : index\n"
                                   : "      %last = arith.addi %row, %shift : index\n"
                                     "      %past = arith.cmpi sle, %key, %last : index\n";
      if (mask)
        text += "      %keep = arith.andi %given, %past : i1\n";
      keep = mask ? "%keep" : "%past";
    }
    return " mask {\n    ^bb0(" + block + "):\n" + text + "      attn.yield " + keep + " : i1\n    }";
  }

  std::string writeMeaning() {
    measure();
    Texts split = isBnhd ? Texts{"b", "i", "h", "g"} : Texts{"b", "h", "g", "i"}, shape;
    for (const std::string &loop : split)
      shape.push_back(sizeOf(loop));
    std::string qType = splitType("d"), outType, lseType, weightsType;
    // expand_shape wants a dimension of unknown size where a part of it is; H is unknown exactly then.
    body += "  %split = tensor.expand_shape %q " + reassociation() + " output_shape [" + llvm::join(shape, ", ") +
            ", " + printSize(size("d")) + "] : " + type(0) + " into " + qType + "\n";
    Texts outLoops = split, rows{"b", "h", "g", "i"}, pairs{"b", "h", "g", "i", "j"}, maps, outs;
    outLoops.push_back("e");
    Texts keyLoops = isBnhd ? Texts{"b", "j", "h", "d"} : Texts{"b", "h", "j", "d"}, valueLoops = keyLoops;
    valueLoops.back() = "e";
    Texts queryLoops = split;
    queryLoops.push_back("d");
    maps = {map(queryLoops), map(keyLoops), map(valueLoops), map(outLoops)};
    outs.push_back("out " + empty("%out", outLoops, element, outType) + " : " + outType);
    if (hasLse) {
      outs.push_back("lse " + empty("%lse", rows, accumulator, lseType) + " : " + lseType);
      maps.push_back(map(rows));
    }
    if (hasWeights) {
      outs.push_back("weights " + empty("%weights", pairs, accumulator, weightsType) + " : " + weightsType);
      maps.push_back(map(pairs));
    }
    std::string topKTypes[2];
    for (int n = 0; topK && n < 2; ++n) {
      Texts ranked = rows;
      ranked.push_back("k");
      const char *kind = n == 0 ? "topk_values" : "topk_indices";
      outs.push_back(kind + (" " + empty("%" + std::string(kind), ranked, n == 0 ? accumulator : "i32", topKTypes[n])) +
                     " : " + topKTypes[n]);
      maps.push_back(map(rows));
    }
    Texts captures{"%G", "%diagonal"}, captureTypes{"index", "index"}, block{"%group: index", "%shift: index"};
    for (std::optional<size_t> argument : {bias, mask})
      if (argument) {
        const std::string &name = kernel.arguments[*argument].name;
        captures.push_back("%" + name);
        captureTypes.push_back(type(*argument));
        block.push_back("%in_" + name + ": " + type(*argument));
      }
    std::string factor = scale;
    if (scale.empty())
      llvm::raw_string_ostream(factor) << llvm::format("%.17e", 1 / std::sqrt(static_cast<double>(size("d"))));
    body += "  %r" + (outs.size() == 1 ? "" : ":" + std::to_string(outs.size())) +
            " = attn.generic ins(%split, %k, %v : " + qType + ", " + type(1) + ", " + type(2) + ")\n    captures(" +
            llvm::join(captures, ", ") + " : " + llvm::join(captureTypes, ", ") + ")\n    outs(" +
            llvm::join(outs, ", ") + ")\n    maps [" + llvm::join(maps, ",\n          ") + "]\n    scale(" + factor +
            ") normalizer(#attn.softmax)";
    if (bias)
      body += writeScore(llvm::join(block, ", "));
    if (mask || !causal.empty())
      body += writeMask(llvm::join(block, ", "));
    body += "\n";
    Texts types = resultTypes(), inner{outType}, groups{reassociation()}, values;
    if (hasLse) {
      inner.push_back(lseType);
      groups.push_back("[[0], [1, 2], [3]]");
    }
    if (hasWeights) {
      inner.push_back(weightsType);
      groups.push_back("[[0], [1, 2], [3], [4]]");
    }
    for (int n = 0; topK && n < 2; ++n) {
      inner.push_back(topKTypes[n]);
      groups.push_back("[[0], [1, 2], [3], [4]]");
    }
    for (size_t n = 0; n < types.size(); ++n) {
      std::string result = outs.size() == 1 ? "%r" : "%r#" + std::to_string(n);
      values.push_back("%joined" + std::to_string(n));
      body += "  " + values.back() + " = tensor.collapse_shape " + result + " " + groups[n] + " : " + inner[n] +
              " into " + types[n] + "\n";
    }
    return body + "  return " + llvm::join(values, ", ") + " : " + llvm::join(types, ", ") + "\n";
  }

  Choice &choice;
  FuzzKernel kernel;
  bool isBnhd = false, hasLse = false, hasWeights = false;
  std::string causal, element, accumulator, scale;
  std::optional<size_t> bias, mask;
  /// k, 0 without top-k.
  int64_t topK = 0;
};
} // namespace

FuzzKernel attn::makeSdpaKernel(Choice &choice) { return SdpaKernel(choice).make(); }
