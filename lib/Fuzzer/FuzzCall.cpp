// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Random calls: sizes, values and memory that kernels have trouble with.
#include "FuzzKernel.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace attn;

namespace {
/// Multiply-adds of one call at most, as the reference computes it element by element.
constexpr int64_t kMostWork = 600000;
/// Rows and keys of a tile of a GPU, which an emulator does in full, and tiles of one call at most.
constexpr int64_t kTile = 64, kMostTiles = 12;

class CallMaker {
public:
  CallMaker(const FuzzKernel &kernel, uint64_t seed, bool isEmulated)
      : kernel(kernel), choice(seed), isEmulated(isEmulated) {}

  std::vector<std::string> make() {
    chooseSizes();
    for (const FuzzArgument &argument : kernel.arguments)
      if (!argument.isScalar())
        addShape(argument);
    words.push_back("--seed=" + std::to_string(choice.between(1, 9999)));
    chooseContractedData();
    for (const FuzzArgument &argument : kernel.arguments)
      chooseData(argument);
    std::string strides = choice.of({"dense", "guarded", "padded", "permuted", "broadcast"});
    if (strides != "dense")
      words.push_back("--strides=" + strides);
    // Values that repeat err alike: nothing averages.
    isWorstCase |= strides == "broadcast";
    // More than there are cores, too: parts of the keys are as many as threads ask for.
    if (choice.chance(30))
      words.push_back("--threads=" + choice.of<std::string>({"2", "2", "3", "7"}));
    if (isWorstCase)
      words.push_back("--worst-case");
    return std::move(words);
  }

private:
  void chooseSizes() {
    sizes = kernel.sizes;
    bool isPacked = kernel.arguments.front().role == Role::Packed || kernel.hasOwnKeys;
    for (auto &[loop, size] : sizes) {
      if (size >= 0)
        continue;
      if (loop == "i" || loop == "j")
        size = choice.of({0, 1, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 67, 70, 97, 100, 128, 129, 131, 200});
      else if (loop == "d" || loop == "e")
        size = 4;
      else
        size = loop == "b" ? choice.of({0, 1, 1, 1, 2, 2, 3}) : choice.of({1, 1, 2, 3});
    }
    // Keys enough to be divided among threads.
    if (kernel.sizes.at("j") < 0 && choice.chance(8))
      sizes["j"] = choice.of({257, 300, 513, 1030});
    if (isPacked)
      sizes["j"] = sizes["i"];
    auto countWork = [&] {
      int64_t work = sizes["d"] + sizes["e"] + 16;
      for (auto &[loop, size] : sizes)
        if (loop != "d" && loop != "e")
          work *= std::max<int64_t>(size, 1);
      if (kernel.rowWork)
        work += std::max<int64_t>(sizes["b"], 1) * (sizes["i"] + sizes["j"]) * kernel.rowWork;
      return work;
    };
    auto countTiles = [&] {
      int64_t tiles = 1;
      for (auto &[loop, size] : sizes)
        if (loop != "d" && loop != "e")
          tiles *= std::max<int64_t>(loop == "i" || loop == "j" ? llvm::divideCeil(size, kTile) : size, 1);
      return tiles;
    };
    while (countWork() > kMostWork || (isEmulated && countTiles() > kMostTiles)) {
      std::string larger = "";
      for (auto &[loop, size] : sizes)
        if (kernel.sizes.at(loop) < 0 && size > 1 && (larger.empty() || size > sizes[larger]))
          larger = loop;
      if (larger.empty())
        break;
      sizes[larger] /= 2;
      if (isPacked)
        sizes["i"] = sizes["j"] = std::min(sizes["i"], sizes["j"]);
    }
    // A cache has room for what is appended.
    sizes["j"] = std::max(sizes["j"], kernel.newRows);
  }

  int64_t getSize(const Extent &extent) const { return getStaticSize(extent, sizes); }

  void addShape(const FuzzArgument &argument) {
    bool isStatic =
        llvm::all_of(argument.extents, [&](const Extent &e) { return getStaticSize(e, kernel.sizes) >= 0; });
    if (isStatic)
      return;
    std::string text;
    for (const Extent &extent : argument.extents)
      text += (text.empty() ? "" : "x") + std::to_string(getSize(extent));
    words.push_back("--shape=" + argument.name + "=" + text);
  }

  void fill(const FuzzArgument &argument, const std::string &value, const std::string &ranges = "") {
    words.push_back("--fill=" + argument.name + "=" + value + (ranges.empty() ? "" : "@" + ranges));
  }

  /// A part of `argument`: of each dimension all, one or some.
  std::string chooseRanges(const FuzzArgument &argument) {
    std::string text;
    for (const Extent &extent : argument.extents) {
      int64_t size = std::max<int64_t>(getSize(extent), 1), first = choice.below(size);
      std::string range = ":";
      if (choice.chance(40))
        range = std::to_string(first);
      else if (choice.chance(40))
        range = choice.chance(50) ? std::to_string(first) + ":" : ":" + std::to_string(first);
      text += (text.empty() ? "" : ",") + range;
    }
    return text;
  }

