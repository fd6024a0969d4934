// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One random attn.multi_head, and what it means: projections as linalg.generic, one product at a time, and one
// attn.generic between them that knows heads by its maps.
#include "FuzzKernel.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace attn;

namespace {
using Texts = std::vector<std::string>;

class MultiHeadKernel {
public:
  explicit MultiHeadKernel(Choice &choice) : choice(choice) {}

  FuzzKernel make() {
    chooseSizes();
    addArguments();
    kernel.text = printFunction(writeOp());
    std::string meaning = writeMeaning();
    kernel.reference = printFunction(meaning);
    return std::move(kernel);
  }

private:
  int64_t size(const std::string &loop) const { return kernel.sizes.at(loop); }

  void chooseSizes() {
    std::map<std::string, int64_t> &sizes = kernel.sizes;
    sizes["b"] = choice.of({-1, -1, 1, 2});
    sizes["i"] = choice.of({-1, -1, -1, 1, 17, 65});
    hasMemory = choice.chance(35);
    kernel.hasOwnKeys = !hasMemory;
    // Nobody else has the rows of the memory: a call with another number would be no mistake.
    sizes["j"] = hasMemory ? choice.of({1, 7, 33, 64, 70, 129}) : sizes["i"];
    sizes["h"] = choice.between(1, 2);
    sizes["g"] = choice.between(1, 3);
    sizes["d"] = choice.of({1, 4, 7, 8, 16, 17, 32});
    isPacked = !hasMemory && choice.chance(40);
    sizes["e"] = isPacked ? size("d") : choice.of({1, 4, 7, 8, 16, 17, 32});
    for (int64_t *width : {&inWidth, &memoryWidth, &outWidth}) {
      *width = choice.of({1, 3, 8, 17, 24, 33});
      if (*width == 1)
        kernel.expected.push_back(RefusalKind::OnesAlike);
    }
    if (!hasMemory)
      memoryWidth = inWidth;
    element = choice.of({"f32", "f32", "bf16", "f16"});
    if (element == "f16")
      kernel.expected.push_back(RefusalKind::Float16);
    isTransposed = choice.chance(40);
    hasBias = choice.chance(50);
    isCausal = choice.chance(40);
    kernel.expected.push_back(RefusalKind::GpuStages);
  }

  void addArgument(const std::string &name, std::vector<Extent> extents, Role role) {
    kernel.arguments.push_back({name, element, std::move(extents), role});
  }

  void addWeight(const std::string &name, int64_t in, int64_t out) {
    std::vector<Extent> extents{{{}, in}, {{}, out}};
    if (isTransposed)
      std::swap(extents[0], extents[1]);
    addArgument(name, std::move(extents), Role::Weight);
  }

  void addArguments() {
    int64_t heads = size("h") * size("g"), d = size("d"), e = size("e");
    addArgument("x", {{{"b"}, 1}, {{"i"}, 1}, {{}, inWidth}}, Role::Embedding);
    if (hasMemory)
      addArgument("y", {{{"b"}, 1}, {{"j"}, 1}, {{}, memoryWidth}}, Role::Embedding);
    Texts names{"q", "k", "v"};
    std::vector<int64_t> widths{heads * d, size("h") * d, size("h") * e};
    if (isPacked) {
      names = {"p"};
      widths = {widths[0] + widths[1] + widths[2]};
    }
    for (auto [number, name] : llvm::enumerate(names))
      addWeight("w" + name, number == 0 ? inWidth : memoryWidth, widths[number]);
    addWeight("wo", heads * e, outWidth);
    for (const FuzzArgument &argument : kernel.arguments)
      if (argument.role == Role::Weight)
        kernel.rowWork += argument.extents[0].factor * argument.extents[1].factor;
    if (!hasBias)
      return;
    for (auto [number, name] : llvm::enumerate(names))
      addArgument("b" + name, {{{}, widths[number]}}, Role::Weight);
    addArgument("bo", {{{}, outWidth}}, Role::Weight);
  }

  std::string type(const std::string &name) const {
    for (const FuzzArgument &argument : kernel.arguments)
      if (argument.name == name)
        return printType(argument, kernel.sizes);
    return "";
  }

  std::string rowsType(const std::string &rows, const std::string &shape, const std::string &of) const {
    return "tensor<" + printSize(size("b")) + "x" + printSize(size(rows)) + "x" + shape + "x" + of + ">";
  }

  std::string resultType() const { return rowsType("i", std::to_string(outWidth), element); }

  std::string printFunction(const std::string &body) const {
    Texts parameters;
    for (const FuzzArgument &argument : kernel.arguments)
      parameters.push_back("%" + argument.name + ": " + printType(argument, kernel.sizes) + " {attn.name = \"" +
                           argument.name + "\"}");
    return "func.func @kernel(" + llvm::join(parameters, ",\n                  ") + ")\n    -> (" + resultType() +
           " {attn.name = \"out\"}) {\n" + body + "  return %r : " + resultType() + "\n}\n";
  }

