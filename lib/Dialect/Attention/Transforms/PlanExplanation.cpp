// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "PlanExplanation.h"

#include "attn/Analysis/ExplainMask.h"

#include "attn/Analysis/LoopSizes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attn {

PlanExplanation::PlanExplanation(GenericOp op, PlanAttr plan, PlanChoice choice)
    : op(op), plan(plan), choice(std::move(choice)), loops(getLoopInfo(op)),
      tiledRows(getTiledRowLoop(loops, getStaticLoopSizes(op))) {}

void PlanExplanation::setCosts(const TileCounts &counts, ArrayRef<int64_t> sizes) {
  const TileVisits &unmasked = counts.online[0], &masked = counts.online[1];
  const TileVisits &unmaskedAgain = counts.weights[0], &maskedAgain = counts.weights[1];
  int64_t d = sizes[loops.d], e = sizes[loops.e];
  int64_t online = unmasked.computed + masked.computed, weights = unmaskedAgain.computed + maskedAgain.computed;

  Costs result;
  result.tasks = counts.tasks;
  result.visited = unmasked.tiles + masked.tiles;
  result.masked = masked.tiles;
  result.isAtMost = counts.isAtMost;
  result.all = counts.tasks * llvm::divideCeil(sizes[loops.key], plan.getKeys());
  result.flops = 2 * ((d + e) * online + d * weights);
  result.denseFlops = 2 * counts.rows * sizes[loops.key] * (d + e + (weights ? d : 0));
  result.exponentials = online + weights;

  // A tensor is read with each key tile if it is over keys, else once in each task.
  SmallVector<Value> tensors{op.getQuery(), op.getKey(), op.getValue()};
  llvm::append_range(tensors, op.getSimilarityOperands());
  llvm::append_range(tensors, op.getScoreOperands());
  size_t firstMask = tensors.size();
  llvm::append_range(tensors, op.getMaskOperands());
  size_t firstNormalizer = tensors.size();
  llvm::append_range(tensors, op.getNormalizerOperands());
  size_t firstOut = tensors.size();
  llvm::append_range(tensors, op.getInits());
  for (auto [number, tensor, attr] : llvm::enumerate(tensors, op.getIndexingMaps().getAsRange<AffineMapAttr>())) {
    int64_t bytes = getElementTypeOrSelf(tensor.getType()).getIntOrFloatBitWidth();
    bytes = llvm::divideCeil(bytes, 8);
    int64_t whole = bytes, rest = bytes;
    bool overKeys = false, overRows = false;
    for (AffineExpr expr : attr.getValue().getResults()) {
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      whole *= sizes[loop];
      overKeys |= loop == static_cast<unsigned>(loops.key);
      overRows |= loop == tiledRows;
      if (loop == static_cast<unsigned>(loops.d) || loop == static_cast<unsigned>(loops.e))
        rest *= sizes[loop];
    }
    // The ranks of top-k are no loop.
    for (int64_t size :
         cast<RankedTensorType>(tensor.getType()).getShape().drop_front(attr.getValue().getNumResults())) {
      whole *= size;
      rest *= size;
    }
    result.tensorBytes += whole;
    if (!overKeys || number >= firstOut) {
      // Weights are written whole, zeros where no tile is visited.
      bool isWeights = overKeys && number >= firstOut;
      result.streamedBytes += rest * (overRows ? counts.rows : counts.tasks) * (isWeights ? sizes[loops.key] : 1);
      continue;
    }
    bool isValue = number == 2, isMask = number >= firstMask && number < firstNormalizer;
    for (const TileVisits *visits : {&unmasked, &masked, &unmaskedAgain, &maskedAgain}) {
      bool again = visits == &unmaskedAgain || visits == &maskedAgain;
      bool looks = visits == &masked || visits == &maskedAgain;
      if ((isValue && again) || (isMask && !looks))
        continue;
      result.streamedBytes += rest * (overRows ? visits->pairs : visits->keys);
    }
  }
  costs = result;
}

static StringRef getFunctionName(GenericOp op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return function ? cast<SymbolOpInterface>(function.getOperation()).getName() : StringRef();
}

void PlanExplanation::addAlternatives(const TargetDescription &target) {
  if (target.sharedBytes) // the model is of a CPU
    return;
  predicted = predictCost(op, plan, target);
  leastCost = getLeastCost(op, plan);
  for (auto &[difference, other] : getNeighbours(op, plan, target))
    alternatives.push_back({difference, predictCost(op, other, target).getTotal() / predicted->getTotal()});
  llvm::sort(alternatives, [](const Alternative &a, const Alternative &b) { return a.ratio < b.ratio; });
}

void PlanExplanation::printAlternatives(llvm::raw_ostream &os) {
  if (!predicted)
    return;
  double total = predicted->getTotal();
  auto share = [&](double part) { return 100 * part / total; };
  os << llvm::formatv(
      "  predicted: {0:F0} % of the peak, {1}: products {2:F0} %, scores {3:F0} %, acc {4:F0} %, operands "
      "{5:F0} %, loops {6:F0} %; memory meanwhile {7:F0} %\n",
      share(leastCost), total > predicted->memory ? "by instructions" : "by memory", share(predicted->products),
      share(predicted->scores), share(predicted->accumulators), share(predicted->operands), share(predicted->overhead),
      share(predicted->memory));
  os << "  alternatives:";
  for (auto [number, alternative] : llvm::enumerate(alternatives))
    os << (number ? ", " : " ")
       << llvm::formatv("{0} {1}{2:F1} %", alternative.difference, alternative.ratio < 1 ? "" : "+",
                        100 * (alternative.ratio - 1));
  os << llvm::formatv(" of time ({0:F0} % is what the prediction may be wrong by)\n", 100 * kCostError);
}

