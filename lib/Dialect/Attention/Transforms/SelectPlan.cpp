// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Takes attn.generic; leaves it with a plan. The numbers follow from registers and caches; what each was measured to be
// worth stands beside it.

#include "CostModel.h"
#include "Producers.h"
#include "RowTile.h"
#include "attn/Analysis/LoopSizes.h"
#include "attn/Dialect/Attention/IR/Storage.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

namespace attn {
#define GEN_PASS_DEF_ATTNSELECTPLANPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Keys of a tile at most: beyond it the rescaling of acc, once per key tile, is no longer worth saving.
static constexpr int64_t kMostKeys = 128;
/// Keys of a tile of few rows, at least and at most, a power of two: fewer are less than a vector of scores, more
/// gained nothing.
static constexpr int64_t kFewestStreamed = 8, kMostStreamed = 32;
/// K and V of such a tile fill a quarter of L1: what the processor fetches ahead needs the rest. With 4 query rows, D =
/// 128, f32, tiles of 8, 16 and 32 keys (a quarter, a half, all of L1) were read at 93, 75 and 58 % of the bandwidth.
/// From 8 rows on arithmetic is the limit, and half of L1 saves passes over acc: 91 and 100 GF/s with 16 and 32 keys in
/// bf16.
static constexpr int64_t kBusyRows = 8;
/// Keys that L2 may reduce a tile to: acc is read and written once per key tile, so with fewer the products with V wait
/// for it. K and V themselves are read once per row tile and need no cache.
static constexpr int64_t kFewestKeys = 32;

/// Row tiles that keep the threads of any machine busy: no more are divided.
static constexpr int64_t kManyTasks = 256;
/// Bytes of K and V in a part of the keys of few rows, at least: some microseconds, beside which handing out the part
/// and merging its state are small. Of many rows a part has this many key tiles.
static constexpr int64_t kFewestPartBytes = 128 << 10, kFewestPartTiles = 2;

static int64_t getElementBytes(Value tensor) {
  return getElementTypeOrSelf(tensor.getType()).getIntOrFloatBitWidth() / 8;
}

/// Products of bf16 pairs double the rate: they take pairs along d, and the similarity has to be the product of Q and
/// K. Empty if they will do, else what is in the way.
static std::string whyNotBf16(GenericOp op, int64_t headSize, const TargetDescription &target) {
  auto isBf16 = [](Value tensor) { return getElementTypeOrSelf(tensor.getType()).isBF16(); };
  if (!isBf16(op.getQuery()) || !isBf16(op.getKey()) || !isBf16(op.getValue()))
    return "Q, K and V are not all bf16";
  if (getElementwiseProducer(op.getQuery()) || getElementwiseProducer(op.getKey()) ||
      getElementwiseProducer(op.getValue()))
    return "Q, K or V is made tile by tile";
  if (!target.hasBf16Dot)
    return "the machine does not multiply pairs of bf16";
  if (!op.getSimilarity().empty())
    return "the similarity is not the product of Q and K";
  return headSize % 2 == 0 ? "" : "D is odd, and bf16 is multiplied in pairs";
}

static int64_t getLiveBytes(GenericOp op, int64_t rows, int64_t keys) {
  LoopInfo loops = getLoopInfo(op);
  SmallVector<int64_t> sizes = getStaticLoopSizes(op);
  int64_t headSize = sizes[loops.d], valueSize = sizes[loops.e], accBytes = getAccumulatorType(op).getWidth() / 8;
  int64_t rowTile = rows * (headSize + valueSize) * accBytes;
  if (Value values = op.getInitOfKind(ResultKind::TopkValues)) // lists of scores and positions
    rowTile += rows * cast<RankedTensorType>(values.getType()).getShape().back() * (accBytes + 4);
  int64_t keyTile = keys * (headSize * getElementBytes(op.getKey()) + valueSize * getElementBytes(op.getValue()));
  return rowTile + keyTile + keys * rows * accBytes;
}

int64_t attn::getLiveBytes(GenericOp op, PlanAttr plan) { return ::getLiveBytes(op, plan.getRows(), plan.getKeys()); }

namespace {
/// Gathers a plan number by number, each with its reason.
class Planner {
public:
  Planner(GenericOp op, const TargetDescription &target)
      : op(op), target(target), loops(getLoopInfo(op)), sizes(getStaticLoopSizes(op)),
        accBytes(getAccumulatorType(op).getWidth() / 8), lanes(target.vectorBits / (8 * accBytes)),
        queryRows(sizes[getTiledRowLoop(loops, sizes)]), manyRegisters(target.vectorRegisters >= 32) {}

