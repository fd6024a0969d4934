// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Key ranges against the mask itself, evaluated for every pair of row and key of small problems.
#include "MaskFixture.h"

using namespace mlir;
using namespace attn;
using namespace attn::test;

namespace {

using KeyRangesTest = MaskFixture;

TEST_F(KeyRangesTest, CausalTopLeft) { check("%keep = arith.cmpi sle, %j, %i : index"); }

TEST_F(KeyRangesTest, CausalTopLeftSwapped) { check("%keep = arith.cmpi sge, %i, %j : index"); }

TEST_F(KeyRangesTest, CausalStrict) { check("%keep = arith.cmpi slt, %j, %i : index"); }

TEST_F(KeyRangesTest, CausalBottomRight) {
  check(R"(%last = arith.addi %i, %a : index
           %keep = arith.cmpi sle, %j, %last : index)");
}

TEST_F(KeyRangesTest, AntiCausal) { check("%keep = arith.cmpi sge, %j, %i : index"); }

TEST_F(KeyRangesTest, SlidingWindow) {
  check(R"(%distance = arith.subi %i, %j : index
           %c3 = arith.constant 3 : index
           %c0 = arith.constant 0 : index
           %near = arith.cmpi slt, %distance, %c3 : index
           %past = arith.cmpi sge, %distance, %c0 : index
           %keep = arith.andi %near, %past : i1)");
}

TEST_F(KeyRangesTest, CapturedWindowAndShift) {
  check(R"(%shifted = arith.addi %i, %a : index
           %first = arith.subi %shifted, %b : index
           %near = arith.cmpi sgt, %j, %first : index
           %past = arith.cmpi sge, %shifted, %j : index
           %keep = arith.andi %past, %near : i1)");
}

TEST_F(KeyRangesTest, Band) {
  check(R"(%distance = arith.subi %j, %i : index
           %below = arith.cmpi sle, %distance, %b : index
           %above = arith.cmpi sge, %distance, %a : index
           %keep = arith.andi %below, %above : i1)");
}

TEST_F(KeyRangesTest, PrefixByCapturedLength) {
  check(R"(%end = arith.index_cast %n : i32 to index
           %keep = arith.cmpi slt, %j, %end : index)");
}

TEST_F(KeyRangesTest, PrefixOf64Bits) {
  check(R"(%end = arith.extsi %n : i32 to i64
           %key = arith.index_cast %j : index to i64
           %keep = arith.cmpi sgt, %end, %key : i64)");
}

TEST_F(KeyRangesTest, CausalAndPadding) {
  check(R"(%end = arith.index_cast %n : i32 to index
           %inside = arith.cmpi slt, %j, %end : index
           %past = arith.cmpi sle, %j, %i : index
           %keep = arith.andi %inside, %past : i1)");
}

TEST_F(KeyRangesTest, LengthByBatch) {
  check(R"(%c4 = arith.constant 4 : index
           %scaled = arith.muli %batch, %c4 : index
           %end = arith.addi %scaled, %a : index
           %keep = arith.cmpi slt, %j, %end : index)");
}

TEST_F(KeyRangesTest, Dilation) {
  check(R"(%c2 = arith.constant 2 : index
           %twice = arith.muli %j, %c2 : index
           %c3 = arith.constant 3 : index
           %thrice = arith.muli %c3, %i : index
           %keep = arith.cmpi sle, %twice, %thrice : index)");
}

TEST_F(KeyRangesTest, AntiDiagonal) {
  check(R"(%sum = arith.addi %i, %j : index
           %keep = arith.cmpi sle, %sum, %a : index)");
}

TEST_F(KeyRangesTest, Equality) { check("%keep = arith.cmpi eq, %j, %i : index"); }

TEST_F(KeyRangesTest, UnsignedDistance) {
  check(R"(%distance = arith.subi %i, %j : index
           %c3 = arith.constant 3 : index
           %keep = arith.cmpi ult, %distance, %c3 : index)");
}

TEST_F(KeyRangesTest, UnsignedWithCapture) { check("%keep = arith.cmpi ugt, %a, %j : index", kSoundOnly); }

TEST_F(KeyRangesTest, UnsignedPositions) { check("%keep = arith.cmpi uge, %i, %j : index", kSoundOnly); }

TEST_F(KeyRangesTest, True) { check("%keep = arith.constant true"); }

TEST_F(KeyRangesTest, False) { check("%keep = arith.constant false", kSoundOnly); }

TEST_F(KeyRangesTest, RowsOnly) {
  check(R"(%inside = arith.cmpi slt, %i, %a : index
           %past = arith.cmpi sle, %j, %i : index
           %keep = arith.andi %inside, %past : i1)",
        kSoundOnly);
}

TEST_F(KeyRangesTest, Disjunction) {
  check(R"(%past = arith.cmpi sle, %j, %i : index
           %prefix = arith.cmpi slt, %j, %a : index
           %keep = arith.ori %past, %prefix : i1)",
        kSoundOnly);
}

// The first run may be empty and still start behind the second.
TEST_F(KeyRangesTest, EmptyRunBeforeAnother) {
  check(R"(%c3 = arith.constant 3 : index
           %triple = arith.muli %j, %c3 : index
           %below = arith.cmpi slt, %triple, %i : index
           %first = arith.cmpi sgt, %j, %a : index
           %second = arith.cmpi sgt, %j, %b : index
           %keep = arith.select %below, %first, %second : i1)",
        kSoundOnly);
}

TEST_F(KeyRangesTest, NotEqual) { check("%keep = arith.cmpi ne, %j, %i : index", kSoundOnly); }

TEST_F(KeyRangesTest, Parity) {
  check(R"(%c1 = arith.constant 1 : index
           %c0 = arith.constant 0 : index
           %bits = arith.xori %i, %j : index
           %odd = arith.andi %bits, %c1 : index
           %same = arith.cmpi eq, %odd, %c0 : index
           %past = arith.cmpi sle, %j, %i : index
           %keep = arith.andi %same, %past : i1)",
        kSoundOnly);
}

// 8 bits wrap: what looks like a prefix is none.
TEST_F(KeyRangesTest, NarrowArithmeticIsUnknown) {
  check(R"(%key = arith.index_cast %j : index to i8
           %c120 = arith.constant 120 : i8
           %shifted = arith.addi %key, %c120 : i8
           %c0 = arith.constant 0 : i8
           %keep = arith.cmpi sge, %shifted, %c0 : i8)",
        kSoundOnly);
}

TEST_F(KeyRangesTest, ProductOfCapturesIsUnknown) {
  check(R"(%product = arith.muli %a, %b : index
           %keep = arith.cmpi slt, %j, %product : index)",
        kSoundOnly);
}

// What a user of the data relies on: a causal mask costs no Partial keys before the diagonal, a prefix no mask at all.
TEST_F(KeyRangesTest, KindsOfSegments) {
  auto kinds = [&](const std::string &body) {
    KeyRanges ranges = computeKeyRanges(makeProblem(parse(body, /*withOffsets=*/false), 4, 4));
    return llvm::map_to_vector(ranges.segments, [](const KeySegment &segment) { return segment.kind; });
  };
  using Kind = KeySegment::Kind;
  EXPECT_EQ(kinds("%keep = arith.cmpi sle, %j, %i : index"), (SmallVector<Kind>{Kind::Full, Kind::Partial}));
  EXPECT_EQ(kinds("%keep = arith.cmpi slt, %j, %a : index"), (SmallVector<Kind>{Kind::Full, Kind::Tail}));
}

} // namespace
