// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Reference/Evaluate.h"

#include "Rows.h"

#include <algorithm>

using namespace attn::reference;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// Weights of the kept keys of one row, and the facts that do not need V.
struct RowWeights {
  std::vector<double> weights;
  double lse = -kInf, max = -kInf, entropy = 0;
  RowFacts facts;
};

/// True for a score that leaves nothing of the row but NaN.
bool spoilsRow(double score, Normalizer normalizer) {
  return std::isnan(score) || (isSoftmax(normalizer) && score == kInf);
}

void weighSoftmax(const std::vector<KeptKey> &kept, std::optional<double> sink, RowWeights &row) {
  for (const KeptKey &entry : kept)
    row.max = std::max(row.max, entry.score);
  double top = sink ? std::max(row.max, *sink) : row.max;
  double sum = sink ? std::exp(*sink - top) : 0;
  for (const KeptKey &entry : kept)
    sum += std::exp(entry.score - top);
  row.lse = top + std::log(sum);
  for (const KeptKey &entry : kept) {
    double weight = std::exp(entry.score - top) / sum;
    row.weights.push_back(weight);
    row.entropy += weight * (row.lse - entry.score);
  }
  if (sink && *sink != -kInf)
    row.facts.sinkMagnitude = std::exp(*sink - row.lse) * std::fabs(*sink);
  row.facts.lse = row.lse;
  row.facts.max = row.max;
  row.facts.entropy = row.entropy;
}

void weighCustom(const CustomNormalizer &custom, const std::vector<KeptKey> &kept, const std::vector<double> &operands,
                 RowWeights &row) {
  std::vector<Approximate> scores;
  for (const KeptKey &entry : kept)
    scores.push_back({entry.score, 0});
  CustomRow result = custom.weigh(scores, operands, Roundings());
  for (const Approximate &weight : result.weights)
    row.weights.push_back(weight.value);
  row.lse = result.lse.value;
  row.max = result.max.value;
  row.entropy = result.entropy.value;
}

RowWeights weigh(const Problem &problem, const Rows &rows, const std::vector<KeptKey> &kept) {
  RowWeights row;
  row.facts.keptKeys = kept.size();
  if (kept.empty())
    return row;
  std::optional<double> sink;
  if (problem.normalizer == Normalizer::SoftmaxSink)
    sink = rows.sink();
  bool bySink = sink && spoilsRow(*sink, problem.normalizer);
  bool byScore = std::any_of(kept.begin(), kept.end(),
                             [&](const KeptKey &entry) { return spoilsRow(entry.score, problem.normalizer); });
  // What a NaN score means for the other keys is the custom normalizer's to say.
  if ((bySink || byScore) && problem.normalizer != Normalizer::Custom) {
    row.weights.assign(kept.size(), kNaN);
    row.lse = row.max = row.entropy = kNaN;
    row.facts.undefined = true;
    row.facts.undefinedBySink = !byScore;
    return row;
  }
  if (isSoftmax(problem.normalizer))
    weighSoftmax(kept, sink, row);
  else if (problem.normalizer == Normalizer::Custom)
    weighCustom(problem.custom, kept, rows.normalizerValues(), row);
  else
    for (const KeptKey &entry : kept)
      row.weights.push_back(problem.normalizer == Normalizer::Sigmoid ? 1 / (1 + std::exp(-entry.score)) : entry.score);
  for (size_t i = 0; i < kept.size(); ++i) {
    double weight = std::fabs(row.weights[i]);
    double share = problem.normalizer == Normalizer::Identity ? 1 : weight;
    row.facts.magnitude = std::max(row.facts.magnitude, kept[i].magnitude);
    row.facts.weightedMagnitude += share * kept[i].magnitude;
    row.facts.weightSum += weight;
    if (problem.score)
      row.facts.scoreMagnitude += share * (std::fabs(kept[i].rawScore) + std::fabs(kept[i].score));
    if (share > 0) // else an infinite one would make NaN
      row.facts.scoreExcess += share * kept[i].excess;
    row.facts.largestScoreExcess = std::max(row.facts.largestScoreExcess, kept[i].excess);
  }
  return row;
}