  FailureOr<PlanChoice> run();

private:
  template <typename T> void because(StringRef name, const T &value, std::string text) {
    choice.reasons.push_back({name, llvm::formatv("{0}", value), std::move(text)});
  }
  FailureOr<PlanAttr> planFragments();
  PlanAttr planManyRows();
  PlanAttr planFewRows();
  /// Goes on to neighbours as long as one is predicted to cost less by more than the prediction may be wrong.
  void improve();
  /// `plan` with keys divided as its rows and keys ask for; the reason takes the place of the one before.
  PlanAttr withSplit(PlanAttr plan);
  /// Keys of a part, at least, if keys may be divided among threads, else 0.
  int64_t planSplit(int64_t rows, int64_t keys, int64_t fewestKeys, StringRef reason);
  int64_t planManyRowsSplit(int64_t rows, int64_t keys);

  GenericOp op;
  const TargetDescription &target;
  LoopInfo loops;
  SmallVector<int64_t> sizes;
  int64_t accBytes, lanes, queryRows;
  bool manyRegisters;
  PlanChoice choice;
};
} // namespace

FailureOr<PlanChoice> Planner::run() {
  for (auto [loop, letter] : {std::pair(loops.d, "D"), std::pair(loops.e, "Dv")})
    if (ShapedType::isDynamic(sizes[loop]))
      return op.emitError("cannot plan with '") << letter << "' of unknown size: compiling asks for a static one";
  if (target.sharedBytes) {
    FailureOr<PlanAttr> plan = planFragments();
    if (failed(plan))
      return failure();
    choice.plan = *plan;
    return std::move(choice);
  }
  because("lanes", lanes,
          llvm::formatv("a vector register of {0} bits / {1} bits of a score", target.vectorBits, 8 * accBytes));
  // One vector of rows is multiplied as fast as rows of K are summed up; pairs of bf16 along rows twice as fast.
  int64_t mostFewRows = whyNotBf16(op, sizes[loops.d], target).empty() ? lanes / 2 : lanes;
  bool fewRows = !ShapedType::isDynamic(queryRows) && queryRows >= 1 && queryRows <= mostFewRows;
  choice.plan = fewRows ? planFewRows() : planManyRows();
  improve();
  return std::move(choice);
}

/// Rows of a product of fragments; columns of one, and what a fragment pads D, Dv and keys to.
static constexpr int64_t kFragmentRows = 16, kFragmentColumns = 8, kFragmentDepth = 16;
/// Groups of 32 threads that share K and V of a tile, at most, and the largest head size: acc has Dv / 2 registers of
/// the 255 that a thread may have, a score tile keys / 2.
static constexpr int64_t kMostWarps = 4, kMostHeadSize = 256;
/// Head sizes up to which a tile has the larger number of keys. Beyond it, acc and scores together would spill.
static constexpr int64_t kManyKeys = 64, kFewKeys = 32, kManyKeysHeadSize = 128;
/// The same of a warp by itself, whose lanes fetch the whole tile: 32 copies each are addresses enough to spill.
static constexpr int64_t kManyKeysHeadSizeAlone = 64;

/// A GPU: warps of 16 rows each.
FailureOr<PlanAttr> Planner::planFragments() {
  auto refuse = [&] { return op.emitError("cannot be compiled for a GPU yet: "); };
  int64_t headSize = sizes[loops.d], valueSize = sizes[loops.e];
  if (accBytes != 4)
    return refuse() << "f64 (f16, bf16 and f32 can)";
  if (!isa<SoftmaxAttr>(op.getNormalizer()))
    return refuse() << "normalizer " << op.getNormalizer() << " (#attn.softmax can)";
  if (headSize > kMostHeadSize || valueSize > kMostHeadSize)
    return refuse() << "expects D and Dv of at most " << kMostHeadSize << ", got " << headSize << " and " << valueSize;
  if (llvm::any_of(op.getDpsInputs(), [](Value operand) { return getElementwiseProducer(operand); }))
    return refuse() << "operands that an elementwise op makes (those that are stored can)";
  for (auto kind : op.getResultKinds().getAsRange<ResultKindAttr>())
    if (kind.getValue() != ResultKind::Out && kind.getValue() != ResultKind::Lse && kind.getValue() != ResultKind::Max)
      return refuse() << "result '" << stringifyResultKind(kind.getValue()) << "' (out, lse and max can)";
  Type type = getElementTypeOrSelf(op.getQuery().getType());
  bool isOneType =
      type == getElementTypeOrSelf(op.getKey().getType()) && type == getElementTypeOrSelf(op.getValue().getType());
  Precision precision = Precision::Accumulator;
  std::string reason = "Q, K and V are not all f16 or all bf16";
  if (isOneType && op.getSimilarity().empty() && (type.isF16() || type.isBF16())) {
    precision = type.isF16() ? Precision::F16 : Precision::BF16;
    reason = "tensor cores multiply it and add in f32";
  } else if (!op.getSimilarity().empty()) {
    reason = "the similarity is not the product of Q and K";
  }
  because("precision", stringifyPrecision(precision), reason);
  because("lanes", 32, "threads of a warp");
  // Decoding: the query heads of a group are rows of one tile, and read K and V once. Warps without rows would only
  // wait.
  int64_t warps = kMostWarps;
  bool fewRows = !ShapedType::isDynamic(queryRows) && queryRows <= kFragmentRows * kMostWarps;
  if (fewRows)
    warps = std::max<int64_t>(llvm::divideCeil(queryRows, kFragmentRows), 1);
  int64_t rows = kFragmentRows * warps;
  because("rows", rows, llvm::formatv("{0} warps x {1} rows of a fragment", warps, kFragmentRows));
  because("register_tile", llvm::formatv("[{0}, {1}]", kFragmentRows, kFragmentColumns).str(),
          "the sums of one product of fragments");

  // Rows of shared memory are as long as whole fragments, and 16 bytes longer where that keeps banks apart.
  auto getRowBytes = [](int64_t size) {
    int64_t padded = llvm::alignTo(size, kFragmentDepth);
    return 2 * (padded % 64 == 0 ? padded : padded + 8);
  };
  auto getSharedBytes = [&](int64_t keys, int64_t stages) {
    return rows * getRowBytes(headSize) + stages * keys * (getRowBytes(headSize) + getRowBytes(valueSize));
  };
  int64_t manyKeysHeadSize = warps == 1 ? kManyKeysHeadSizeAlone : kManyKeysHeadSize;
  int64_t keys = std::max(headSize, valueSize) > manyKeysHeadSize ? kFewKeys : kManyKeys, stages = 2;
  if (precision == Precision::Accumulator) {
    stages = 0;
    because("keys", keys, "keys between two looks at the mask: each is multiplied by itself");
    because("stages", stages, "nothing is kept in shared memory");
  } else {
    because("keys", keys,
            llvm::formatv("D and Dv of at most {0}: {1}, else {2}: {3} registers of acc and {4} of scores a thread",
                          manyKeysHeadSize, kManyKeys, kFewKeys, valueSize / 2, keys / 2));
    if (getSharedBytes(keys, stages) > target.sharedBytes)
      stages = 1;
    if (getSharedBytes(keys, stages) > target.sharedBytes)
      return refuse() << getSharedBytes(keys, stages) << " bytes of shared memory are needed, and there are "
                      << target.sharedBytes;
    because("stages", stages,
            llvm::formatv("Q, and K and V of {0} tiles, are {1} bytes <= {2} of shared memory", stages,
                          getSharedBytes(keys, stages), target.sharedBytes));
  }
  because("warps", warps,
          fewRows ? llvm::formatv("for {0} query rows", queryRows).str() : "they share each tile of K and V");
  // Of more rows there are blocks enough, and what merges would cost registers.
  int64_t split = 0;
  if (fewRows)
    split = planSplit(rows, keys, kFewestPartTiles * keys, llvm::formatv("{0} key tiles", kFewestPartTiles).str());
  else
    because("split", split, "many rows make blocks enough");
  return PlanAttr::get(op.getContext(), Algorithm::Online, Orientation::RowsMajor, rows, /*shortRows=*/0, keys,
                       /*lanes=*/32, {kFragmentRows, kFragmentColumns}, precision, split, warps, stages);
}

int64_t Planner::planSplit(int64_t rows, int64_t keys, int64_t fewestKeys, StringRef reason) {
  int64_t split = llvm::alignTo(fewestKeys, keys), tasks = 1;
  SmallVector<unsigned> outer(loops.batch);
  llvm::append_range(outer, loops.row);
  for (unsigned loop : outer) {
    bool isTiled = loop == getTiledRowLoop(loops, sizes);
    int64_t count = isTiled && !ShapedType::isDynamic(sizes[loop]) ? llvm::divideCeil(sizes[loop], rows) : sizes[loop];
    // Of an unknown size there may be one.
    tasks *= ShapedType::isDynamic(count) ? 1 : count;
  }
  auto kinds = op.getResultKinds().getAsRange<ResultKindAttr>();
  bool hasWeights = llvm::any_of(kinds, [](ResultKindAttr kind) { return kind.getValue() == ResultKind::Weights; });
  int64_t allKeys = sizes[loops.key];
  std::string text = llvm::formatv("with fewer row tiles than threads, parts of at least so many keys: {0}", reason);
  if (hasWeights) {
    split = 0;
    text = "weights need the state of all keys before they can be written";
  } else if (op.getInitOfKind(ResultKind::TopkValues)) {
    split = 0;
    text = "lists of top-k are not merged";
  } else if (!ShapedType::isDynamic(allKeys) && allKeys < 2 * split) {
    text = llvm::formatv("{0} keys are no two parts of {1}", allKeys, split);
    split = 0;
  } else if (tasks >= kManyTasks) {
    text = llvm::formatv("{0} row tiles or more keep any threads busy", tasks);
    split = 0;
  }
  because("split", split, std::move(text));
  return split;
}

int64_t Planner::planManyRowsSplit(int64_t rows, int64_t keys) {
  return planSplit(rows, keys, kFewestPartTiles * keys, llvm::formatv("{0} key tiles", kFewestPartTiles).str());
}

/// Rows are the lanes.
PlanAttr Planner::planManyRows() {
  // Vectors of a row tile, and of those how many a block of accumulators spans.
  int64_t rows = llvm::alignTo(kMostRows, lanes);
  if (int64_t fewer = llvm::alignTo(std::max<int64_t>(queryRows, 1), lanes);
      !ShapedType::isDynamic(queryRows) && fewer < rows) {
    rows = fewer;
    because("rows", rows,
            llvm::formatv("{0} query rows <= {1}, up to a multiple of {2} lanes", queryRows, kMostRows, lanes));
  } else {
    because("rows", rows, llvm::formatv("query rows that share each load of K and V: at most {0}", rows));
  }
  int64_t shortRows = getShortRows(queryRows, rows, lanes);
  std::string shortReason;
  if (ShapedType::isDynamic(queryRows))
    shortReason = llvm::formatv("the last row tile may have few rows: {0}",
                                shortRows ? "a quarter of a tile then does" : "but a quarter is no vector");
  else
    shortReason = llvm::formatv("{0} query rows leave {1} for a last row tile that is not whole", queryRows,
                                queryRows > rows ? queryRows % rows : 0);
  because("short", shortRows, std::move(shortReason));
  int64_t mostColumns = manyRegisters ? 4 : 2, columns = mostColumns;
  while (rows / lanes % columns != 0)
    --columns;
  // 4 x 4 of 32 registers ran fastest, up to 24 accumulators without spills; of 16 registers 12 leave two for the row
  // vectors, one for the broadcast and one to spare.
  int64_t budget = manyRegisters ? 16 : 12, blockRows = 1;
  for (int64_t candidate : {2, 4, 6, 8, 12, 16})
    if (candidate * columns <= budget)
      blockRows = candidate;
  because("register_tile", llvm::formatv("[{0}, {1}]", blockRows, columns).str(),
          llvm::formatv("{0} x {1} accumulators <= {2} of {3} registers; {1} <= {4} vectors, a divisor of the {5} of a "
                        "row tile",
                        blockRows, columns, budget, target.vectorRegisters, mostColumns, rows / lanes));

  std::string obstacle = whyNotBf16(op, sizes[loops.d], target);
  Precision precision = obstacle.empty() ? Precision::BF16 : Precision::Accumulator;
  // Scores are written once and read three times: half of L1 is theirs, the rest is for what streams past. Beside
  // products at twice the rate, acc, which each key tile reads and writes, counts twice: then all of L1 is theirs.
  // Measured: 1.5 to 2.3 points of the peak for D = 64 and 128, while f32 gains nothing.
  int64_t scoreBytes = precision == Precision::BF16 ? target.l1Bytes : target.l1Bytes / 2;
  StringRef scoreRoom = precision == Precision::BF16 ? "L1" : "half of L1";
  int64_t scores = std::max<int64_t>(scoreBytes / (rows * accBytes), 1);
  int64_t byScores = llvm::alignTo(scores, blockRows), most = llvm::alignDown(kMostKeys, blockRows);
  int64_t keys = std::min(byScores, most), fewestKeys = llvm::alignTo(kFewestKeys, blockRows);
  while (keys > fewestKeys && ::getLiveBytes(op, rows, keys) > target.l2Bytes / 2)
    keys -= blockRows;
  int64_t liveBytes = ::getLiveBytes(op, rows, keys);
  std::string fits = llvm::formatv("live bytes {0} {1} {2}, half of L2", liveBytes,
                                   liveBytes <= target.l2Bytes / 2 ? "<=" : ">", target.l2Bytes / 2);
  if (keys < std::min(byScores, most) && liveBytes <= target.l2Bytes / 2)
    because("keys", keys,
            llvm::formatv("{0}, where {1} keys have {2}", fits, keys + blockRows,
                          ::getLiveBytes(op, rows, keys + blockRows)));
  else if (keys < std::min(byScores, most))
    because("keys", keys,
            llvm::formatv("at least {0}, up to a multiple of {1}, although {2}", kFewestKeys, blockRows, fits));
  else if (keys < byScores)
    because("keys", keys, llvm::formatv("at most {0}, down to a multiple of {1}; {2}", kMostKeys, blockRows, fits));
  else
    because("keys", keys,
            llvm::formatv("{0} keys x {1} rows x {2} bytes of scores <= {3}, {4}, up to a multiple of {5}; {6}", scores,
                          rows, accBytes, scoreBytes, scoreRoom, blockRows, fits));
  int64_t split = planManyRowsSplit(rows, keys);
  because("precision", stringifyPrecision(precision),
          obstacle.empty() ? "the machine multiplies pairs of bf16, which Q, K and V hold, and D is even" : obstacle);
  return PlanAttr::get(op.getContext(), Algorithm::Online, Orientation::RowsMinor, rows, shortRows, keys, lanes,
                       {blockRows, columns}, precision, split);
}

void Planner::improve() {
  while (true) {
    double cost = predictCost(op, choice.plan, target).getTotal(), least = (1 - kCostError) * cost;
    PlanAttr best;
    std::string difference;
    for (auto &[text, other] : getNeighbours(op, choice.plan, target))
      if (double predicted = predictCost(op, other, target).getTotal(); predicted < least) {
        least = predicted;
        best = other;
        difference = text;
      }
    if (!best)
      return;
    std::string text = llvm::formatv("{0}: predicted to take {1:F0} % less time than what registers and caches suggest",
                                     difference, 100 * (1 - least / cost));
    for (PlanReason &reason : choice.reasons)
      if (std::string value = getPlanNumber(best, reason.name); reason.name != "split" && value != reason.value) {
        reason.value = value;
        reason.text = text;
      }
    choice.plan = best.getOrientation() == Orientation::RowsMinor ? withSplit(best) : best;
  }
}

PlanAttr Planner::withSplit(PlanAttr plan) {
  auto before = llvm::find_if(choice.reasons, [](const PlanReason &reason) { return reason.name == "split"; });
  size_t place = before - choice.reasons.begin();
  int64_t split = planManyRowsSplit(plan.getRows(), plan.getKeys());
  choice.reasons[place] = choice.reasons.pop_back_val();
  return PlanAttr::get(op.getContext(), plan.getAlgorithm(), plan.getOrientation(), plan.getRows(), plan.getShortRows(),
                       plan.getKeys(), plan.getLanes(), plan.getRegisterTile(), plan.getPrecision(), split);
}

/// Lanes are neighbours in a row of K, V or scores.
PlanAttr Planner::planFewRows() {
  because(
      "rows", queryRows,
      llvm::formatv("{0} query rows would fill {0} of {1} lanes, were lanes rows: K and V are read along their rows",
                    queryRows, lanes));
  // Accumulators of the product with V: whole rows of it, so that V is one stream.
  int64_t vectors = llvm::divideCeil(sizes[loops.e], lanes), budget = manyRegisters ? 16 : 12;
  int64_t columns = std::min(vectors, budget);
  while (vectors % columns != 0)
    --columns;
  int64_t blockRows = std::clamp<int64_t>(budget / columns, 1, queryRows);
  because("register_tile", llvm::formatv("[{0}, {1}]", blockRows, columns).str(),
          llvm::formatv("{0} of the {1} vectors of a row of V, for {2} rows: at most {3} accumulators of {4} registers",
                        columns, vectors, blockRows, budget, target.vectorRegisters));
  int64_t keyBytes = sizes[loops.d] * getElementBytes(op.getKey()) + sizes[loops.e] * getElementBytes(op.getValue());
  int64_t room = target.l1Bytes / (queryRows < kBusyRows ? 4 : 2);
  int64_t keys = std::clamp<int64_t>(llvm::bit_floor(uint64_t(room / keyBytes)), kFewestStreamed, kMostStreamed);
  because("keys", keys,
          llvm::formatv("rows of K and V of {0} bytes a key, a power of two from {1} to {2}, in {3} bytes, {4} of L1",
                        keyBytes, kFewestStreamed, kMostStreamed, room, queryRows < kBusyRows ? "a quarter" : "half"));
  int64_t split = planSplit(queryRows, keys, llvm::bit_ceil(uint64_t(llvm::divideCeil(kFewestPartBytes, keyBytes))),
                            llvm::formatv("{0} bytes of K and V, up to a power of two", kFewestPartBytes).str());
  std::string obstacle = whyNotBf16(op, sizes[loops.d], target);
  AffineMap keyMap = cast<AffineMapAttr>(op.getIndexingMaps()[1]).getValue();
  if (obstacle.empty() && keyMap.getResults().back() != getAffineDimExpr(loops.d, op.getContext()))
    obstacle = "D is not innermost in K, whose rows hold no pairs then";
  Precision precision = obstacle.empty() ? Precision::BF16 : Precision::Accumulator;
  because("precision", stringifyPrecision(precision),
          obstacle.empty() ? "the machine multiplies pairs of bf16 along rows of K; V is converted in registers"
                           : obstacle + ": K and V are converted in registers");
  return PlanAttr::get(op.getContext(), Algorithm::Online, Orientation::RowsMajor, queryRows, /*shortRows=*/0, keys,
                       lanes, {blockRows, columns}, precision, split);
}

std::string attn::getPlanNumber(PlanAttr plan, StringRef name) {
  if (name == "register_tile")
    return llvm::formatv("[{0}, {1}]", plan.getRegisterTile()[0], plan.getRegisterTile()[1]);
  if (name == "precision")
    return stringifyPrecision(plan.getPrecision()).str();
  if (name == "short")
    return std::to_string(plan.getShortRows());
  if (name == "warps" || name == "stages")
    return std::to_string(name == "warps" ? plan.getWarps() : plan.getStages());
  if (name == "split")
    return std::to_string(plan.getSplitKeys());
  int64_t number = name == "rows" ? plan.getRows() : name == "keys" ? plan.getKeys() : plan.getLanes();
  return std::to_string(number);
}

FailureOr<PlanChoice> attn::choosePlan(GenericOp op, const TargetDescription &target) {
  return Planner(op, target).run();
}

FailureOr<PlanAttr> attn::selectPlan(GenericOp op, const TargetDescription &target) {
  FailureOr<PlanChoice> choice = choosePlan(op, target);
  if (failed(choice))
    return failure();
  PlanAttr plan = choice->plan;
  auto remark = remark::passed(op.getLoc(), remark::RemarkOpts::name("select-plan").category("select-plan"));
  remark << remark::metric("rows", plan.getRows()) << remark::metric("keys", plan.getKeys())
         << remark::metric("lanes", plan.getLanes()) << remark::metric("register-rows", plan.getRegisterTile()[0])
         << remark::metric("register-vectors", plan.getRegisterTile()[1])
         << remark::metric("bytes-live", attn::getLiveBytes(op, plan));
  return plan;
}

namespace {
struct SelectPlan : attn::impl::AttnSelectPlanPassBase<SelectPlan> {
  using AttnSelectPlanPassBase::AttnSelectPlanPassBase;

  void runOnOperation() override {
    TargetDescription target{vectorBits, vectorRegisters, l1Bytes, l2Bytes, hasBf16Dot, sharedBytes};
    if (sharedBytes > 0) {
      auto refused = getOperation()->walk([](AppendKvOp op) {
        op.emitError("cannot append in a kernel of a GPU, which holds one attention: append before it is called");
        return WalkResult::interrupt();
      });
      if (refused.wasInterrupted())
        return signalPassFailure();
      refused = getOperation()->walk([](linalg::LinalgOp op) {
        if (op.getNumReductionLoops() == 0)
          return WalkResult::advance();
        op.emitError(
            "cannot compute sums beside attention in a kernel of a GPU, which holds one attention: compute them "
            "before it is called");
        return WalkResult::interrupt();
      });
      if (refused.wasInterrupted())
        return signalPassFailure();
    }
    WalkResult result = getOperation()->walk([&](GenericOp op) {
      if (op->hasAttr(kPlanName))
        return WalkResult::advance();
      FailureOr<PlanAttr> plan = selectPlan(op, target);
      if (failed(plan))
        return WalkResult::interrupt();
      op->setAttr(kPlanName, *plan);
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