void PlanExplanation::print(llvm::raw_ostream &os) {
  os << describeLocation(op.getLoc()) << ": plan of '" << op->getName() << "' in @" << getFunctionName(op) << ": "
     << stringifyAlgorithm(plan.getAlgorithm()) << ", " << stringifyOrientation(plan.getOrientation()) << '\n';
  for (const PlanReason &reason : choice.reasons) {
    std::string number = getPlanNumber(plan, reason.name);
    bool given = number != reason.value;
    os << llvm::formatv("  {0,-13} = {1,-8} {2}{3}\n", reason.name, number,
                        given ? "given; would be " + reason.value + ": " : "", reason.text);
  }
  auto size = [&](unsigned loop) { return sizes[loop] ? std::to_string(*sizes[loop]) : "?"; };
  auto product = [&](ArrayRef<unsigned> list) {
    return list.empty() ? "1" : llvm::join(llvm::map_range(list, size), " x ");
  };
  os << "  sizes: batches " << product(loops.batch) << ", rows " << product(loops.row) << " (" << size(tiledRows)
     << " in tiles), keys " << size(loops.key) << ", D " << size(loops.d) << ", Dv " << size(loops.e) << '\n';
  os << "  bytes live in the loop over keys: " << getLiveBytes(op, plan) << '\n';
  printAlternatives(os);
  if (!costs) {
    os << "  costs are unknown: " << unknown << '\n';
    return;
  }
  os << llvm::formatv("  tasks: {0}\n", costs->tasks);
  StringRef most = costs->isAtMost ? "at most " : "";
  os << llvm::formatv("  key tiles: {3}{0} visited of {1}, {3}{2} of them look at a mask\n", costs->visited, costs->all,
                      costs->masked, most);
  if (costs->isAtMost)
    os << "  which of them are skipped depends on operands of the mask; what follows is for none\n";
  os << llvm::formatv("  flops: {0} of the products on visited tiles, {1} for all rows and keys; {2} exponentials\n",
                      costs->flops, costs->denseFlops, costs->exponentials);
  os << llvm::formatv("  bytes: {0} read and written by tasks, {1} in all tensors\n", costs->streamedBytes,
                      costs->tensorBytes);
}

void PlanExplanation::printJson(llvm::raw_ostream &os) {
  auto size = [&](unsigned loop) -> llvm::json::Value {
    return sizes[loop] ? llvm::json::Value(*sizes[loop]) : llvm::json::Value(nullptr);
  };
  llvm::json::Array reasons, batches, rows;
  for (const PlanReason &reason : choice.reasons)
    reasons.push_back(llvm::json::Object{{"name", reason.name},
                                         {"value", getPlanNumber(plan, reason.name)},
                                         {"chosen", reason.value},
                                         {"reason", reason.text}});
  for (unsigned loop : loops.batch)
    batches.push_back(size(loop));
  for (unsigned loop : loops.row)
    rows.push_back(size(loop));
  llvm::json::Object object{{"explain", "plan"},
                            {"function", getFunctionName(op)},
                            {"location", describeLocation(op.getLoc())},
                            {"plan", llvm::json::Object{{"algorithm", stringifyAlgorithm(plan.getAlgorithm())},
                                                        {"orientation", stringifyOrientation(plan.getOrientation())},
                                                        {"rows", plan.getRows()},
                                                        {"short", plan.getShortRows()},
                                                        {"keys", plan.getKeys()},
                                                        {"split", plan.getSplitKeys()},
                                                        {"lanes", plan.getLanes()},
                                                        {"register_tile", llvm::json::Array(plan.getRegisterTile())},
                                                        {"precision", stringifyPrecision(plan.getPrecision())}}},
                            {"reasons", std::move(reasons)},
                            {"sizes", llvm::json::Object{{"batches", std::move(batches)},
                                                         {"rows", std::move(rows)},
                                                         {"tiled_rows", size(tiledRows)},
                                                         {"keys", size(loops.key)},
                                                         {"d", size(loops.d)},
                                                         {"dv", size(loops.e)}}},
                            {"live_bytes", getLiveBytes(op, plan)}};
  if (predicted) {
    llvm::json::Array others;
    for (const Alternative &alternative : alternatives)
      others.push_back(llvm::json::Object{{"difference", alternative.difference}, {"time", alternative.ratio}});
    object["predicted"] = llvm::json::Object{{"share_of_peak", leastCost / predicted->getTotal()},
                                             {"products", predicted->products},
                                             {"scores", predicted->scores},
                                             {"accumulators", predicted->accumulators},
                                             {"operands", predicted->operands},
                                             {"overhead", predicted->overhead},
                                             {"memory", predicted->memory},
                                             {"alternatives", std::move(others)}};
  }
  if (costs) {
    object["tasks"] = costs->tasks;
    object["key_tiles"] = llvm::json::Object{
        {"visited", costs->visited}, {"masked", costs->masked}, {"all", costs->all}, {"at_most", costs->isAtMost}};
    object["flops"] = llvm::json::Object{{"visited", costs->flops}, {"dense", costs->denseFlops}};
    object["exponentials"] = costs->exponentials;
    object["bytes"] = llvm::json::Object{{"streamed", costs->streamedBytes}, {"tensors", costs->tensorBytes}};
  } else {
    object["unknown"] = unknown;
  }
  os << llvm::json::Value(std::move(object)) << '\n';
}

} // namespace attn
