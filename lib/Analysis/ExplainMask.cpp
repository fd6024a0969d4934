// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Analysis/ExplainMask.h"

#include "RegionEvaluator.h"
#include "attn/Analysis/LoopSizes.h"
#include "attn/Analysis/TileStates.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;

namespace attn {

using namespace masks;

/// A search of more pairs would take minutes.
constexpr int64_t kMostPairsSearched = int64_t(1) << 20;
/// Rows of tiles times keys: what is counted in about a second.
constexpr int64_t kMostKeysCounted = int64_t(1) << 26;

FailureOr<MaskValues> parseMaskValues(StringRef text, std::string &error) {
  MaskValues values;
  SmallVector<StringRef> parts;
  // Options of passes cannot hold commas.
  llvm::SplitString(text, parts, ",;");
  for (StringRef part : parts) {
    auto [name, number] = part.split('=');
    int64_t value;
    if (name.empty() || number.getAsInteger(10, value)) {
      error = ("expects name=number, got '" + part + "'").str();
      return failure();
    }
    values[name] = value;
  }
  return values;
}

std::string describeLocation(Location location) {
  std::string text = "unknown place";
  location->walk([&](Location part) {
    auto file = dyn_cast<FileLineColLoc>(part);
    if (!file)
      return WalkResult::advance();
    StringRef name = file.getFilename().getValue();
    text = llvm::formatv("{0}:{1}:{2}", name.substr(name.rfind('/') + 1), file.getLine(), file.getColumn());
    return WalkResult::interrupt();
  });
  return text;
}

namespace {

/// Fills in a report.
class Reporter {
public:
  Reporter(const MaskProblem &problem, const MaskValues &values)
      : problem(problem), ranges(computeKeyRanges(problem)), evaluator(problem, values) {}

  MaskReport run() {
    ScoredOpInterface op = problem.op;
    report.location = describeLocation(op.getLoc());
    if (auto function = op->getParentOfType<FunctionOpInterface>())
      report.function = function.getName().str();
    report.rowTile = problem.rowTile;
    report.keyTile = problem.keyTile;
    report.rowLoop = problem.rowLoop;
    report.keyLoop = problem.loops.key;
    report.kept = ranges.kept;
    report.masked = ranges.masked;
    report.visited = ranges.visited;
    report.withMasked = ranges.withMasked;
    report.inTiles = ranges.granule != 1;
    report.exact = ranges.exact;
    for (const KeyRangeReason &reason : ranges.reasons) {
      std::string text;
      llvm::raw_string_ostream(text) << reason.text << " at " << describeLocation(reason.op->getLoc())
                                     << (reason.hasRange ? ", whose range on a tile is looked at when the kernel runs"
                                                         : "");
      report.reasons.push_back(text);
    }
    report.limited = ranges.limited;
    report.limit = ranges.largestSymbol / 2;
    for (const KeySegment &segment : ranges.segments)
      report.loops.push_back(describe(segment));
    draw();
    return std::move(report);
  }

private:
  std::string describe(const KeySegment &segment) {
    bool isClassified = ranges.areTilesClassified();
    switch (segment.kind) {
    case KeySegment::Kind::Full:
      return "full: whole tiles without mask";
    case KeySegment::Kind::Tail:
      return "tail: what is left of them, without mask";
    case KeySegment::Kind::Partial:
      return isClassified ? "partial: by ranges a tile is skipped, or visited with mask or without"
                          : "partial: with mask";
    case KeySegment::Kind::Tested:
      return std::string("tested: ") +
             (segment.visited.empty() ? "each tile is visited" : "each tile is visited or not") +
             (segment.alwaysMasked ? ", with mask" : ", with mask or without") +
             (isClassified ? "; by ranges one with mask may be skipped or need none" : "");
    }
    llvm_unreachable("all kinds are covered");
  }

  /// The values of symbols for one row tile; nothing where one is missing.
  std::optional<SmallVector<int64_t>> getSymbols(int64_t tile, int64_t rows, int64_t keys) {
    SmallVector<int64_t> symbols;
    for (const KeyRangeSymbol &symbol : ranges.symbols) {
      std::optional<int64_t> value;
      switch (symbol.kind) {
      case KeyRangeSymbol::Kind::RowTile:
        value = tile;
        break;
      case KeyRangeSymbol::Kind::RowCount:
        value = rows;
        break;
      case KeyRangeSymbol::Kind::KeyCount:
        value = keys;
        break;
      case KeyRangeSymbol::Kind::RowOffset:
        value = evaluator.lookUp("row0", 0);
        break;
      case KeyRangeSymbol::Kind::KeyOffset:
        value = evaluator.lookUp("key0", 0);
        break;
      case KeyRangeSymbol::Kind::RegionValue:
        value = evaluator.evaluate(symbol.value, 0, 0);
        break;
      }
      if (!value)
        return std::nullopt;
      symbols.push_back(*value);
    }
    return symbols;
  }

  std::string getMissing() { return llvm::join(evaluator.missing, ", "); }

