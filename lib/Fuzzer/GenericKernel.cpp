// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One random attn.generic: loops in any order, layouts, element types, results, normalizers and regions.
#include "ProducerWriter.h"
#include "RegionWriter.h"

#include "llvm/ADT/StringExtras.h"

using namespace attn;

namespace {
using Loops = std::vector<std::string>;

/// A result of the op, which is one of the function.
struct Result {
  std::string kind, element;
  Loops loops;
  /// Of top-k: the trailing dimension.
  int64_t count = 0;
};

class GenericKernel {
public:
  explicit GenericKernel(Choice &choice) : choice(choice) {}

  FuzzKernel make() {
    chooseLoops();
    chooseSizes();
    addOperands();
    addResults();
    std::string regions = writeRegions();
    addProducers();
    write(regions);
    return std::move(draft.kernel);
  }

private:
  std::map<std::string, int64_t> &sizes() { return draft.kernel.sizes; }

  void chooseLoops() {
    switch (choice.below(6)) {
    case 0: // one head
      draft.row = {"i"};
      break;
    case 1: // one key head for all query heads
      draft.batch = {"b"};
      draft.row = {"h", "i"};
      break;
    case 2: // grouped
    case 3:
      draft.batch = {"b", "h"};
      draft.row = {"g", "i"};
      break;
    default:
      draft.batch = {"b", "h"};
      draft.row = {"i"};
    }
    isPacked = draft.row.size() == 1 && draft.batch.size() == 2 && choice.chance(20);
    draft.loops = draft.batch;
    draft.loops.insert(draft.loops.end(), draft.row.begin(), draft.row.end());
    draft.loops.insert(draft.loops.end(), {"j", "d", "e"});
    if (choice.chance(40))
      choice.shuffle(draft.loops);
  }

  void chooseSizes() {
    for (const std::string &loop : draft.loops) {
      sizes()[loop] = -1;
      if ((loop == "i" || loop == "j") && choice.chance(15))
        sizes()[loop] = choice.chance(8) ? 0 : choice.of({1, 2, 7, 16, 33, 64, 65, 70});
      if ((loop == "h" || loop == "g") && choice.chance(60))
        sizes()[loop] = choice.between(1, 3);
      if (loop == "b" && choice.chance(20))
        sizes()[loop] = choice.between(choice.chance(10) ? 0 : 1, 2);
    }
    for (const char *loop : {"d", "e"}) {
      sizes()[loop] = choice.of({1, 2, 3, 4, 5, 8, 8, 16, 16, 17, 24, 32, 33, 64});
      if (choice.chance(1)) {
        sizes()[loop] = -1;
        draft.kernel.expected.push_back(RefusalKind::UnknownHeadSize);
      }
    }
    if (choice.chance(40))
      sizes()["e"] = sizes()["d"];
    if (isPacked) {
      sizes()["e"] = sizes()["d"];
      for (const char *loop : {"b", "i"})
        if (sizes()[loop] == 0) // upstream refuses slices of nothing
          sizes()[loop] = -1;
      sizes()["j"] = sizes()["i"];
    }
  }

  /// Loops of Q, K, V or out in the order of dimensions, `last` mostly last.
  Loops arrange(Loops loops, const std::string &last) {
    bool isOdd = choice.chance(4);
    if (choice.chance(50))
      choice.shuffle(loops);
    loops.push_back(last);
    if (isOdd)
      choice.shuffle(loops);
    return loops;
  }

  Loops join(const Loops &left, const Loops &right) {
    Loops loops = left;
    loops.insert(loops.end(), right.begin(), right.end());
    return loops;
  }

  void addOperands() {
    std::string element = choice.of({"f32", "f32", "f32", "bf16", "bf16", "f16"});
    bool isMixed = choice.chance(5), isDouble = choice.chance(1);
    const char *names[] = {"q", "k", "v"};
    Loops loops[] = {arrange(join(draft.batch, draft.row), "d"), arrange(join(draft.batch, {"j"}), "d"),
                     arrange(join(draft.batch, {"j"}), "e")};
    if (isPacked) {
      loops[0] = {"b", "i", "h", "d"};
      loops[1] = {"b", "j", "h", "d"};
      loops[2] = {"b", "j", "h", "e"};
      isMixed = false;
    }
    for (int n = 0; n < 3; ++n) {
      contracted.push_back(isDouble ? "f64" : isMixed ? choice.of({"f32", "bf16", "f16"}) : element);
      maps.push_back(loops[n]);
      if (contracted.back() == "f16")
        draft.kernel.expected.push_back(RefusalKind::Float16);
      if (isPacked && n > 0)
        continue;
      std::vector<Extent> extents;
      for (const std::string &loop : loops[n])
        extents.push_back({{loop}, 1});
      if (isPacked)
        extents.insert(extents.begin() + 2, Extent{{}, 3});
      draft.kernel.arguments.push_back({isPacked ? "qkv" : names[n], contracted.back(), std::move(extents),
                                        isPacked ? Role::Packed
                                        : n == 0 ? Role::Query
                                        : n == 1 ? Role::Key
                                                 : Role::Value});
    }
    if (isDouble) {
      draft.accumulator = "f64";
      draft.kernel.expected.insert(draft.kernel.expected.end(), {RefusalKind::Float64, RefusalKind::GpuFloat64});
    }
    outElement = choice.chance(90) ? contracted[0] : choice.of({"f32", "bf16"});
  }

