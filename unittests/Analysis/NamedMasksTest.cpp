// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The masks that docs/Masks.md names: visited tiles are those that a brute-force search finds, no more and no fewer.
#include "MaskFixture.h"

#include <ctime>

using namespace attn;
using namespace attn::test;

namespace {

struct NamedMask {
  const char *name;
  std::string body;
  Options options = {};
  bool exactForLargeTiles = true;
};

/// Key positions that all rows keep may lie in several runs: then some of them are Partial beside the ends of each.
constexpr Options kSeveralRuns{true, false};

/// Rows and keys are the pixels of an image of `width`, row after row; a pixel sees those at most `radius` away.
std::string makeNeighbourhood(int64_t width, int64_t radius) {
  return "%width = arith.constant " + std::to_string(width) + " : index\n%radius = arith.constant " +
         std::to_string(radius) + R"( : index
      %iy = arith.divsi %i, %width : index
      %ix = arith.remsi %i, %width : index
      %jy = arith.divsi %j, %width : index
      %jx = arith.remsi %j, %width : index
      %dy = arith.subi %iy, %jy : index
      %dx = arith.subi %ix, %jx : index
      %ay = math.absi %dy : index
      %ax = math.absi %dx : index
      %ny = arith.cmpi sle, %ay, %radius : index
      %nx = arith.cmpi sle, %ax, %radius : index
      %keep = arith.andi %ny, %nx : i1)";
}

