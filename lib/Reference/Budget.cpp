// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The formulas of docs/Numerics.md, in its notation and order.
#include "attn/Reference/Budget.h"

#include "CustomBudget.h"
#include "Rows.h"

#include <algorithm>

using namespace attn::reference;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

double exp2Units(const KernelModel &model) { return model.exp2Error / model.accumulator.unit(); }

/// Relative change of sum w r V / sum w r when every log r is at most t: (e^t - 1) / (2 - e^t).
double inflate(double t) {
  double grown = std::expm1(t);
  return grown < 1 ? grown / (1 - grown) : kInf;
}

/// Error terms of one row, in units of `unit`.
class RowBudget {
public:
  RowBudget(const Problem &problem, const RowFacts &facts, const KernelModel &model, int64_t tiles, int64_t depth)
      : problem(problem), facts(facts), model(model), tiles(std::min(tiles, facts.keptKeys)),
        // The reference errs too, by the same formula in its own unit: this matters for f64 kernels only.
        unit(model.accumulator.unit() + kF64.unit()), average(c2(model, depth)) {
    KernelModel worst = model;
    worst.confidence = Confidence::WorstCase;
    single = c2(worst, depth);
    if (problem.score)
      roundings = model.scoreRoundings;
  }

  double forOut(double reference, double valueMagnitude, double infinityWeight) const {
    double largest = model.accumulator.largest();
    double smallestWeight = getSmallestWeight(model);
    bool softmax = isSoftmax(problem.normalizer);
    double weightLimit =
        problem.normalizer == Normalizer::Identity ? single * facts.magnitude * unit : 64 * smallestWeight;
    double sumLimit = std::max(facts.weightSum, softmax ? double(facts.keptKeys) : 0.0) * valueMagnitude;
    if (infinityWeight < weightLimit || sumLimit > 0.99 * largest || scoresMayOverflow())
      return kInf;
    if (!std::isfinite(reference))
      return 0;
    double relative = softmax ? softmaxOut() : plainOut();
    double floor = facts.keptKeys * (smallestWeight * valueMagnitude + model.accumulator.smallest()) +
                   model.out.smallest() * model.out.unit();
    double tolerance = relative * valueMagnitude + floor;
    if (model.out.precision < model.accumulator.precision)
      tolerance += model.out.unit() * (std::fabs(reference) + tolerance);
    return std::fabs(reference) + tolerance > model.out.largest() ? kInf : tolerance;
  }

  double forLse() const { return scoresMayOverflow() ? kInf : lseUnits() * unit; }

  double forMax() const {
    if (scoresMayOverflow())
      return kInf;
    return (scoreUnits(facts.max) + 2 * std::fabs(facts.max)) * unit;
  }

  double forEntropy() const {
    if (scoresMayOverflow())
      return kInf;
    double logKeys = std::log(facts.keptKeys + 1.0);
    return (2 * (c1(model, facts.keptKeys, tiles) + weighted()) * (1 + facts.entropy) + logKeys * logKeys) * unit;
  }

  double forWeight(double weight) const {
    if (scoresMayOverflow())
      return kInf;
    double floor = getSmallestExp2(model);
    if (problem.normalizer == Normalizer::Identity)
      return scoreUnits(weight) * unit + floor;
    if (weight == 0)
      return floor;
    double logWeight = std::fabs(std::log(weight));
    double units = exp2Units(model) + 4 + 2 * logWeight;
    if (isSoftmax(problem.normalizer))
      units += scoreUnits(facts.lse - logWeight) + lseUnits();
    else
      units += scoreUnits(logWeight + 1);
    return weight * std::expm1(units * unit) + floor;
  }

  /// To an infinity: a key with -inf for a score is not kept, and one that a bias of -inf drops has +inf - inf.
  bool scoresMayOverflow() const { return mayOverflow(facts, model); }

private:
  bool hasNarrowWeights() const { return model.weight.precision < model.accumulator.precision; }

  /// Error of one score of the given value, whatever the key.
  double scoreUnits(double score) const {
    return single * facts.magnitude + roundings * (facts.magnitude + std::fabs(score)) + facts.largestScoreExcess;
  }

  /// Error of the scores as it reaches a weighted mean.
  double weighted() const {
    return average * facts.magnitude + 2 * (roundings * facts.scoreMagnitude + facts.scoreExcess) +
           6 * facts.sinkMagnitude;
  }

  double softmaxOut() const {
    double fixed = c1(model, facts.keptKeys, tiles) * unit;
    if (hasNarrowWeights())
      fixed += model.weight.unit();
    // Whatever the scores are, out is a mean of values of V: beyond twice max|V| there is nothing to tell apart.
    return std::min(inflate(fixed + weighted() * unit), 2 * std::exp(2 * fixed));
  }

  /// Sigmoid and identity: a plain weighted sum.
  double plainOut() const {
    double perWeight = chain(model, facts.keptKeys + model.splits - 1);
    if (problem.normalizer == Normalizer::Sigmoid)
      perWeight += exp2Units(model) + 4;
    double scores = single * facts.weightedMagnitude + 2 * (roundings * facts.scoreMagnitude + facts.scoreExcess);
    double narrow = hasNarrowWeights() ? model.weight.unit() : 0;
    return std::expm1(perWeight * unit + narrow) * facts.weightSum + scores * unit * (1 + scores * unit);
  }