  void addResults() {
    Loops rows = join(draft.batch, draft.row);
    auto ordered = [&](Loops loops) {
      if (choice.chance(30))
        choice.shuffle(loops);
      return loops;
    };
    results.push_back({"out", outElement, arrange(rows, "e")});
    normalizer =
        choice.of({"#attn.softmax", "#attn.softmax", "#attn.softmax", "#attn.softmax", "#attn.softmax", "#attn.softmax",
                   "#attn.softmax_sink", "#attn.softmax_sink", "#attn.sigmoid", "#attn.identity"});
    if (normalizer == "#attn.softmax" || normalizer == "#attn.softmax_sink") { // the others define only the rest
      if (choice.chance(35))
        results.push_back({"lse", draft.accumulator, ordered(rows)});
      if (choice.chance(15))
        results.push_back({"max", draft.accumulator, ordered(rows)});
      if (choice.chance(15))
        results.push_back({"entropy", draft.accumulator, ordered(rows)});
    }
    if (choice.chance(15))
      results.push_back({"weights", draft.accumulator, ordered(join(rows, {"j"}))});
    if (choice.chance(12)) {
      int64_t count = choice.chance(1) ? 65 : choice.of({1, 2, 3, 5, 8, 17, 64});
      std::string index = choice.of({"i32", "i32", "i64"});
      Loops loops = ordered(rows);
      results.push_back({"topk_values", draft.accumulator, loops, count});
      results.push_back({"topk_indices", index, loops, count});
      if (count > 64)
        draft.kernel.expected.push_back(RefusalKind::TopK);
    }
    if (normalizer != "#attn.softmax")
      draft.kernel.expected.push_back(RefusalKind::GpuNormalizer);
    for (const Result &result : results)
      if (result.kind != "out" && result.kind != "lse" && result.kind != "max")
        draft.kernel.expected.push_back(RefusalKind::GpuResult);
    if (normalizer == "#attn.softmax_sink")
      addSink();
  }

  /// One logit for each head, or for anything else of a row.
  void addSink() {
    Loops loops = choice.chance(60) ? Loops{draft.row[0]} : Loops{};
    if (loops.empty())
      for (const std::string &loop : join(draft.batch, draft.row))
        if (choice.chance(50))
          loops.push_back(loop);
    choice.shuffle(loops);
    std::vector<Extent> extents;
    for (const std::string &loop : loops)
      extents.push_back({{loop}, 1});
    std::string element = choice.of({draft.accumulator, draft.accumulator, std::string("bf16"), std::string("f16")});
    if (element == "f16")
      draft.kernel.expected.push_back(RefusalKind::Float16);
    sink = {draft.addArgument("sink", element, std::move(extents), Role::Sink), std::move(loops)};
  }

  std::string writeRegions() {
    std::string similarity, score, mask;
    RegionWriter similarityWriter(choice, draft, draft.similarity, "d"), scoreWriter(choice, draft, draft.score, "s"),
        maskWriter(choice, draft, draft.mask, "m");
    const std::string &type = draft.accumulator;
    draft.kernel.hasSimilarity = choice.chance(5);
    if (draft.kernel.hasSimilarity)
      similarity = similarityWriter.writeSimilarity("%qe", "%ke");
    if (choice.chance(55))
      score = scoreWriter.writeScore("%s");
    if (choice.chance(65))
      mask = maskWriter.writeCondition(choice.chance(30) ? 2 : 1);
    if (choice.chance(15))
      addOffsets();
    std::string text;
    auto add = [&](llvm::StringRef name, const RegionWriter &writer, llvm::StringRef leading, const std::string &result,
                   llvm::StringRef resultType) {
      if (!result.empty())
        text += ("\n    " + name + " " + writer.print(leading, result, resultType)).str();
    };
    add("similarity", similarityWriter, "%qe: " + type + ", %ke: " + type, similarity, type);
    add("score", scoreWriter, "%s: " + type, score, type);
    add("mask", maskWriter, "", mask, "i1");
    return text;
  }

