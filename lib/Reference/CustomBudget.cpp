// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The budget of normalizers that the reference does not know by name (docs/Numerics.md, "Custom normalizers").
#include "CustomBudget.h"

using namespace attn::reference;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
/// Of exp2 and most functions, in units; its product adds one more.
constexpr double kFactorUnits = 6;

/// NaN is what errors come to where infinities meet.
double orInfinity(double error) { return std::isnan(error) ? kInf : error; }

} // namespace

void attn::reference::addCustomRow(const Problem &problem, const LoopClasses &classes, Rows &rows,
                                   const RowFacts &facts, const Evaluation &evaluation, const KernelModel &model,
                                   int64_t tiles, Results &tolerance) {
  const CustomNormalizer &custom = problem.custom;
  const Results &results = evaluation.results;
  double unit = model.accumulator.unit() + kF64.unit();
  KernelModel worst = model;
  worst.confidence = Confidence::WorstCase;
  double scoreChain = c2(worst, problem.loops[classes.d].extent);
  double scoreRoundings = problem.score ? model.scoreRoundings : 0;

  std::vector<KeptKey> kept;
  rows.score(0, problem.loops[classes.key].extent, kept);
  std::vector<Approximate> scores;
  for (const KeptKey &key : kept)
    scores.push_back(
        {key.score,
         (scoreChain * key.magnitude + scoreRoundings * (key.magnitude + std::fabs(key.score)) + key.excess) * unit});
  double moves = rescales(model, std::min(tiles, facts.keptKeys));
  double factors = custom.hasMaximum ? kFactorUnits * moves : 0;
  double sums = (chain(model, facts.keptKeys + moves + model.splits - 1) + factors) * unit;
  CustomRow row = custom.weigh(scores, rows.normalizerValues(), {unit, sums});

  bool exempt = mayOverflow(facts, model);
  double smallestWeight = getSmallestWeight(model), largest = model.accumulator.largest(), largestError = 0;
  for (Approximate &weight : row.weights) {
    weight.error = orInfinity(weight.error);
    largestError = std::max(largestError, weight.error);
  }
  double narrow = model.weight.precision < model.accumulator.precision ? model.weight.unit() : 0;
  for (int64_t e = 0; e < problem.loops[classes.e].extent; ++e) {
    int64_t offset = rows.offsetIn(problem.outLoops, 0, e);
    double reference = results.out.values[offset], &allowed = tolerance.out.values[offset], error = 0, magnitude = 0;
    for (size_t i = 0; i < kept.size(); ++i) {
      double value = std::fabs(rows.value(kept[i].key, e)), weight = std::fabs(row.weights[i].value);
      if (!std::isfinite(value) || !std::isfinite(weight))
        continue; // seen in the reference
      error += row.weights[i].error * value + smallestWeight * value + model.accumulator.smallest();
      magnitude += weight * value;
    }
    // The factor of `finish` and its product; weights as they meet V.
    error += ((2 * unit + sums) * (1 + narrow) + narrow) * magnitude;
    double sumLimit =
        std::max(magnitude, custom.hasMaximum ? facts.keptKeys * evaluation.valueMagnitude.values[offset] : 0);
    bool openInfinity = evaluation.infinityWeight.values[offset] < largestError + 64 * smallestWeight;
    if (exempt || openInfinity || sumLimit > 0.99 * largest) {
      allowed = kInf;
      continue;
    }
    if (!std::isfinite(reference))
      continue;
    error = orInfinity(error) + model.out.smallest() * model.out.unit();
    if (model.out.precision < model.accumulator.precision)
      error += model.out.unit() * (std::fabs(reference) + error);
    allowed = std::fabs(reference) + error > model.out.largest() ? kInf : error;
  }

  auto ofNumber = [&](const Approximate &number) {
    if (exempt || std::fabs(number.value) + number.error > largest)
      return std::isfinite(number.value) ? kInf : 0;
    return std::isfinite(number.value) ? orInfinity(number.error) + model.accumulator.smallest() : 0;
  };
  for (auto [request, result, number] :
       {std::tuple(&problem.lse, &tolerance.lse, &row.lse), std::tuple(&problem.max, &tolerance.max, &row.max),
        std::tuple(&problem.entropy, &tolerance.entropy, &row.entropy)})
    if (*request)
      (*result)->values[rows.offsetIn(**request)] = ofNumber(*number);
  for (size_t i = 0; i < kept.size(); ++i) {
    if (problem.weights)
      tolerance.weights->values[rows.offsetIn(*problem.weights, kept[i].key)] = ofNumber(row.weights[i]);
    if (!problem.topK)
      continue;
    int64_t first = rows.offsetIn(problem.topK->loops, 0, 0, problem.topK->count);
    for (int64_t rank = first; rank < first + problem.topK->count; ++rank)
      if (results.topKIndices->values[rank] == kept[i].key)
        tolerance.topKValues->values[rank] = ofNumber(row.weights[i]);
  }
}