  std::string list(const Texts &names) const {
    Texts values, types;
    for (const std::string &name : names) {
      values.push_back("%" + name);
      types.push_back(type(name));
    }
    return "(" + llvm::join(values, ", ") + " : " + llvm::join(types, ", ") + ")";
  }

  std::string writeOp() const {
    Texts weights = isPacked ? Texts{"wp"} : Texts{"wq", "wk", "wv"};
    Texts biases = isPacked ? Texts{"bp"} : Texts{"bq", "bk", "bv"};
    std::string heads = std::to_string(size("h") * size("g")), kvHeads = std::to_string(size("h"));
    return "  %r = attn.multi_head %x" + (hasMemory ? " memory" + list({"y"}) : "") + " weights" + list(weights) +
           "\n    out" + list({"wo"}) + (isTransposed ? " transposed" : "") +
           (hasBias ? " bias" + list(biases) + " out_bias" + list({"bo"}) : "") + " heads(" + heads +
           (size("g") > 1 ? ", " + kvHeads : "") + ")" + (isCausal ? " causal(top_left)" : "") + "\n    : (" +
           type("x") + ") -> " + resultType() + "\n";
  }

  std::string sizesOf(const std::string &rows) const {
    Texts sizes;
    if (size("b") < 0)
      sizes.push_back("%n_b");
    if (size(rows) < 0)
      sizes.push_back("%n_" + rows);
    return llvm::join(sizes, ", ");
  }

  /// %<name> = rows [B,N,in] times %<weight>, plus %<bias> where there are any.
  std::string project(const std::string &name, const std::string &from, const std::string &fromType,
                      const std::string &rows, const std::string &weight, const std::string &bias, int64_t width) {
    std::string wide = rowsType(rows, std::to_string(width), "f32");
    std::string narrow = rowsType(rows, std::to_string(width), element);
    auto map = [](const std::string &loops) { return "affine_map<(b, n, o, k) -> (" + loops + ")>"; };
    auto extend = [&](const std::string &value, const std::string &result) {
      return element == "f32" ? "    " + result + " = arith.addf " + value + ", %nothing : f32\n"
                              : "    " + result + " = arith.extf " + value + " : " + element + " to f32\n";
    };
    std::string left = element == "f32" ? "%l" : "%lw", right = element == "f32" ? "%c" : "%cw";
    std::string text = "  %" + name + "_init = tensor.empty(" + sizesOf(rows) + ") : " + wide + "\n";
    text += "  %" + name + "_zero = linalg.fill ins(%zero : f32) outs(%" + name + "_init : " + wide + ") -> " + wide +
            "\n  %" + name + "_sum = linalg.generic {indexing_maps = [" + map("b, n, k") + ", " +
            map(isTransposed ? "o, k" : "k, o") + ", " + map("b, n, o") +
            "], iterator_types = [\"parallel\", \"parallel\", \"parallel\", \"reduction\"]}\n    ins(" + from + ", %" +
            weight + " : " + fromType + ", " + type(weight) + ") outs(%" + name + "_zero : " + wide +
            ") {\n  ^bb0(%l: " + element + ", %c: " + element + ", %s: f32):\n";
    if (element != "f32")
      text += extend("%l", "%lw") + extend("%c", "%cw");
    text += "    %t = arith.mulf " + left + ", " + right +
            " : f32\n    %next = arith.addf %s, %t : f32\n    linalg.yield %next : f32\n  } -> " + wide + "\n";
    if (!hasBias && element == "f32")
      return text + "  %" + name + " = tensor.cast %" + name + "_sum : " + wide + " to " + wide + "\n";
    std::string all = "affine_map<(b, n, o) -> (b, n, o)>";
    text += "  %" + name + "_out = tensor.empty(" + sizesOf(rows) + ") : " + narrow + "\n  %" + name +
            " = linalg.generic {indexing_maps = [" + all + (hasBias ? ", affine_map<(b, n, o) -> (o)>" : "") + ", " +
            all + "], iterator_types = [\"parallel\", \"parallel\", \"parallel\"]}\n    ins(%" + name + "_sum" +
            (hasBias ? ", %" + bias : "") + " : " + wide + (hasBias ? ", " + type(bias) : "") + ") outs(%" + name +
            "_out : " + narrow + ") {\n  ^bb0(%s: f32" + (hasBias ? ", %c: " + element : "") + ", %unused: " + element +
            "):\n";
    std::string value = "%s";
    if (hasBias) {
      if (element != "f32")
        text += extend("%c", "%cw");
      text += "    %biased = arith.addf %s, " + right + " : f32\n";
      value = "%biased";
    }
    if (element != "f32") {
      text += "    %narrow = arith.truncf " + value + " : f32 to " + element + "\n";
      value = "%narrow";
    }
    return text + "    linalg.yield " + value + " : " + element + "\n  } -> " + narrow + "\n";
  }

