// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Key ranges against the mask itself, evaluated for every pair of row and key of small problems.
#include "attn/Analysis/KeyRanges.h"

#include "attn/Analysis/LoopSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace attn;

namespace {

constexpr int64_t kMostRows = 9, kMostKeys = 11;
constexpr unsigned kBatch = 0, kRow = 1;

/// What a mask depends on besides row and key.
struct Setting {
  int64_t batch = 0;
  int64_t captures[3] = {0, 0, 0};
  int64_t rowOffset = 0, keyOffset = 0;
};

/// Runs integer arithmetic of a mask region.
int64_t evaluate(Value value, GenericOp op, const Setting &setting, int64_t row, int64_t key) {
  auto operand = [&](unsigned number) {
    return evaluate(value.getDefiningOp()->getOperand(number), op, setting, row, key);
  };
  auto wrap = [&](int64_t result) {
    return value.getType().isIndex() ? result : llvm::SignExtend64(result, value.getType().getIntOrFloatBitWidth());
  };
  if (auto argument = dyn_cast<BlockArgument>(value))
    return setting.captures[argument.getArgNumber()];
  Operation *operation = value.getDefiningOp();
  if (auto index = dyn_cast<IndexOp>(operation))
    return index.getLoop() == kBatch ? setting.batch
           : index.getLoop() == kRow ? row + setting.rowOffset
                                     : key + setting.keyOffset;
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  if (auto comparison = dyn_cast<arith::CmpIOp>(operation)) {
    Type type = comparison.getLhs().getType();
    unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
    return arith::applyCmpPredicate(comparison.getPredicate(), APInt(width, operand(0), true, true),
                                    APInt(width, operand(1), true, true));
  }
  if (isa<arith::AndIOp>(operation))
    return operand(0) & operand(1);
  if (isa<arith::OrIOp>(operation))
    return operand(0) | operand(1);
  if (isa<arith::XOrIOp>(operation))
    return operand(0) ^ operand(1);
  if (isa<arith::AddIOp>(operation))
    return wrap(operand(0) + operand(1));
  if (isa<arith::SubIOp>(operation))
    return wrap(operand(0) - operand(1));
  if (isa<arith::MulIOp>(operation))
    return wrap(operand(0) * operand(1));
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(operation))
    return wrap(operand(0));
  ADD_FAILURE() << "unknown op " << operation->getName().getStringRef().str();
  return 0;
}

int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> symbols) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t lhs = evaluate(binary.getLHS(), symbols), rhs = evaluate(binary.getRHS(), symbols);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return lhs + rhs;
  case AffineExprKind::Mul:
    return lhs * rhs;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(lhs, rhs);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(lhs, rhs);
  default:
    ADD_FAILURE() << "unexpected affine expression";
    return 0;
  }
}

/// Values of all steps for one tile.
SmallVector<int64_t> evaluate(const KeyRanges &ranges, const Setting &setting, int64_t rowStart, int64_t rowCount,
                              int64_t keyCount) {
  SmallVector<int64_t> values;
  for (const KeyRangeSymbol &symbol : ranges.symbols) {
    switch (symbol.kind) {
    case KeyRangeSymbol::Kind::RowStart:
      values.push_back(rowStart + setting.rowOffset);
      break;
    case KeyRangeSymbol::Kind::RowCount:
      values.push_back(rowCount);
      break;
    case KeyRangeSymbol::Kind::KeyStart:
      values.push_back(setting.keyOffset);
      break;
    case KeyRangeSymbol::Kind::KeyCount:
      values.push_back(keyCount);
      break;
    case KeyRangeSymbol::Kind::LoopPosition:
      EXPECT_EQ(symbol.number, kBatch);
      values.push_back(setting.batch);
      break;
    case KeyRangeSymbol::Kind::Capture:
      values.push_back(setting.captures[symbol.number]);
      break;
    }
  }
  SmallVector<int64_t> steps;
  for (const KeyRangeStep &step : ranges.steps) {
    SmallVector<int64_t> results =
        llvm::map_to_vector(step.map.getResults(), [&](AffineExpr expr) { return evaluate(expr, values); });
    bool isMax = step.kind == KeyRangeStep::Kind::Max;
    steps.push_back(isMax ? *llvm::max_element(results) : *llvm::min_element(results));
    values.push_back(steps.back());
  }
  return steps;
}

class KeyRangesTest : public ::testing::Test {
protected:
  KeyRangesTest() { context.loadDialect<AttnDialect, arith::ArithDialect, func::FuncDialect, math::MathDialect>(); }

