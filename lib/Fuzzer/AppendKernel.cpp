// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One random decoding step: new rows are appended to caches of K and V, or to one that is both, and queries attend to
// all rows up to the last new one. Results are the caches as well; the reference knows what they held before.
#include "FuzzKernel.h"

#include "llvm/ADT/StringExtras.h"

using namespace attn;

namespace {
using Texts = std::vector<std::string>;

class AppendKernel {
public:
  explicit AppendKernel(Choice &choice) : choice(choice) {}

  FuzzKernel make() {
    choose();
    addArguments();
    kernel.text = printFunction();
    return std::move(kernel);
  }

private:
  void choose() {
    std::map<std::string, int64_t> &sizes = kernel.sizes;
    kernel.newRows = choice.of({1, 1, 1, 2, 3, 17});
    sizes["b"] = choice.of({-1, -1, 1, 2});
    sizes["h"] = choice.between(1, 3);
    sizes["i"] = choice.of({-1, 1, 1, 2, 4, 7, 33});
    sizes["j"] = choice.chance(80) ? -1 : choice.of({17, 33, 64, 129});
    sizes["d"] = choice.of({1, 4, 8, 16, 17, 32, 64});
    isShared = choice.chance(25);
    if (isShared) // nobody else has its rows: a call with another number would be no mistake
      sizes["j"] = choice.of({17, 33, 64, 129});
    sizes["e"] = isShared ? sizes["d"] : choice.of({1, 4, 8, 16, 17, 32, 64});
    query = choice.of({"f32", "f32", "bf16", "f16"});
    // Q, K and V of one type take other ways where that is bf16.
    stored = choice.chance(50) ? query : choice.of({"f32", "bf16", "f16"});
    isRounded = stored != "f32" && choice.chance(40);
    integer = choice.of({"i32", "i64"});
    scale = choice.of({"1.000000e+00", "1.250000e-01", "-5.000000e-01"});
    cachesFirst = choice.chance(30);
    if (query == "f16" || stored == "f16")
      kernel.expected.push_back(RefusalKind::Float16);
    kernel.expected.push_back(RefusalKind::GpuAppend);
  }

  void addArguments() {
    std::vector<FuzzArgument> &arguments = kernel.arguments;
    arguments.push_back({"q", query, {{{"b"}, 1}, {{"h"}, 1}, {{"i"}, 1}, {{"d"}, 1}}, Role::Query});
    auto add = [&](const std::string &name, const char *size, Role role) {
      Extent rows{{}, kernel.newRows}, last{{size}, 1};
      std::string element = isRounded ? "f32" : stored;
      // What is rounded must not become infinite.
      arguments.push_back({name, element, {{{"b"}, 1}, {{"h"}, 1}, rows, last}, isRounded ? Role::Embedding : role});
      arguments.push_back({name + "_cache", stored, {{{"b"}, 1}, {{"h"}, 1}, {{"j"}, 1}, last}, role});
    };
    add("k", "d", Role::Key);
    if (!isShared)
      add("v", "e", Role::Value);
    arguments.push_back({"at", integer, {{{"b"}, 1}}, Role::AppendAt});
  }

  std::string type(const std::string &name) const {
    for (const FuzzArgument &argument : kernel.arguments)
      if (argument.name == name)
        return printType(argument, kernel.sizes);
    return "";
  }

  /// %<name>_new, rounded to what the cache holds.
  std::string writeRounding(const std::string &name) const {
    std::string from = type(name), to = from;
    to.replace(to.rfind("f32"), 3, stored);
    std::string given = kernel.sizes.at("b") < 0 ? "%batch" : "";
    std::string map = "affine_map<(b, h, n, d) -> (b, h, n, d)>";
    return "  %" + name + "_init = tensor.empty(" + given + ") : " + to + "\n  %" + name +
           "_new = linalg.generic {indexing_maps = [" + map + ", " + map +
           "], iterator_types = [\"parallel\", \"parallel\", \"parallel\", \"parallel\"]}\n    ins(%" + name + " : " +
           from + ") outs(%" + name + "_init : " + to + ") {\n  ^bb0(%wide: f32, %unused: " + stored +
           "):\n    %narrow = arith.truncf %wide : f32 to " + stored + "\n    linalg.yield %narrow : " + stored +
           "\n  } -> " + to + "\n";
  }

