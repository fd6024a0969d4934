// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Analysis/ExplainMask.h"

#include "RegionEvaluator.h"
#include "attn/Analysis/LoopSizes.h"
#include "attn/Analysis/TileStates.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace attn {

using namespace masks;

/// More is no picture any more, and a search of all pairs would take minutes.
constexpr int64_t kMostTilesShown = 100, kMostPairsSearched = int64_t(1) << 20;
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

namespace {

class Explanation {
public:
  Explanation(const MaskProblem &problem, const MaskValues &values)
      : problem(problem), ranges(computeKeyRanges(problem)), evaluator(problem, values), os(text) {}

  std::string run() {
    os << "row tiles of " << problem.rowTile << " rows along loop " << problem.rowLoop << ", key tiles of "
       << problem.keyTile << " keys along loop " << problem.loops.key << "\n";
    list("a pair is kept if one of", ranges.kept);
    list("a pair is masked if one of", ranges.masked);
    const char *tile = ranges.granule == 1 ? "key" : "key tile";
    list(std::string("row tile i visits ") + tile + " j if one of", ranges.visited);
    list(std::string("row tile i has a masked pair in ") + tile + " j if one of", ranges.withMasked);
    os << (ranges.exact ? "exact: each of them is needed\n" : "not exact: more may be visited than needed\n");
    for (const KeyRangeReason &reason : ranges.reasons)
      os << "  because of " << reason.text << " at " << reason.op->getLoc()
         << (reason.hasRange ? ", whose range on a tile is looked at when the kernel runs\n" : "\n");
    if (!ranges.limited.empty())
      os << "where " << llvm::join(ranges.limited, ", ") << " within " << ranges.largestSymbol / 2
         << "; beyond that every key is visited, with mask\n";
    printLoops();
    printPicture();
    return text;
  }

private:
  void list(const std::string &title, const std::vector<std::string> &lines) {
    os << title << "\n";
    for (const std::string &line : lines)
      os << "  " << line << "\n";
    if (lines.empty())
      os << "  nothing\n";
  }