  /// Parses an attn.generic over (b, i, j, d, e) whose mask region is `body`: it sees the captures %a and %b, index,
  /// and %n, i32, and yields %keep.
  GenericOp parse(StringRef body, bool withOffsets) {
    std::string text = R"(
      func.func @f(%q: tensor<2x?x4xf32>, %k: tensor<2x?x4xf32>, %v: tensor<2x?x3xf32>, %o: tensor<2x?x3xf32>,
                   %a0: index, %b0: index, %n0: i32, %x: index, %y: index) -> tensor<2x?x3xf32> {
        %zero = arith.constant 0 : index
        %r = attn.generic ins(%q, %k, %v : tensor<2x?x4xf32>, tensor<2x?x4xf32>, tensor<2x?x3xf32>)
          captures(%a0, %b0, %n0 : index, index, i32))";
    if (withOffsets)
      text += "offsets(%zero, %x, %y, %zero, %zero)";
    text += R"( outs(out %o : tensor<2x?x3xf32>)
          maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>,
                affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (b, i, e)>]
          normalizer(#attn.softmax)
          mask {
          ^bb0(%a: index, %b: index, %n: i32):
            %batch = attn.index 0
            %i = attn.index 1
            %j = attn.index 2
    )";
    text += body;
    text += R"(
            attn.yield %keep : i1
          }
        return %r : tensor<2x?x3xf32>
      })";
    module = parseSourceString<ModuleOp>(text, &context);
    GenericOp found;
    if (module)
      module->walk([&](GenericOp op) { found = op; });
    EXPECT_TRUE(found) << text;
    return found;
  }

  /// Compares ranges with the mask for all small problems, captures and tiles. `precise` asks for more than soundness:
  /// keys that all rows of a tile keep are not Partial, but for fewer than a key tile.
  void check(StringRef body, bool precise = true) {
    for (bool withOffsets : {false, true}) {
      GenericOp op = parse(body, withOffsets);
      if (!op)
        return;
      for (int64_t a : {-3, 0, 1, 4, 20})
        for (int64_t b : {-2, 2, 7})
          for (int64_t n : {-1, 0, 5, 12}) {
            Setting setting{a & 1, {a, b, n}};
            if (withOffsets) {
              setting.rowOffset = 3;
              setting.keyOffset = 2;
            }
            checkSetting(op, setting, precise);
            if (HasFailure()) {
              ADD_FAILURE() << body.str() << "\na " << a << " b " << b << " n " << n << " offsets " << withOffsets;
              return;
            }
          }
    }
  }

  void checkSetting(GenericOp op, const Setting &setting, bool precise) {
    bool keep[kMostRows][kMostKeys];
    Value yielded = op.getMask().front().getTerminator()->getOperand(0);
    for (int64_t row = 0; row < kMostRows; ++row)
      for (int64_t key = 0; key < kMostKeys; ++key)
        keep[row][key] = evaluate(yielded, op, setting, row, key) & 1;
    for (int64_t keyTile : {1, 2, 4}) {
      KeyRanges ranges = computeKeyRanges(cast<ScoredOpInterface>(op.getOperation()), getLoopInfo(op), kRow, keyTile);
      for (int64_t keys = 0; keys <= kMostKeys; ++keys)
        for (int64_t rowStart = 0; rowStart < kMostRows; ++rowStart)
          for (int64_t rows = 1; rows <= 4 && rowStart + rows <= kMostRows; ++rows) {
            SmallVector<int64_t> steps = evaluate(ranges, setting, rowStart, rows, keys);
            checkTile(ranges, steps, keyTile, keys, precise, [&](int64_t key, bool all) {
              auto kept = [&](int64_t row) { return keep[rowStart + row][key]; };
              auto numbers = llvm::seq<int64_t>(0, rows);
              return all ? llvm::all_of(numbers, kept) : llvm::any_of(numbers, kept);
            });
            if (HasFailure())
              return;
          }
    }
  }

  /// `kept(key, all)`: whether all rows, or any, of the tile keep the key.
  void checkTile(const KeyRanges &ranges, ArrayRef<int64_t> steps, int64_t keyTile, int64_t keys, bool precise,
                 function_ref<bool(int64_t, bool)> kept) {
    int64_t lower = steps[ranges.lower], upper = steps[ranges.upper];
    EXPECT_LE(0, lower);
    EXPECT_LE(lower, upper);
    EXPECT_TRUE(upper <= keys || lower == upper);
    for (int64_t key = 0; key < keys; ++key)
      EXPECT_TRUE((key >= lower && key < upper) || !kept(key, false)) << "needed key " << key << " is skipped";
    if (upper > keys)
      return;
    int64_t end = lower, numFull = 0, numAllKept = 0;
    for (const KeySegment &segment : ranges.segments) {
      EXPECT_EQ(steps[segment.lower], end) << "a gap between segments";
      end = steps[segment.upper];
      EXPECT_LE(steps[segment.lower], end);
      bool isFull = segment.kind == KeySegment::Kind::Full, isPartial = segment.kind == KeySegment::Kind::Partial;
      if (isFull)
        EXPECT_EQ((end - steps[segment.lower]) % keyTile, 0);
      numFull += isPartial ? 0 : end - steps[segment.lower];
      for (int64_t key = steps[segment.lower]; key < end; ++key)
        EXPECT_TRUE(isPartial || kept(key, true)) << "key " << key << " is masked for a row, but not Partial";
    }
    EXPECT_EQ(end, upper);
    if (!precise || lower == upper)
      return;
    for (int64_t key = lower; key < upper; ++key)
      numAllKept += kept(key, true);
    EXPECT_GE(numFull, llvm::alignDown(numAllKept, keyTile));
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

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
  check(R"(%length = arith.index_cast %n : i32 to index
           %keep = arith.cmpi slt, %j, %length : index)");
}

