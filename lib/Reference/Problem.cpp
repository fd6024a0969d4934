// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Says whether a problem is one, and what its loops are.
#include "attn/Reference/Problem.h"

#include <algorithm>
#include <tuple>

using namespace attn::reference;

namespace {

using LoopSet = std::vector<bool>;

std::string quote(const std::string &name) { return "'" + name + "'"; }

std::string list(const std::vector<unsigned> &numbers) {
  std::string text = "[";
  for (size_t i = 0; i < numbers.size(); ++i)
    text += (i ? ", " : "") + std::to_string(numbers[i]);
  return text + "]";
}

/// Loops of `loops` as a set, or an error for a number that is no loop or comes twice.
bool collectLoops(const Problem &problem, const std::string &name, const std::vector<unsigned> &loops, LoopSet &set,
                  std::string &error) {
  set.assign(problem.loops.size(), false);
  for (unsigned loop : loops) {
    if (loop >= problem.loops.size()) {
      error = quote(name) + " expects loop numbers below " + std::to_string(problem.loops.size()) + ", got " +
              std::to_string(loop);
      return false;
    }
    if (set[loop]) {
      error = quote(name) + " expects each loop once, got " + list(loops);
      return false;
    }
    set[loop] = true;
  }
  return true;
}

/// An operand: its loops as above, and a view of their extents.
bool checkOperand(const Problem &problem, const std::string &name, const Operand &operand, LoopSet &set,
                  std::string &error) {
  if (!collectLoops(problem, name, operand.loops, set, error))
    return false;
  const View &view = operand.view;
  if (view.sizes.size() != operand.loops.size() || view.strides.size() != operand.loops.size()) {
    error = quote(name) + " expects one size, one stride and one loop per dimension, got " +
            std::to_string(view.sizes.size()) + ", " + std::to_string(view.strides.size()) + " and " +
            std::to_string(operand.loops.size());
    return false;
  }
  for (size_t i = 0; i < operand.loops.size(); ++i) {
    int64_t extent = problem.loops[operand.loops[i]].extent;
    if (view.sizes[i] != extent) {
      error = quote(name) + " expects size " + std::to_string(extent) + " in dimension " + std::to_string(i) +
              " (loop " + std::to_string(operand.loops[i]) + "), got " + std::to_string(view.sizes[i]);
      return false;
    }
  }
  if (!view.data && countElements(view.sizes) > 0) {
    error = quote(name) + " expects data, got none";
    return false;
  }
  return true;
}

/// The single loop of a kind, or an error that tells how many there are.
bool takeOnly(const std::string &kind, const std::vector<unsigned> &loops, unsigned &loop, std::string &error) {
  if (loops.size() != 1) {
    error = "expects exactly one " + kind + " loop, got " + std::to_string(loops.size());
    return false;
  }
  loop = loops.front();
  return true;
}

bool classifyByUse(const Problem &problem, LoopClasses &classes, std::string &error) {
  LoopSet q, k, v, o;
  if (!checkOperand(problem, "query", problem.query, q, error) ||
      !checkOperand(problem, "key", problem.key, k, error) ||
      !checkOperand(problem, "value", problem.value, v, error) ||
      !collectLoops(problem, "out", problem.outLoops, o, error))
    return false;
  std::vector<unsigned> key, d, e;
  for (unsigned loop = 0; loop < problem.loops.size(); ++loop) {
    std::string use;
    for (auto [set, letter] : {std::pair(&q, 'Q'), std::pair(&k, 'K'), std::pair(&v, 'V'), std::pair(&o, 'O')})
      if ((*set)[loop])
        use += letter;
    if (use == "QKVO") {
      classes.batch.push_back(loop);
    } else if (use == "QO") {
      classes.row.push_back(loop);
    } else if (use == "KV") {
      key.push_back(loop);
    } else if (use == "QK") {
      d.push_back(loop);
    } else if (use == "VO") {
      e.push_back(loop);
    } else {
      error = "loop " + std::to_string(loop) +
              " expects to be used as batch (QKVO), row (QO), key (KV), d (QK) or e (VO), " + "got " +
              (use.empty() ? "no use" : use);
      return false;
    }
  }
  if (classes.row.empty()) {
    error = "expects at least one row loop, got none";
    return false;
  }
  return takeOnly("key", key, classes.key, error) && takeOnly("d", d, classes.d, error) &&
         takeOnly("e", e, classes.e, error);
}

bool checkElementOperands(const Problem &problem, const std::string &role, const std::vector<Operand> &operands,
                          const std::vector<unsigned> &allowed, std::string &error) {
  for (size_t i = 0; i < operands.size(); ++i) {
    std::string name = role + " operand " + std::to_string(i);
    LoopSet set;
    if (!checkOperand(problem, name, operands[i], set, error))
      return false;
    for (unsigned loop : operands[i].loops) {
      if (std::find(allowed.begin(), allowed.end(), loop) == allowed.end()) {
        error = quote(name) + " expects loops out of " + list(allowed) + ", got " + std::to_string(loop);
        return false;
      }
    }
  }
  return true;
}

/// A result is written once per point of its loops, so it has all of them.
bool checkResult(const std::string &name, std::vector<unsigned> loops, const std::vector<unsigned> &expected,
                 std::string &error) {
  std::vector<unsigned> sorted = loops;
  std::sort(sorted.begin(), sorted.end());
  if (sorted == expected)
    return true;
  error = quote(name) + " expects the loops " + list(expected) + " in any order, got " + list(loops);
  return false;
}

const char *nameOf(Normalizer normalizer) {
  switch (normalizer) {
  case Normalizer::Softmax:
    return "softmax";
  case Normalizer::SoftmaxSink:
    return "softmax_sink";
  case Normalizer::Sigmoid:
    return "sigmoid";
  case Normalizer::Identity:
    return "identity";
  case Normalizer::Custom:
    return "custom";
  }
  return "?";
}

std::string nameOf(const Problem &problem) {
  return problem.normalizer == Normalizer::Custom ? problem.custom.name : nameOf(problem.normalizer);
}

size_t countNormalizerOperands(const Problem &problem) {
  if (problem.normalizer == Normalizer::Custom)
    return problem.custom.numOperands;
  return problem.normalizer == Normalizer::SoftmaxSink ? 1 : 0;
}

bool checkResults(const Problem &problem, const std::vector<unsigned> &rowLoops, const std::vector<unsigned> &keyLoops,
                  std::string &error) {
  bool isSoftmax = problem.normalizer == Normalizer::Softmax || problem.normalizer == Normalizer::SoftmaxSink;
  for (auto [name, request, defined] : {std::tuple("lse", &problem.lse, problem.custom.definesLse),
                                        std::tuple("max", &problem.max, problem.custom.definesMax),
                                        std::tuple("entropy", &problem.entropy, problem.custom.definesEntropy)}) {
    if (!*request)
      continue;
    if (problem.normalizer == Normalizer::Custom ? !defined : !isSoftmax) {
      error = std::string("normalizer ") + quote(nameOf(problem)) + " does not define result " + quote(name);
      return false;
    }
    if (!checkResult(name, **request, rowLoops, error))
      return false;
  }
  if (problem.weights && !checkResult("weights", *problem.weights, keyLoops, error))
    return false;
  if (!problem.topK)
    return true;
  if (problem.topK->count < 1) {
    error = "'top-k' expects k of at least 1, got " + std::to_string(problem.topK->count);
    return false;
  }
  return checkResult("top-k", problem.topK->loops, rowLoops, error);
}

} // namespace