const NamedMask kMasks[] = {
    {"CausalTopLeft", "%keep = arith.cmpi sle, %j, %i : index"},
    // %a is M - N for a bottom-right mask, the number of cached keys in chunked prefill.
    {"CausalWithOffset", R"(%last = arith.addi %i, %a : index
      %keep = arith.cmpi sle, %j, %last : index)"},
    {"Window3", R"(%c3 = arith.constant 3 : index
      %d = arith.subi %i, %j : index
      %abs = math.absi %d : index
      %keep = arith.cmpi slt, %abs, %c3 : index)"},
    {"WindowOfRunTimeWidth", R"(%d = arith.subi %i, %j : index
      %c0 = arith.constant 0 : index
      %minus = arith.subi %c0, %a : index
      %below = arith.cmpi sle, %d, %a : index
      %above = arith.cmpi sge, %d, %minus : index
      %keep = arith.andi %below, %above : i1)"},
    {"CausalWindow3", R"(%c3 = arith.constant 3 : index
      %d = arith.subi %i, %j : index
      %past = arith.cmpi sge, %i, %j : index
      %near = arith.cmpi slt, %d, %c3 : index
      %keep = arith.andi %past, %near : i1)"},
    {"CausalWindowOfRunTimeWidth", R"(%d = arith.subi %i, %j : index
      %past = arith.cmpi sge, %i, %j : index
      %near = arith.cmpi slt, %d, %a : index
      %keep = arith.andi %past, %near : i1)"},
    {"CausalWindowWithOffset", R"(%shifted = arith.addi %i, %b : index
      %d = arith.subi %shifted, %j : index
      %past = arith.cmpi sge, %shifted, %j : index
      %near = arith.cmpi slt, %d, %a : index
      %keep = arith.andi %past, %near : i1)"},
    {"DilatedWindow2", R"(%c2 = arith.constant 2 : index
      %c0 = arith.constant 0 : index
      %d = arith.subi %i, %j : index
      %rem = arith.remsi %d, %c2 : index
      %on = arith.cmpi eq, %rem, %c0 : index
      %abs = math.absi %d : index
      %width = arith.muli %a, %c2 : index
      %near = arith.cmpi slt, %abs, %width : index
      %keep = arith.andi %on, %near : i1)"},
    {"DilatedCausalWindow7", R"(%c7 = arith.constant 7 : index
      %c0 = arith.constant 0 : index
      %d = arith.subi %i, %j : index
      %rem = arith.remsi %d, %c7 : index
      %on = arith.cmpi eq, %rem, %c0 : index
      %near = arith.cmpi slt, %d, %a : index
      %past = arith.cmpi sge, %d, %c0 : index
      %both = arith.andi %past, %near : i1
      %keep = arith.andi %on, %both : i1)"},
    {"PrefixLm", R"(%past = arith.cmpi sle, %j, %i : index
      %prefix = arith.cmpi slt, %j, %a : index
      %keep = arith.ori %past, %prefix : i1)"},
    {"PrefixLmByBatch", R"(%end = arith.index_cast %length : i32 to index
      %past = arith.cmpi sle, %j, %i : index
      %prefix = arith.cmpi slt, %j, %end : index
      %keep = arith.ori %past, %prefix : i1)"},
    {"BlockCausal4", R"(%c4 = arith.constant 4 : index
      %bi = arith.divsi %i, %c4 : index
      %bj = arith.divsi %j, %c4 : index
      %keep = arith.cmpi sge, %bi, %bj : index)"},
    {"BlockCausal5", R"(%c5 = arith.constant 5 : index
      %bi = arith.floordivsi %i, %c5 : index
      %bj = arith.floordivsi %j, %c5 : index
      %keep = arith.cmpi sge, %bi, %bj : index)"},
    {"Chunked4", R"(%c4 = arith.constant 4 : index
      %bi = arith.divsi %i, %c4 : index
      %bj = arith.divsi %j, %c4 : index
      %keep = arith.cmpi eq, %bi, %bj : index)",
     kSeveralRuns},
    {"Chunked5Causal", R"(%c5 = arith.constant 5 : index
      %bi = arith.divsi %i, %c5 : index
      %bj = arith.divsi %j, %c5 : index
      %same = arith.cmpi eq, %bi, %bj : index
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.andi %same, %past : i1)"},
    {"GlobalTokensAndWindow", R"(%row = arith.cmpi slt, %i, %a : index
      %column = arith.cmpi slt, %j, %a : index
      %d = arith.subi %i, %j : index
      %abs = math.absi %d : index
      %near = arith.cmpi sle, %abs, %b : index
      %global = arith.ori %row, %column : i1
      %keep = arith.ori %global, %near : i1)",
     kSeveralRuns},
    {"SinkAndCausalWindow", R"(%sink = arith.cmpi slt, %j, %a : index
      %d = arith.subi %i, %j : index
      %near = arith.cmpi slt, %d, %b : index
      %past = arith.cmpi sge, %i, %j : index
      %either = arith.ori %sink, %near : i1
      %keep = arith.andi %past, %either : i1)",
     kSeveralRuns},
    {"Neighbourhood2D", makeNeighbourhood(5, 1), Options(), /*exactForLargeTiles=*/false},
    {"Neighbourhood2DOf16", makeNeighbourhood(16, 2)},
    {"Neighbourhood2DOf28", makeNeighbourhood(28, 3)},
    {"Neighbourhood2DOf64", makeNeighbourhood(64, 3)},
    {"KeyPaddingByBatch", R"(%end = arith.index_cast %length : i32 to index
      %keep = arith.cmpi slt, %j, %end : index)"},
    {"KeyPaddingAndCausal", R"(%end = arith.index_cast %length : i32 to index
      %inside = arith.cmpi slt, %j, %end : index
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.andi %inside, %past : i1)"},
    {"CausalAlignedToPaddedEnd", R"(%end = arith.index_cast %length : i32 to index
      %inside = arith.cmpi slt, %j, %end : index
      %shift = arith.subi %end, %a : index
      %last = arith.addi %i, %shift : index
      %past = arith.cmpi sle, %j, %last : index
      %keep = arith.andi %inside, %past : i1)"},
    {"NotCausal", R"(%true = arith.constant true
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.xori %past, %true : i1)"},
    {"EveryThirdKey", R"(%c3 = arith.constant 3 : index
      %c1 = arith.constant 1 : index
      %rem = arith.remsi %j, %c3 : index
      %keep = arith.cmpi eq, %rem, %c1 : index)"},
    {"StridedOrWindow", R"(%c8 = arith.constant 8 : index
      %c7 = arith.constant 7 : index
      %rem = arith.remsi %j, %c8 : index
      %on = arith.cmpi eq, %rem, %c7 : index
      %d = arith.subi %i, %j : index
      %near = arith.cmpi slt, %d, %a : index
      %either = arith.ori %on, %near : i1
      %past = arith.cmpi sge, %i, %j : index
      %keep = arith.andi %past, %either : i1)"},
    {"SelectOfPrefix", R"(%inside = arith.cmpi slt, %i, %a : index
      %prefix = arith.cmpi slt, %j, %a : index
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.select %inside, %prefix, %past : i1)"},
    {"TwoWindowsOfUnknownOrder", R"(%c2 = arith.constant 2 : index
      %dx = arith.subi %j, %a : index
      %ax = math.absi %dx : index
      %first = arith.cmpi slt, %ax, %c2 : index
      %e = arith.subi %j, %i : index
      %dy = arith.subi %e, %b : index
      %ay = math.absi %dy : index
      %second = arith.cmpi slt, %ay, %c2 : index
      %keep = arith.ori %first, %second : i1)",
     kSeveralRuns},
    {"ShiftsAndLowBits", R"(%c2 = arith.constant 2 : index
      %c3 = arith.constant 3 : index
      %bi = arith.shrsi %i, %c2 : index
      %low = arith.andi %j, %c3 : index
      %keep = arith.cmpi sle, %low, %bi : index)"},
    {"MinimumAndMaximum", R"(%c6 = arith.constant 6 : index
      %first = arith.minsi %i, %c6 : index
      %last = arith.maxsi %i, %a : index
      %above = arith.cmpi sge, %j, %first : index
      %below = arith.cmpi sle, %j, %last : index
      %keep = arith.andi %above, %below : i1)"},
    {"ProductOfCaptures", R"(%product = arith.muli %a, %b : index
      %keep = arith.cmpi slt, %j, %product : index)"},
    {"CapturedFlag", R"(%c0 = arith.constant 0 : index
      %flag = arith.cmpi sgt, %a, %c0 : index
      %past = arith.cmpi sle, %j, %i : index
      %keep = arith.ori %past, %flag : i1)"},
};