  double lseUnits() const {
    double spread = std::fabs(facts.lse - facts.max);
    return exp2Units(model) * (1 + rescales(model, tiles)) + chain(model, facts.keptKeys + rescales(model, tiles)) +
           average * facts.magnitude + roundings * facts.scoreMagnitude + facts.scoreExcess + 3 * facts.sinkMagnitude +
           std::log(facts.keptKeys + 1.0) + 3 * std::fabs(facts.max) + 3 * spread + std::fabs(facts.lse) + 2;
  }

  const Problem &problem;
  const RowFacts &facts;
  const KernelModel &model;
  int64_t tiles;
  double unit;
  /// c2 for a score inside a weighted mean, and for a single one: among many single ones some are unlucky, so only the
  /// worst case will do.
  double average, single = 0;
  double roundings = 0;
};

} // namespace

KernelModel KernelModel::narrow(const FloatFormat &format) {
  KernelModel model;
  model.out = model.weight = format;
  return model;
}

double attn::reference::c1(const KernelModel &model, int64_t keptKeys, int64_t tiles) {
  double moves = rescales(model, tiles);
  double acc = keptKeys + moves + model.splits - 1, l = keptKeys + moves;
  return chain(model, acc + l) + exp2Units(model) * (1 + moves) + // p and every alpha after it
         2 * std::log(keptKeys + 1.0) +                           // s - m, weighted
         2;                                                       // 1 / l and the product with it
}

double attn::reference::c2(const KernelModel &model, int64_t depth) {
  // The constant scale * log2(e); then the product with q and the additions.
  return model.scoreGain * (1 + chain(model, depth + 1) + model.similarityRoundings);
}

Results attn::reference::tolerances(const Problem &problem, const Evaluation &evaluation, const KernelModel &model) {
  std::string error;
  std::optional<LoopClasses> classes = classifyLoops(problem, error);
  assert(classes && "an evaluation of a malformed problem");
  const Results &results = evaluation.results;
  // Where the reference is not finite the tolerance is 0 unless exempt; what a row does not set (weights of keys that
  // are not kept) is exact.
  Results tolerance;
  tolerance.out = Tensor(results.out.sizes);
  for (auto [from, to] :
       {std::pair(&results.lse, &tolerance.lse), std::pair(&results.max, &tolerance.max),
        std::pair(&results.entropy, &tolerance.entropy), std::pair(&results.weights, &tolerance.weights),
        std::pair(&results.topKValues, &tolerance.topKValues)})
    if (*from)
      *to = Tensor((*from)->sizes);

  int64_t numKeys = problem.loops[classes->key].extent;
  int64_t tiles = (numKeys + model.keyTile - 1) / model.keyTile;
  Rows rows(problem, *classes);
  size_t number = 0;
  for (bool more = rows.count() > 0; more; more = rows.next()) {
    const RowFacts &facts = evaluation.rows[number++];
    if (problem.normalizer == Normalizer::Custom) {
      if (facts.keptKeys != 0 || mayOverflow(facts, model))
        addCustomRow(problem, *classes, rows, facts, evaluation, model, tiles, tolerance);
      continue;
    }
    RowBudget budget(problem, facts, model, tiles, problem.loops[classes->d].extent);
    if (facts.keptKeys == 0 && !budget.scoresMayOverflow())
      continue;
    // Where all scores overflow to -inf no key is left, and then the sink does not count.
    if (facts.undefined && !(facts.undefinedBySink && budget.scoresMayOverflow())) {
      if (problem.weights && budget.scoresMayOverflow())
        for (int64_t j = 0; j < numKeys; ++j)
          tolerance.weights->values[rows.offsetIn(*problem.weights, j)] = kInf;
      continue;
    }
    for (int64_t e = 0; e < problem.loops[classes->e].extent; ++e) {
      int64_t offset = rows.offsetIn(problem.outLoops, 0, e);
      tolerance.out.values[offset] = budget.forOut(results.out.values[offset], evaluation.valueMagnitude.values[offset],
                                                   evaluation.infinityWeight.values[offset]);
    }
    if (problem.lse)
      tolerance.lse->values[rows.offsetIn(*problem.lse)] = budget.forLse();
    if (problem.max)
      tolerance.max->values[rows.offsetIn(*problem.max)] = budget.forMax();
    if (problem.entropy)
      tolerance.entropy->values[rows.offsetIn(*problem.entropy)] = budget.forEntropy();
    if (problem.weights)
      for (int64_t j = 0; j < numKeys; ++j) {
        int64_t offset = rows.offsetIn(*problem.weights, j);
        tolerance.weights->values[offset] = budget.forWeight(results.weights->values[offset]);
      }
    if (problem.topK) {
      int64_t offset = rows.offsetIn(problem.topK->loops, 0, 0, problem.topK->count);
      for (int64_t i = 0; i < problem.topK->count; ++i)
        tolerance.topKValues->values[offset + i] = budget.forWeight(results.topKValues->values[offset + i]);
    }
  }
  return tolerance;
}