std::optional<LoopClasses> attn::reference::classifyLoops(const Problem &problem, std::string &error) {
  for (unsigned loop = 0; loop < problem.loops.size(); ++loop) {
    if (problem.loops[loop].extent < 0) {
      error = "loop " + std::to_string(loop) + " expects an extent of at least 0, got " +
              std::to_string(problem.loops[loop].extent);
      return std::nullopt;
    }
  }
  LoopClasses classes;
  if (!classifyByUse(problem, classes, error))
    return std::nullopt;

  std::vector<unsigned> rowLoops = classes.batch;
  rowLoops.insert(rowLoops.end(), classes.row.begin(), classes.row.end());
  std::sort(rowLoops.begin(), rowLoops.end());
  std::vector<unsigned> keyLoops = rowLoops;
  keyLoops.push_back(classes.key);
  std::sort(keyLoops.begin(), keyLoops.end());
  std::vector<unsigned> similarityLoops = keyLoops;
  similarityLoops.push_back(classes.d);
  std::sort(similarityLoops.begin(), similarityLoops.end());

  if (!checkElementOperands(problem, "similarity", problem.similarityOperands, similarityLoops, error) ||
      !checkElementOperands(problem, "score", problem.scoreOperands, keyLoops, error) ||
      !checkElementOperands(problem, "mask", problem.maskOperands, keyLoops, error) ||
      !checkElementOperands(problem, "normalizer", problem.normalizerOperands, rowLoops, error))
    return std::nullopt;
  size_t expected = countNormalizerOperands(problem);
  if (problem.normalizerOperands.size() != expected) {
    error = std::string("normalizer ") + quote(nameOf(problem)) + " expects " + std::to_string(expected) +
            " normalizer operands, got " + std::to_string(problem.normalizerOperands.size());
    return std::nullopt;
  }
  if (!checkResults(problem, rowLoops, keyLoops, error))
    return std::nullopt;
  return classes;
}