class NamedMasksTest : public MaskFixture, public ::testing::WithParamInterface<NamedMask> {};

TEST_P(NamedMasksTest, VisitsWhatIsNeeded) {
  check(GetParam().body, GetParam().options);
  EXPECT_EQ(counts.visited, counts.needed);
  EXPECT_GT(counts.needed, 0);
  printf("%-28s row tiles %lld, key tiles needed %lld visited %lld, full %lld unmasked %lld\n", GetParam().name,
         static_cast<long long>(counts.rowTiles), static_cast<long long>(counts.needed),
         static_cast<long long>(counts.visited), static_cast<long long>(counts.full),
         static_cast<long long>(counts.unmasked));
}

// Tiles as plans choose them; no size is known, so the time is the same for all of them. What it takes is only printed.
TEST_P(NamedMasksTest, IsExactForLargeTiles) {
  GenericOp op = parse(GetParam().body, /*withOffsets=*/false);
  std::clock_t start = std::clock();
  KeyRanges ranges = computeKeyRanges(makeProblem(op, 64, 128));
  double milliseconds = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_EQ(ranges.exact, GetParam().exactForLargeTiles);
  printf("%-28s %zu segments by %lld keys in %.1f ms of CPU time\n", GetParam().name, ranges.segments.size(),
         static_cast<long long>(ranges.granule), milliseconds);
}

INSTANTIATE_TEST_SUITE_P(Masks, NamedMasksTest, ::testing::ValuesIn(kMasks),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