  void draw() {
    auto known = [](int64_t size) { return ShapedType::isDynamic(size) ? std::nullopt : std::optional<int64_t>(size); };
    std::optional<int64_t> rows = known(problem.rows), keys = known(problem.keys);
    rows = rows ? rows : evaluator.lookUp("N");
    keys = keys ? keys : evaluator.lookUp("M");
    // All that is missing is named at once.
    bool hasSymbols = getSymbols(0, rows.value_or(0), keys.value_or(0)).has_value();
    if (!rows || !keys || !hasSymbols) {
      report.noPicture = "no picture without a value for " + getMissing() + ": give sizes, arguments or values";
      return;
    }
    if (*rows < 0 || *keys < 0 || *rows > kMostKeysCounted || *keys > kMostKeysCounted ||
        llvm::divideCeil(*rows, problem.rowTile) * *keys > uint64_t(kMostKeysCounted)) {
      report.noPicture = "no picture for N = " + std::to_string(*rows) + " and M = " + std::to_string(*keys) +
                         ": expects sizes from 0 to what can be counted";
      return;
    }
    MaskPicture &picture = report.picture.emplace();
    picture.rows = *rows;
    picture.keys = *keys;
    picture.rowTiles = llvm::divideCeil(*rows, problem.rowTile);
    picture.keyTiles = llvm::divideCeil(*keys, problem.keyTile);
    std::vector<std::vector<KeyState>> states;
    for (int64_t tile = 0; tile < picture.rowTiles; ++tile) {
      states.push_back(
          getKeyStates(ranges, KeyRangeValues(ranges, *getSymbols(tile, *rows, *keys)), problem.keyTile, *keys));
      std::string line;
      for (int64_t first = 0; first < *keys; first += problem.keyTile) {
        ArrayRef<KeyState> keysOfTile =
            ArrayRef<KeyState>(states.back()).slice(first, std::min(problem.keyTile, *keys - first));
        bool isVisited = llvm::any_of(keysOfTile, [](KeyState state) { return state != KeyState::Skipped; });
        bool isFull = isVisited && !llvm::is_contained(keysOfTile, KeyState::Partial);
        picture.visited += isVisited;
        picture.full += isFull;
        line += !isVisited ? '.' : isFull ? 'F' : 'P';
      }
      picture.states.push_back(line);
    }
    searchNeeded(picture, states);
  }

  /// Compares with the mask of every pair.
  void searchNeeded(MaskPicture &picture, ArrayRef<std::vector<KeyState>> states) {
    int64_t rows = picture.rows, keys = picture.keys;
    if (rows * keys > kMostPairsSearched) {
      picture.unknown = "needed tiles are not searched: more than " + std::to_string(kMostPairsSearched) + " pairs";
      return;
    }
    Region &mask = problem.op.getMask();
    std::vector<std::string> needed;
    for (int64_t firstRow = 0; firstRow < rows; firstRow += problem.rowTile) {
      std::string line;
      for (int64_t firstKey = 0; firstKey < keys; firstKey += problem.keyTile) {
        bool isNeeded = false, isVisited = false;
        for (int64_t key = firstKey; key < std::min(keys, firstKey + problem.keyTile); ++key) {
          bool isVisitedKey = states[firstRow / problem.rowTile][key] != KeyState::Skipped;
          isVisited |= isVisitedKey;
          for (int64_t row = firstRow; row < std::min(rows, firstRow + problem.rowTile); ++row) {
            std::optional<int64_t> keep = 1;
            if (!mask.empty())
              keep = evaluator.evaluate(mask.front().getTerminator()->getOperand(0), row, key);
            if (!keep) {
              picture.unknown = "needed tiles are not known without " + getMissing();
              return;
            }
            isNeeded |= *keep != 0;
            picture.missedPairs += *keep != 0 && !isVisitedKey;
          }
        }
        line += isNeeded ? 'x' : '.';
        picture.numNeeded += isNeeded;
        picture.extra += isVisited && !isNeeded;
      }
      needed.push_back(line);
    }
    picture.needed = std::move(needed);
  }

  MaskProblem problem;
  KeyRanges ranges;
  RegionEvaluator evaluator;
  MaskReport report;
};

} // namespace

MaskReport reportMask(const MaskProblem &problem, const MaskValues &values) { return Reporter(problem, values).run(); }

/// `values` with what `arguments` makes of the sizes and captures of `op`.
static MaskValues complete(MaskValues values, GenericOp op, const LoopInfo &loops, unsigned rowLoop,
                           IndexEvaluator arguments) {
  auto give = [&](StringRef name, std::optional<int64_t> number) {
    if (number)
      values.try_emplace(name, *number);
  };
  SmallVector<LoopSource> sources = getLoopSources(op);
  give("N", arguments.evaluateDim(sources[rowLoop].tensor, sources[rowLoop].dim));
  give("M", arguments.evaluateDim(sources[loops.key].tensor, sources[loops.key].dim));
  unsigned numElements = op.getMaskOperands().size();
  for (auto [number, capture] : llvm::enumerate(op.getCaptures()))
    if (capture.getType().isIntOrIndex())
      give(getInputName(op, numElements + number), arguments.evaluate(capture));
  return values;
}

FailureOr<std::vector<MaskReport>> reportMasks(Operation *root, const MaskValues &values,
                                               const IndexEvaluator &arguments) {
  std::vector<MaskReport> reports;
  WalkResult result = root->walk([&](Operation *attention) {
    if (isa<SdpaOp, AdditiveOp>(attention)) {
      attention->emitError(
          "expects a plan for an explanation of its mask: run attn-normalize and attn-select-plan first");
      return WalkResult::interrupt();
    }
    auto op = dyn_cast<GenericOp>(attention);
    if (!op || op.getMask().empty())
      return WalkResult::advance();
    auto plan = op->getAttrOfType<PlanAttr>(kPlanName);
    if (!plan) {
      op.emitError("expects a plan in '")
          << kPlanName << "' for an explanation of the mask: run attn-select-plan first";
      return WalkResult::interrupt();
    }
    LoopInfo loops = getLoopInfo(op);
    unsigned rowLoop = getTiledRowLoop(loops, getStaticLoopSizes(op));
    MaskValues completed = complete(values, op, loops, rowLoop, arguments);
    reports.push_back(reportMask(getMaskProblem(op, rowLoop, plan), completed));
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();
  return reports;
}

} // namespace attn