  /// A position for the first row and key, as a caller of a part of a large problem has it.
  void addOffsets() {
    for (const std::string &loop : draft.loops) {
      if (loop == "i" || loop == "j") {
        size_t argument = draft.addArgument("first", "index", {}, Role::Position);
        offsets.push_back("%" + draft.kernel.arguments[argument].name);
      } else {
        offsets.push_back("%c0");
      }
    }
  }

  /// Some of Q, K and V are made element by element of what is stored. What rounds them moves scores, which the
  /// reference can judge for softmax of products without entropy (docs/Numerics.md, ops beside attention).
  void addProducers() {
    bool canRound = normalizer == "#attn.softmax" && !draft.kernel.hasSimilarity;
    for (const Result &result : results)
      canRound &= result.kind != "entropy" && result.count == 0;
    for (int n = 0; n < 3; ++n) {
      const FuzzArgument &argument = draft.kernel.arguments[isPacked ? 0 : n];
      tensors.push_back(isPacked ? "%" + std::string(1, "qkv"[n]) : "%" + argument.name);
      bool canMake = !isPacked && sizes().at(maps[n].back()) >= 0 &&
                     (contracted[n] == "f32" || (canRound && draft.accumulator == "f32"));
      if (!canMake || !choice.chance(6))
        continue;
      tensors[n] = "%made_" + argument.name;
      draft.kernel.expected.push_back(RefusalKind::GpuProducer);
      producers += ProducerWriter(choice, draft, maps[n], contracted[n]).write(n, tensors[n]);
    }
  }

  std::string printMap(const Loops &loops) {
    return "affine_map<(" + llvm::join(draft.loops, ", ") + ") -> (" + llvm::join(loops, ", ") + ")>";
  }

  std::string printTensor(const Loops &loops, const std::string &element, int64_t count = 0) {
    std::string text = "tensor<";
    for (const std::string &loop : loops)
      text += printSize(sizes()[loop]) + "x";
    if (count > 0)
      text += std::to_string(count) + "x";
    return text + element + ">";
  }

  /// `tensor.dim` of each loop that a result needs, from Q, K or V.
  void writeSizes() {
    for (const Result &result : results)
      for (const std::string &loop : result.loops) {
        if (sizes()[loop] >= 0 || !measured.insert({loop, "%size_" + loop}).second)
          continue;
        for (int n = 0; n < 3; ++n) {
          auto at = llvm::find(maps[n], loop);
          if (at == maps[n].end())
            continue;
          int64_t dimension = at - maps[n].begin();
          body += "  %dim_" + loop + " = arith.constant " + std::to_string(dimension) + " : index\n";
          body += "  " + measured[loop] + " = tensor.dim " + tensors[n] + ", %dim_" + loop + " : " +
                  printTensor(maps[n], contracted[n]) + "\n";
          break;
        }
      }
  }

  /// Q, K and V as slices of one tensor.
  void unpack() {
    const FuzzArgument &packed = draft.kernel.arguments.front();
    std::string type = printType(packed, sizes());
    std::vector<std::string> sizeTexts;
    for (auto [dimension, loop] : llvm::enumerate(Loops{"b", "i", "", "h"})) {
      if (loop.empty()) {
        sizeTexts.push_back("1");
      } else if (sizes()[loop] >= 0) {
        sizeTexts.push_back(std::to_string(sizes()[loop]));
      } else {
        std::string number = "%at" + std::to_string(dimension), size = "%packed_" + loop;
        body += "  " + number + " = arith.constant " + std::to_string(dimension) + " : index\n";
        body += "  " + size + " = tensor.dim %qkv, " + number + " : " + type + "\n";
        sizeTexts.push_back(size);
      }
    }
    sizeTexts.push_back(printSize(sizes()["d"]));
    if (sizes()["d"] < 0) {
      body += "  %at4 = arith.constant 4 : index\n  %packed_d = tensor.dim %qkv, %at4 : " + type + "\n";
      sizeTexts.back() = "%packed_d";
    }
    for (int n = 0; n < 3; ++n)
      body += "  " + tensors[n] + " = tensor.extract_slice %qkv[0, 0, " + std::to_string(n) + ", 0, 0] [" +
              llvm::join(sizeTexts, ", ") + "] [1, 1, 1, 1, 1] : " + type + " to " +
              printTensor(maps[n], contracted[n]) + "\n";
  }