  std::string writeAppend(const std::string &name) const {
    std::string cache = type(name + "_cache"), text, rows = "%" + name, rowType = type(name);
    if (isRounded) {
      text = writeRounding(name);
      rows += "_new";
      rowType.replace(rowType.rfind("f32"), 3, stored);
    }
    return text + "  %" + name + "_all = attn.append_kv " + rows + ", %" + name + "_cache at(%at : " + type("at") +
           ")\n    : (" + rowType + ", " + cache + ") -> " + cache + "\n";
  }

  std::string printFunction() const {
    Texts parameters, values{"%out"},
        types{printType({"", query, {{{"b"}, 1}, {{"h"}, 1}, {{"i"}, 1}, {{"e"}, 1}}}, kernel.sizes)};
    for (const FuzzArgument &argument : kernel.arguments)
      parameters.push_back("%" + argument.name + ": " + printType(argument, kernel.sizes) + " {attn.name = \"" +
                           argument.name + "\"}");
    std::string outType = types[0], values_ = isShared ? "%k_all" : "%v_all";
    std::string valueType = type(isShared ? "k_cache" : "v_cache");
    Texts caches{"%k_all"}, cacheTypes{type("k_cache")};
    if (!isShared) {
      caches.push_back("%v_all");
      cacheTypes.push_back(type("v_cache"));
    }
    values.insert(cachesFirst ? values.begin() : values.end(), caches.begin(), caches.end());
    types.insert(cachesFirst ? types.begin() : types.end(), cacheTypes.begin(), cacheTypes.end());

    std::string body =
        "  %zero = arith.constant 0 : index\n  %two = arith.constant 2 : index\n  %batch = tensor.dim %q, "
        "%zero : " +
        type("q") + "\n  %rows = tensor.dim %q, %two : " + type("q") + "\n";
    body += writeAppend("k");
    if (!isShared)
      body += writeAppend("v");
    Texts sizes;
    if (kernel.sizes.at("b") < 0)
      sizes.push_back("%batch");
    if (kernel.sizes.at("i") < 0)
      sizes.push_back("%rows");
    auto map = [](const std::string &loops) { return "affine_map<(b, h, i, j, d, e) -> (" + loops + ")>"; };
    body += "  %init = tensor.empty(" + llvm::join(sizes, ", ") + ") : " + outType + "\n";
    body +=
        "  %out = attn.generic ins(%q, %k_all, " + values_ + " : " + type("q") + ", " + type("k_cache") + ", " +
        valueType + ")\n    mask_ins(%at : " + type("at") + ") outs(out %init : " + outType + ")\n    maps [" +
        llvm::join(Texts{map("b, h, i, d"), map("b, h, j, d"), map("b, h, j, e"), map("b"), map("b, h, i, e")}, ", ") +
        "]\n    scale(" + scale + ") normalizer(#attn.softmax) mask {\n    ^bb0(%length: " + integer +
        "):\n      %j = attn.index 3\n      %first = arith.index_cast %length : " + integer +
        " to index\n      %more = arith.constant " + std::to_string(kernel.newRows) +
        " : index\n      %end = arith.addi %first, %more : index\n      %keep = arith.cmpi slt, %j, %end : index\n" +
        "      attn.yield %keep : i1\n    }\n";
    return "func.func @kernel(" + llvm::join(parameters, ",\n                  ") + ")\n    -> (" +
           llvm::join(types, ", ") + ") {\n" + body + "  return " + llvm::join(values, ", ") + " : " +
           llvm::join(types, ", ") + "\n}\n";
  }

  Choice &choice;
  FuzzKernel kernel;
  std::string query, stored, integer, scale;
  bool isShared = false, isRounded = false, cachesFirst = false;
};
} // namespace

FuzzKernel attn::makeAppendKernel(Choice &choice) { return AppendKernel(choice).make(); }