void writeOut(const Problem &problem, const LoopClasses &classes, const Rows &rows, const std::vector<KeptKey> &kept,
              const RowWeights &row, Evaluation &evaluation) {
  for (int64_t e = 0; e < problem.loops[classes.e].extent; ++e) {
    double sum = 0, magnitude = 0, infinityWeight = kInf;
    for (size_t i = 0; i < kept.size(); ++i) {
      double weight = row.weights[i], value = rows.value(kept[i].key, e);
      sum += hasPositiveWeights(problem.normalizer) ? timesPositive(weight, value) : weight * value;
      if (std::isinf(value))
        infinityWeight = std::min(infinityWeight, std::fabs(weight));
      else if (!std::isnan(value))
        magnitude = std::max(magnitude, std::fabs(value));
    }
    int64_t offset = rows.offsetIn(problem.outLoops, 0, e);
    evaluation.results.out.values[offset] = row.facts.undefined ? kNaN : sum;
    evaluation.valueMagnitude.values[offset] = magnitude;
    evaluation.infinityWeight.values[offset] = infinityWeight;
  }
}

void writeTopK(const TopKRequest &request, const Rows &rows, const std::vector<KeptKey> &kept, const RowWeights &row,
               Results &results) {
  int64_t offset = rows.offsetIn(request.loops, 0, 0, request.count);
  bool ordered = !row.facts.undefined &&
                 std::none_of(kept.begin(), kept.end(), [](const KeptKey &key) { return std::isnan(key.score); });
  if (!ordered) {
    std::fill_n(results.topKValues->values.begin() + offset, request.count, kNaN);
    return; // indices stay -1
  }
  std::vector<size_t> order(kept.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  // By score, not by weight: weights that have underflowed are all alike.
  int64_t count = std::min<int64_t>(request.count, order.size());
  std::partial_sort(order.begin(), order.begin() + count, order.end(), [&](size_t a, size_t b) {
    return kept[a].score != kept[b].score ? kept[a].score > kept[b].score : a < b;
  });
  for (int64_t i = 0; i < count; ++i) {
    results.topKValues->values[offset + i] = row.weights[order[i]];
    results.topKIndices->values[offset + i] = kept[order[i]].key;
  }
}

} // namespace

std::optional<Evaluation> attn::reference::evaluate(const Problem &problem, std::string &error) {
  std::optional<LoopClasses> classes = classifyLoops(problem, error);
  if (!classes)
    return std::nullopt;
  Evaluation evaluation;
  Results &results = evaluation.results;
  std::vector<int64_t> outSizes = sizesOf(problem, problem.outLoops);
  results.out = Tensor(outSizes);
  evaluation.valueMagnitude = Tensor(outSizes);
  evaluation.infinityWeight = Tensor(outSizes, kInf);
  for (auto [request, result] :
       {std::pair(&problem.lse, &results.lse), std::pair(&problem.max, &results.max),
        std::pair(&problem.entropy, &results.entropy), std::pair(&problem.weights, &results.weights)})
    if (*request)
      *result = Tensor(sizesOf(problem, **request));
  if (problem.topK) {
    std::vector<int64_t> sizes = sizesOf(problem, problem.topK->loops);
    sizes.push_back(problem.topK->count);
    results.topKValues = Tensor(sizes);
    results.topKIndices = IndexTensor(sizes, -1);
  }

  Rows rows(problem, *classes);
  std::vector<KeptKey> kept;
  for (bool more = rows.count() > 0; more; more = rows.next()) {
    double reachedMagnitude = rows.score(0, problem.loops[classes->key].extent, kept);
    RowWeights row = weigh(problem, rows, kept);
    row.facts.reachedMagnitude = reachedMagnitude;
    writeOut(problem, *classes, rows, kept, row, evaluation);
    if (problem.lse)
      results.lse->values[rows.offsetIn(*problem.lse)] = row.lse;
    if (problem.max)
      results.max->values[rows.offsetIn(*problem.max)] = row.max;
    if (problem.entropy)
      results.entropy->values[rows.offsetIn(*problem.entropy)] = row.entropy;
    if (problem.weights)
      for (size_t i = 0; i < kept.size(); ++i)
        results.weights->values[rows.offsetIn(*problem.weights, kept[i].key)] = row.weights[i];
    if (problem.topK)
      writeTopK(*problem.topK, rows, kept, row, results);
    evaluation.rows.push_back(row.facts);
  }
  return evaluation;
}