  void printLoops() {
    os << "loops over key tiles, in this order\n";
    for (const KeySegment &segment : ranges.segments) {
      switch (segment.kind) {
      case KeySegment::Kind::Full:
        os << "  full: whole tiles without mask\n";
        break;
      case KeySegment::Kind::Tail:
        os << "  tail: what is left of them, without mask\n";
        break;
      case KeySegment::Kind::Partial:
        os << (ranges.areTilesClassified() ? "  partial: by ranges a tile is skipped, or visited with mask or without\n"
                                           : "  partial: with mask\n");
        break;
      case KeySegment::Kind::Tested:
        os << "  tested: " << (segment.visited.empty() ? "each tile is visited" : "each tile is visited or not")
           << (segment.alwaysMasked ? ", with mask" : ", with mask or without")
           << (ranges.areTilesClassified() ? "; by ranges one with mask may be skipped or need none\n" : "\n");
        break;
      }
    }
    if (ranges.segments.empty())
      os << "  none\n";
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

  void printMissing(const char *what) {
    os << what;
    llvm::interleaveComma(evaluator.missing, os);
    os << "\n";
  }

  void printPicture() {
    auto known = [](int64_t size) { return ShapedType::isDynamic(size) ? std::nullopt : std::optional<int64_t>(size); };
    std::optional<int64_t> rows = known(problem.rows), keys = known(problem.keys);
    rows = rows ? rows : evaluator.lookUp("N");
    keys = keys ? keys : evaluator.lookUp("M");
    if (!rows || !keys || !getSymbols(0, *rows, *keys))
      return printMissing("no picture without a value for ");
    if (*rows < 0 || *keys < 0 || *rows > kMostKeysCounted || *keys > kMostKeysCounted ||
        llvm::divideCeil(*rows, problem.rowTile) * *keys > uint64_t(kMostKeysCounted)) {
      os << "no picture for N = " << *rows << " and M = " << *keys << ": expects sizes from 0 to what can be counted\n";
      return;
    }
    int64_t rowTiles = llvm::divideCeil(*rows, problem.rowTile), keyTiles = llvm::divideCeil(*keys, problem.keyTile);
    bool isShown = rowTiles <= kMostTilesShown && keyTiles <= kMostTilesShown;
    os << "N = " << *rows << ", M = " << *keys << ": " << rowTiles << " row tiles, " << keyTiles << " key tiles"
       << (isShown ? "; F full, P partial, . empty\n" : "\n");
    int64_t visited = 0, full = 0;
    std::vector<std::vector<KeyState>> states;
    for (int64_t tile = 0; tile < rowTiles; ++tile) {
      states.push_back(
          getKeyStates(ranges, KeyRangeValues(ranges, *getSymbols(tile, *rows, *keys)), problem.keyTile, *keys));
      std::string line;
      for (int64_t first = 0; first < *keys; first += problem.keyTile) {
        ArrayRef<KeyState> keysOfTile =
            ArrayRef<KeyState>(states.back()).slice(first, std::min(problem.keyTile, *keys - first));
        bool isVisited = llvm::any_of(keysOfTile, [](KeyState state) { return state != KeyState::Skipped; });
        bool isFull = isVisited && !llvm::is_contained(keysOfTile, KeyState::Partial);
        visited += isVisited;
        full += isFull;
        line += !isVisited ? '.' : isFull ? 'F' : 'P';
      }
      if (isShown)
        os << "  " << line << "\n";
    }
    os << "visited " << visited << " of " << rowTiles * keyTiles << " tiles, " << full << " of them without mask"
       << (ranges.areTilesClassified() ? ", before any is skipped by ranges\n" : "\n");
    searchOptimum(*rows, *keys, states);
  }

  /// Compares with the mask of every pair.
  void searchOptimum(int64_t rows, int64_t keys, ArrayRef<std::vector<KeyState>> states) {
    if (rows * keys > kMostPairsSearched) {
      os << "needed tiles are not searched: more than " << kMostPairsSearched << " pairs\n";
      return;
    }
    Region &mask = problem.op.getMask();
    int64_t needed = 0, missed = 0, extra = 0;
    for (int64_t firstRow = 0; firstRow < rows; firstRow += problem.rowTile)
      for (int64_t firstKey = 0; firstKey < keys; firstKey += problem.keyTile) {
        bool isNeeded = false, isVisited = false;
        for (int64_t key = firstKey; key < std::min(keys, firstKey + problem.keyTile); ++key) {
          bool isVisitedKey = states[firstRow / problem.rowTile][key] != KeyState::Skipped;
          isVisited |= isVisitedKey;
          for (int64_t row = firstRow; row < std::min(rows, firstRow + problem.rowTile); ++row) {
            std::optional<int64_t> keep = 1;
            if (!mask.empty())
              keep = evaluator.evaluate(mask.front().getTerminator()->getOperand(0), row, key);
            if (!keep)
              return printMissing("needed tiles are not known without ");
            isNeeded |= *keep != 0;
            missed += *keep != 0 && !isVisitedKey;
          }
        }
        needed += isNeeded;
        extra += isVisited && !isNeeded;
      }
    os << "needed " << needed << " tiles, found by looking at every pair: " << extra << " visited for nothing";
    if (missed)
      os << ", " << missed << " PAIRS MISSED";
    os << "\n";
  }

  MaskProblem problem;
  KeyRanges ranges;
  RegionEvaluator evaluator;
  std::string text;
  llvm::raw_string_ostream os;
};

} // namespace

std::string explainMask(const MaskProblem &problem, const MaskValues &values) {
  return Explanation(problem, values).run();
}

LogicalResult explainMasks(Operation *root, const MaskValues &values, llvm::raw_ostream &os) {
  WalkResult result = root->walk([&](GenericOp op) {
    if (op.getMask().empty())
      return WalkResult::advance();
    auto plan = op->getAttrOfType<PlanAttr>(kPlanName);
    if (!plan) {
      op.emitError("expects a plan in '")
          << kPlanName << "' for an explanation of the mask: run attn-select-plan first";
      return WalkResult::interrupt();
    }
    os << "mask at " << op.getLoc() << "\n";
    unsigned rowLoop = getTiledRowLoop(getLoopInfo(op), getStaticLoopSizes(op));
    os << explainMask(getMaskProblem(op, rowLoop, plan), values);
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

} // namespace attn