  /// "NAME(%a, %b : type, type)" for operands of a role; their maps join the others.
  std::string writeRole(llvm::StringRef name, const std::vector<RegionOperand> &operands, bool haveMaps = true) {
    if (operands.empty())
      return "";
    std::vector<std::string> values, types;
    for (const RegionOperand &operand : operands) {
      const FuzzArgument &argument = draft.kernel.arguments[operand.argument];
      values.push_back("%" + argument.name);
      types.push_back(printType(argument, sizes()));
      if (haveMaps)
        printedMaps.push_back(printMap(operand.loops));
    }
    return ("\n    " + name + "(").str() + llvm::join(values, ", ") + " : " + llvm::join(types, ", ") + ")";
  }

  void write(const std::string &regions) {
    if (!offsets.empty())
      body += "  %c0 = arith.constant 0 : index\n";
    if (isPacked)
      unpack();
    body += producers;
    writeSizes();
    std::vector<std::string> types, resultTypes, outs, returned;
    for (int n = 0; n < 3; ++n) {
      types.push_back(printTensor(maps[n], contracted[n]));
      printedMaps.push_back(printMap(maps[n]));
    }
    std::string roles = writeRole("similarity_ins", draft.similarity) + writeRole("score_ins", draft.score) +
                        writeRole("mask_ins", draft.mask);
    if (sink)
      roles += writeRole("normalizer_ins", {*sink});
    roles += writeRole("captures", draft.captures, /*haveMaps=*/false);
    if (!offsets.empty())
      roles += "\n    offsets(" + llvm::join(offsets, ", ") + ")";
    for (auto [number, result] : llvm::enumerate(results)) {
      resultTypes.push_back(printTensor(result.loops, result.element, result.count));
      std::vector<std::string> dynamic;
      for (const std::string &loop : result.loops)
        if (sizes()[loop] < 0)
          dynamic.push_back(measured[loop]);
      std::string init = "%init" + std::to_string(number);
      body += "  " + init + " = tensor.empty(" + llvm::join(dynamic, ", ") + ") : " + resultTypes.back() + "\n";
      outs.push_back(result.kind + " " + init + " : " + resultTypes.back());
      printedMaps.push_back(printMap(result.loops));
      returned.push_back(results.size() == 1 ? "%r" : "%r#" + std::to_string(number));
    }
    std::string scale = choice.of({"1.000000e+00", "2.500000e-01", "-5.000000e-01", "1.250000e+00"});
    body += "  %r" + (results.size() == 1 ? "" : ":" + std::to_string(results.size())) + " = attn.generic ins(" +
            llvm::join(tensors, ", ") + " : " + llvm::join(types, ", ") + ")" + roles + "\n    outs(" +
            llvm::join(outs, ", ") + ")\n    maps [" + llvm::join(printedMaps, ",\n          ") + "]\n    scale(" +
            scale + ") normalizer(" + normalizer + ")" + regions + "\n  return " + llvm::join(returned, ", ") + " : " +
            llvm::join(resultTypes, ", ") + "\n";
    std::vector<std::string> parameters, named;
    for (const FuzzArgument &argument : draft.kernel.arguments)
      parameters.push_back("%" + argument.name + ": " + printType(argument, sizes()) + " {attn.name = \"" +
                           argument.name + "\"}");
    for (auto [result, type] : llvm::zip_equal(results, resultTypes))
      named.push_back(type + " {attn.name = \"" + result.kind + "\"}");
    draft.kernel.text = "func.func @kernel(" + llvm::join(parameters, ",\n                  ") + ")\n    -> (" +
                        llvm::join(named, ", ") + ") {\n" + body + "}\n";
  }

  Choice &choice;
  GenericDraft draft;
  bool isPacked = false;
  /// Of Q, K and V: element types, loops of dimensions, values.
  std::vector<std::string> contracted;
  std::vector<Loops> maps;
  std::vector<std::string> tensors;
  std::string outElement, normalizer = "#attn.softmax";
  std::vector<Result> results;
  std::optional<RegionOperand> sink;
  std::vector<std::string> offsets, printedMaps;
  std::map<std::string, std::string> measured;
  std::string producers, body;
};
} // namespace

FuzzKernel attn::makeGenericKernel(Choice &choice) { return GenericKernel(choice).make(); }