  /// %<name>_heads: `rows`, or columns of it from `first` on, by heads.
  std::string split(const std::string &name, const std::string &from, const std::string &rows, int64_t first,
                    int64_t width, int64_t all, const Texts &shape) {
    std::string whole = rowsType(rows, std::to_string(all), element),
                part = rowsType(rows, std::to_string(width), element);
    std::string b = size("b") < 0 ? "%n_b" : printSize(size("b")),
                n = size(rows) < 0 ? "%n_" + rows : printSize(size(rows));
    std::string text;
    std::string source = from;
    if (width != all) {
      source = "%" + name + "_part";
      text += "  " + source + " = tensor.extract_slice " + from + "[0, 0, " + std::to_string(first) + "] [" + b + ", " +
              n + ", " + std::to_string(width) + "] [1, 1, 1] : " + whole + " to " + part + "\n";
    }
    std::string group = shape.size() == 3 ? "[2, 3, 4]" : "[2, 3]";
    return text + "  %" + name + "_heads = tensor.expand_shape " + source + " [[0], [1], " + group +
           "] output_shape [" + b + ", " + n + ", " + llvm::join(shape, ", ") + "] : " + part + " into " +
           rowsType(rows, llvm::join(shape, "x"), element) + "\n";
  }

  std::string writeMeaning() {
    std::string source = hasMemory ? "y" : "x", keyRows = hasMemory ? "j" : "i";
    int64_t heads = size("h") * size("g"), d = size("d"), e = size("e");
    std::string text =
        "  %zero = arith.constant 0.0 : f32\n  %at_b = arith.constant 0 : index\n  %at_n = arith.constant 1 "
        ": index\n  %n_b = tensor.dim %x, %at_b : " +
        type("x") + "\n  %n_i = tensor.dim %x, %at_n : " + type("x") + "\n  %n_j = tensor.dim %" + source +
        ", %at_n : " + type(source) + "\n";
    Texts q{std::to_string(size("h")), std::to_string(size("g")), std::to_string(d)};
    Texts k{std::to_string(size("h")), std::to_string(d)}, v{std::to_string(size("h")), std::to_string(e)};
    if (isPacked) {
      int64_t all = (heads + 2 * size("h")) * d;
      text += project("all", "%x", type("x"), "i", "wp", "bp", all);
      text += split("q", "%all", "i", 0, heads * d, all, q);
      text += split("k", "%all", "i", heads * d, size("h") * d, all, k);
      text += split("v", "%all", "i", (heads + size("h")) * d, size("h") * d, all, v);
    } else {
      text += project("q", "%x", type("x"), "i", "wq", "bq", heads * d);
      text += project("k", "%" + source, type(source), keyRows, "wk", "bk", size("h") * d);
      text += project("v", "%" + source, type(source), keyRows, "wv", "bv", size("h") * e);
      text += split("q", "%q", "i", 0, heads * d, heads * d, q);
      text += split("k", "%k", keyRows, 0, size("h") * d, size("h") * d, k);
      text += split("v", "%v", keyRows, 0, size("h") * e, size("h") * e, v);
    }
    std::string qType = rowsType("i", llvm::join(q, "x"), element),
                kType = rowsType(keyRows, llvm::join(k, "x"), element);
    std::string vType = rowsType(keyRows, llvm::join(v, "x"), element);
    q.back() = std::to_string(e);
    std::string oType = rowsType("i", llvm::join(q, "x"), element);
    auto map = [](const std::string &loops) { return "affine_map<(b, h, g, i, j, d, e) -> (" + loops + ")>"; };
    std::string scale;
    llvm::raw_string_ostream(scale) << llvm::format("%.17e", 1.0 / std::sqrt(static_cast<double>(d)));
    text += "  %o_init = tensor.empty(" + sizesOf("i") + ") : " + oType +
            "\n  %o = attn.generic ins(%q_heads, %k_heads, %v_heads : " + qType + ", " + kType + ", " + vType +
            ")\n    outs(out %o_init : " + oType + ") maps [" +
            llvm::join(Texts{map("b, i, h, g, d"), map("b, j, h, d"), map("b, j, h, e"), map("b, i, h, g, e")}, ", ") +
            "]\n    scale(" + scale + ") normalizer(#attn.softmax)";
    if (isCausal)
      text +=
          " mask {\n      %i = attn.index 3\n      %j = attn.index 4\n      %keep = arith.cmpi sle, %j, %i : index\n"
          "      attn.yield %keep : i1\n    }";
    std::string joined = rowsType("i", std::to_string(heads * e), element);
    text += "\n  %joined = tensor.collapse_shape %o [[0], [1], [2, 3, 4]] : " + oType + " into " + joined + "\n";
    return text + project("r", "%joined", joined, "i", "wo", "bo", outWidth);
  }

  Choice &choice;
  FuzzKernel kernel;
  std::string element;
  int64_t inWidth = 1, memoryWidth = 1, outWidth = 1;
  bool hasMemory = false, isPacked = false, isTransposed = false, hasBias = false, isCausal = false;
};
} // namespace

FuzzKernel attn::makeMultiHeadKernel(Choice &choice) { return MultiHeadKernel(choice).make(); }