TEST_F(KeyRangesTest, PrefixOf64Bits) {
  check(R"(%length = arith.extsi %n : i32 to i64
           %key = arith.index_cast %j : index to i64
           %keep = arith.cmpi sgt, %length, %key : i64)");
}

TEST_F(KeyRangesTest, CausalAndPadding) {
  check(R"(%length = arith.index_cast %n : i32 to index
           %inside = arith.cmpi slt, %j, %length : index
           %past = arith.cmpi sle, %j, %i : index
           %keep = arith.andi %inside, %past : i1)");
}

TEST_F(KeyRangesTest, LengthByBatch) {
  check(R"(%c4 = arith.constant 4 : index
           %scaled = arith.muli %batch, %c4 : index
           %length = arith.addi %scaled, %a : index
           %keep = arith.cmpi slt, %j, %length : index)");
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

TEST_F(KeyRangesTest, UnsignedWithCapture) { check("%keep = arith.cmpi ugt, %a, %j : index", /*precise=*/false); }

TEST_F(KeyRangesTest, UnsignedPositions) { check("%keep = arith.cmpi uge, %i, %j : index", /*precise=*/false); }

TEST_F(KeyRangesTest, True) { check("%keep = arith.constant true"); }

TEST_F(KeyRangesTest, False) { check("%keep = arith.constant false", /*precise=*/false); }

TEST_F(KeyRangesTest, RowsOnly) {
  check(R"(%inside = arith.cmpi slt, %i, %a : index
           %past = arith.cmpi sle, %j, %i : index
           %keep = arith.andi %inside, %past : i1)",
        /*precise=*/false);
}

TEST_F(KeyRangesTest, Disjunction) {
  check(R"(%past = arith.cmpi sle, %j, %i : index
           %prefix = arith.cmpi slt, %j, %a : index
           %keep = arith.ori %past, %prefix : i1)",
        /*precise=*/false);
}

TEST_F(KeyRangesTest, NotEqual) { check("%keep = arith.cmpi ne, %j, %i : index", /*precise=*/false); }

TEST_F(KeyRangesTest, Parity) {
  check(R"(%c1 = arith.constant 1 : index
           %c0 = arith.constant 0 : index
           %bits = arith.xori %i, %j : index
           %odd = arith.andi %bits, %c1 : index
           %same = arith.cmpi eq, %odd, %c0 : index
           %past = arith.cmpi sle, %j, %i : index
           %keep = arith.andi %same, %past : i1)",
        /*precise=*/false);
}

// 8 bits wrap: what looks like a prefix is none.
TEST_F(KeyRangesTest, NarrowArithmeticIsUnknown) {
  check(R"(%key = arith.index_cast %j : index to i8
           %c120 = arith.constant 120 : i8
           %shifted = arith.addi %key, %c120 : i8
           %c0 = arith.constant 0 : i8
           %keep = arith.cmpi sge, %shifted, %c0 : i8)",
        /*precise=*/false);
}

TEST_F(KeyRangesTest, ProductOfCapturesIsUnknown) {
  check(R"(%product = arith.muli %a, %b : index
           %keep = arith.cmpi slt, %j, %product : index)",
        /*precise=*/false);
}

// What a user of the data relies on: a causal mask costs no Partial keys before the diagonal, a prefix no mask at all.
TEST_F(KeyRangesTest, KindsOfSegments) {
  auto kinds = [&](StringRef body) {
    GenericOp op = parse(body, /*withOffsets=*/false);
    KeyRanges ranges = computeKeyRanges(cast<ScoredOpInterface>(op.getOperation()), getLoopInfo(op), kRow, 4);
    return llvm::map_to_vector(ranges.segments, [](const KeySegment &segment) { return segment.kind; });
  };
  using Kind = KeySegment::Kind;
  EXPECT_EQ(kinds("%keep = arith.cmpi sle, %j, %i : index"), (SmallVector<Kind>{Kind::Full, Kind::Partial}));
  EXPECT_EQ(kinds("%keep = arith.cmpi slt, %j, %a : index"), (SmallVector<Kind>{Kind::Full, Kind::Tail}));
  EXPECT_EQ(kinds("%keep = arith.cmpi eq, %j, %i : index"),
            (SmallVector<Kind>{Kind::Partial, Kind::Full, Kind::Partial}));
  EXPECT_EQ(kinds("%keep = arith.cmpi ne, %j, %i : index"), (SmallVector<Kind>{Kind::Partial}));
}

} // namespace