  void chooseContractedData() {
    std::vector<const FuzzArgument *> qkv;
    for (const FuzzArgument &argument : kernel.arguments)
      if (llvm::is_contained({Role::Query, Role::Key, Role::Value, Role::Packed}, argument.role))
        qkv.push_back(&argument);
    if (qkv.empty()) // all are made of integers
      return;
    switch (choice.below(12)) {
    case 0: // constants
      for (const FuzzArgument *argument : qkv)
        fill(*argument, choice.of({"0.5", "-1", "3"}));
      isWorstCase = true;
      break;
    case 1: // equal scores
      fill(*qkv.front(), "0");
      isWorstCase = true;
      break;
    case 2: // scores of 1e4 and -1e4
      fill(*qkv.front(), "-100..100");
      if (qkv.size() > 1)
        fill(*qkv[1], "-100..100");
      break;
    case 3: // no score is finite
      // Only scores: docs/Numerics.md says nothing of what a similarity overflows inside.
      if (qkv.size() > 1 && !kernel.hasSimilarity && qkv[0]->element != "f16" && qkv[1]->element != "f16") {
        fill(*qkv[0], "-1e30..1e30");
        fill(*qkv[1], "1e30");
        isWorstCase = true;
      }
      break;
    case 4:
    case 5: // NaN or an infinity somewhere
    case 6: {
      const FuzzArgument &argument = *choice.of(qkv);
      fill(argument, choice.of({"nan", "inf", "-inf"}), chooseRanges(argument));
      if (choice.chance(30))
        fill(argument, choice.of({"nan", "inf", "-inf", "0"}), chooseRanges(argument));
      break;
    }
    case 7: // ascending importance: the maximum moves late
      fill(*qkv.front(), "0..4");
      break;
    default:
      break;
    }
  }

  /// Numbers that ascend from 0 to at most `size`, mostly to it.
  void chooseSums(const FuzzArgument &argument, int64_t size) {
    std::vector<int64_t> sums(argument.extents.front().factor, 0);
    for (int64_t &sum : llvm::drop_begin(sums))
      sum = choice.chance(15) ? 0 : choice.between(0, size);
    if (choice.chance(70))
      sums.back() = size;
    llvm::sort(sums);
    for (auto [number, sum] : llvm::enumerate(sums))
      fill(argument, std::to_string(sum), std::to_string(number));
  }

  /// A position of its own for each sequence, often the last.
  void choosePositions(const FuzzArgument &argument) {
    int64_t last = sizes["j"] - kernel.newRows;
    for (int64_t sequence = 0; sequence < getSize(argument.extents.front()); ++sequence)
      fill(argument, std::to_string(choice.chance(20) ? last : choice.between(0, last)), std::to_string(sequence));
  }

  void chooseData(const FuzzArgument &argument) {
    switch (argument.role) {
    case Role::AppendAt:
      choosePositions(argument);
      return;
    case Role::Embedding:
      if (choice.chance(15))
        fill(argument, choice.of({"0", "1", "nan", "-8..8"}), chooseRanges(argument));
      return;
    case Role::Weight:
      if (choice.chance(10))
        fill(argument, choice.of({"0", "1", "-2..2"}), chooseRanges(argument));
      return;
    case Role::Query:
    case Role::Key:
    case Role::Value:
    case Role::Packed:
      return;
    case Role::Stored:
      fill(argument, choice.of({"-127..127", "-127..127", "-8..8", "0"}));
      return;
    case Role::Bias:
      if (choice.chance(40))
        fill(argument, choice.of({"-inf", "-1e9", "nan", "1e4", "-1e4", "inf", "0"}), chooseRanges(argument));
      return;
    case Role::Factor:
      if (choice.chance(20))
        fill(argument, choice.of({"0", "1", "-2..2"}), chooseRanges(argument));
      return;
    case Role::Sink:
      if (choice.chance(40))
        fill(argument, choice.of({"-inf", "0", "1e4", "-1e4", "-8..8", "inf", "nan"}), chooseRanges(argument));
      return;
    case Role::Truth:
      if (choice.chance(25))
        fill(argument, choice.of({"0", "1", "0..2"}));
      if (choice.chance(30))
        fill(argument, choice.of({"0", "1"}), chooseRanges(argument));
      return;
    case Role::Length:
      fill(argument, choice.of({"0", "-1..3", "0..100", "0..250", "1"}));
      return;
    case Role::RowSums:
      chooseSums(argument, sizes["i"]);
      return;
    case Role::KeySums:
      chooseSums(argument, sizes["j"]);
      return;
    case Role::Document:
      if (choice.chance(30))
        fill(argument, choice.of({"0", "1", "0..9", "-2..2"}), chooseRanges(argument));
      return;
    case Role::Table:
      if (choice.chance(20))
        fill(argument, choice.of({"nan", "-inf", "5"}), chooseRanges(argument));
      return;
    case Role::Position:
      words.push_back("--arg=" + argument.name + "=" +
                      choice.of({"0", "0", "1", "3", "-5", "16", "37", "64", "90", "1000000"}));
      return;
    case Role::Number:
      words.push_back("--arg=" + argument.name + "=" + choice.of({"1", "0.7", "-0.3", "0"}));
      return;
    case Role::Flag:
      words.push_back("--arg=" + argument.name + "=" + choice.of({"0", "1"}));
    }
  }

  const FuzzKernel &kernel;
  Choice choice;
  bool isEmulated;
  std::map<std::string, int64_t> sizes;
  std::vector<std::string> words;
  bool isWorstCase = false;
};
} // namespace

std::vector<std::string> attn::makeCall(const FuzzKernel &kernel, uint64_t seed, bool isEmulated) {
  return CallMaker(kernel, seed, isEmulated).make();
}
