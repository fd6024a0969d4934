// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "MaskFixture.h"

#include "attn/Analysis/LoopSizes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;
using namespace attn::test;

int64_t attn::test::evaluate(Value value, GenericOp op, const Setting &setting, int64_t row, int64_t key) {
  auto operand = [&](unsigned number) {
    return evaluate(value.getDefiningOp()->getOperand(number), op, setting, row, key);
  };
  auto wrap = [&](int64_t result) {
    return value.getType().isIndex() ? result : llvm::SignExtend64(result, value.getType().getIntOrFloatBitWidth());
  };
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    unsigned number = argument.getArgNumber();
    const int64_t operands[] = {setting.length, row / 4, key / 3};
    return number < 3 ? operands[number] : setting.captures[number - 3];
  }
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
    return -static_cast<int64_t>(arith::applyCmpPredicate(
        comparison.getPredicate(), APInt(width, operand(0), true, true), APInt(width, operand(1), true, true)));
  }
  if (isa<arith::SelectOp>(operation))
    return operand(0) ? operand(1) : operand(2);
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
  if (isa<arith::DivSIOp>(operation))
    return operand(0) / operand(1);
  if (isa<arith::RemSIOp>(operation))
    return operand(0) % operand(1);
  if (isa<arith::DivUIOp>(operation))
    return static_cast<uint64_t>(operand(0)) / static_cast<uint64_t>(operand(1));
  if (isa<arith::FloorDivSIOp>(operation))
    return llvm::divideFloorSigned(operand(0), operand(1));
  if (isa<arith::CeilDivSIOp>(operation))
    return llvm::divideCeilSigned(operand(0), operand(1));
  if (isa<arith::ShRSIOp>(operation))
    return operand(0) >> operand(1);
  if (isa<arith::MinSIOp>(operation))
    return std::min(operand(0), operand(1));
  if (isa<arith::MaxSIOp>(operation))
    return std::max(operand(0), operand(1));
  if (isa<math::AbsIOp>(operation))
    return std::abs(operand(0));
  if (auto extension = dyn_cast<arith::ExtUIOp>(operation)) {
    unsigned width = extension.getIn().getType().getIntOrFloatBitWidth();
    return operand(0) & ((int64_t(1) << width) - 1);
  }
  if (isa<arith::IndexCastOp, arith::ExtSIOp, arith::TruncIOp>(operation))
    return wrap(operand(0));
  ADD_FAILURE() << "unknown op " << operation->getName().getStringRef().str();
  return 0;
}

MaskFixture::MaskFixture() {
  context.loadDialect<AttnDialect, arith::ArithDialect, func::FuncDialect, math::MathDialect, tensor::TensorDialect>();
}

GenericOp MaskFixture::parse(const std::string &body, bool withOffsets) {
  std::string text = R"(
      func.func @f(%q: tensor<2x?x4xf32>, %k: tensor<2x?x4xf32>, %v: tensor<2x?x3xf32>, %o: tensor<2x?x3xf32>,
                   %lengths: tensor<2xi32>, %rows: tensor<?xi32>, %keys: tensor<?xi32>,
                   %a0: index, %b0: index, %n0: i32, %x: index, %y: index) -> tensor<2x?x3xf32> {
        %zero = arith.constant 0 : index
        %r = attn.generic ins(%q, %k, %v : tensor<2x?x4xf32>, tensor<2x?x4xf32>, tensor<2x?x3xf32>)
          mask_ins(%lengths, %rows, %keys : tensor<2xi32>, tensor<?xi32>, tensor<?xi32>)
          captures(%a0, %b0, %n0 : index, index, i32))";
  if (withOffsets)
    text += "offsets(%zero, %x, %y, %zero, %zero)";
  text += R"( outs(out %o : tensor<2x?x3xf32>)
          maps [affine_map<(b, i, j, d, e) -> (b, i, d)>, affine_map<(b, i, j, d, e) -> (b, j, d)>,
                affine_map<(b, i, j, d, e) -> (b, j, e)>, affine_map<(b, i, j, d, e) -> (b)>,
                affine_map<(b, i, j, d, e) -> (i)>, affine_map<(b, i, j, d, e) -> (j)>,
                affine_map<(b, i, j, d, e) -> (b, i, e)>]
          normalizer(#attn.softmax)
          mask {
          ^bb0(%length: i32, %rowid: i32, %keyid: i32, %a: index, %b: index, %n: i32):
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

MaskProblem MaskFixture::makeProblem(GenericOp op, int64_t rowTile, int64_t keyTile) {
  MaskProblem problem;
  problem.op = cast<ScoredOpInterface>(op.getOperation());
  problem.loops = getLoopInfo(op);
  problem.rowLoop = kRow;
  problem.rowTile = rowTile;
  problem.keyTile = keyTile;
  problem.firstMaskMap = 3;
  return problem;
}

void MaskFixture::check(const std::string &body, Options options) {
  auto values = [&](const char *name, std::vector<int64_t> all) {
    bool isUsed = body.find(name) != std::string::npos;
    if (isUsed && options.variant < 0)
      return all;
    return std::vector<int64_t>{isUsed ? all[options.variant / 3 % all.size()] : 0};
  };
  auto isChosen = [&](int number, int count, int stride) {
    return options.variant < 0 || options.variant / stride % count == number;
  };
  for (bool withOffsets : {false, true}) {
    if (!isChosen(withOffsets, 2, 1))
      continue;
    GenericOp op = parse(body, withOffsets);
    if (!op)
      return;
    std::vector<std::pair<MaskProblem, KeyRanges>> analyses;
    for (auto [rowNumber, rowTile] : llvm::enumerate(std::initializer_list<int64_t>{1, 3, 4}))
      for (auto [keyNumber, keyTile] : llvm::enumerate(std::initializer_list<int64_t>{1, 4, 5})) {
        if (!isChosen(rowNumber, 3, 2) || !isChosen(keyNumber, 3, 6))
          continue;
        MaskProblem problem = makeProblem(op, rowTile, keyTile);
        analyses.emplace_back(problem, computeKeyRanges(problem));
        const KeyRanges &ranges = analyses.back().second;
        ++counts.analyses;
        counts.inexact += !ranges.exact;
        std::string reasons;
        for (const KeyRangeReason &reason : ranges.reasons)
          reasons += reason.text + "; ";
        EXPECT_TRUE(ranges.exact || !options.exact)
            << body << "\nis not exact: " << reasons << " row tile " << rowTile << " key tile " << keyTile;
      }
    Value yielded = op.getMask().front().getTerminator()->getOperand(0);
    for (int64_t a : values("%a", {-3, 0, 1, 4, 20}))
      for (int64_t b : values("%b", {-2, 2, 7}))
        for (int64_t n : values("%n", {-1, 0, 5, 12}))
          for (int64_t length : values("%length", {0, 1, 6, 30})) {
            Setting setting{a & 1, length, {a, b, n}};
            if (withOffsets) {
              setting.rowOffset = 3;
              setting.keyOffset = 2;
            }
            bool keep[kMostRows][kMostKeys];
            for (int64_t row = 0; row < kMostRows; ++row)
              for (int64_t key = 0; key < kMostKeys; ++key)
                keep[row][key] = test::evaluate(yielded, op, setting, row, key) & 1;
            for (auto &[problem, ranges] : analyses) {
              checkSetting(ranges, problem, keep, setting, options);
              if (HasFailure()) {
                ADD_FAILURE() << body << "\na " << a << " b " << b << " n " << n << " length " << length << " offsets "
                              << withOffsets;
                return;
              }
            }
          }
  }
}

void MaskFixture::checkSetting(const KeyRanges &ranges, const MaskProblem &problem,
                               const bool (&keep)[kMostRows][kMostKeys], const Setting &setting, Options options) {
  ScoredOpInterface scored = problem.op;
  auto op = cast<GenericOp>(scored.getOperation());
  for (int64_t rows : {1, 5, 9, 14})
    for (int64_t keys : {0, 1, 3, 8, 11, 17})
      for (int64_t tile = 0; tile * problem.rowTile < rows; ++tile) {
        int64_t first = tile * problem.rowTile, end = std::min(rows, first + problem.rowTile);
        std::vector<int64_t> symbols;
        for (const KeyRangeSymbol &symbol : ranges.symbols) {
          using Kind = KeyRangeSymbol::Kind;
          switch (symbol.kind) {
          case Kind::RowTile:
            symbols.push_back(tile);
            break;
          case Kind::RowCount:
            symbols.push_back(rows);
            break;
          case Kind::KeyCount:
            symbols.push_back(keys);
            break;
          case Kind::RowOffset:
            symbols.push_back(setting.rowOffset);
            break;
          case Kind::KeyOffset:
            symbols.push_back(setting.keyOffset);
            break;
          case Kind::RegionValue: {
            int64_t value = test::evaluate(symbol.value, op, setting, 0, 0);
            symbols.push_back(symbol.value.getType().isInteger(1) ? value & 1 : value);
            break;
          }
          }
        }
        std::vector<bool> any(keys), every(keys);
        for (int64_t key = 0; key < keys; ++key) {
          auto kept = [&](int64_t row) { return keep[row][key]; };
          any[key] = llvm::any_of(llvm::seq(first, end), kept);
          every[key] = llvm::all_of(llvm::seq(first, end), kept);
        }
        checkTile(ranges, KeyRangeValues(ranges, symbols), problem.keyTile, keys, options, any, every);
        if (HasFailure()) {
          ADD_FAILURE() << "N " << rows << " M " << keys << " row tile " << tile << " of " << problem.rowTile
                        << " rows, key tiles of " << problem.keyTile;
          return;
        }
      }
}

void MaskFixture::checkTile(const KeyRanges &ranges, const KeyRangeValues &values, int64_t keyTile, int64_t keys,
                            Options options, const std::vector<bool> &keptByAny, const std::vector<bool> &keptByAll) {
  int64_t first = values.getStep(ranges.lower), last = values.getStep(ranges.upper);
  int64_t end = 0;
  for (const KeySegment &segment : ranges.segments) {
    int64_t lower = values.getStep(segment.lower), upper = values.getStep(segment.upper);
    ASSERT_LE(lower, upper);
    ASSERT_GE(lower, 0);
    if (lower == upper)
      continue;
    ASSERT_LE(upper, keys);
    ASSERT_GE(lower, end) << "segments overlap";
    ASSERT_GE(lower, first);
    ASSERT_LE(upper, last);
    end = upper;
    if (segment.kind == KeySegment::Kind::Full)
      ASSERT_EQ((upper - lower) % keyTile, 0);
    if (segment.kind == KeySegment::Kind::Tested)
      ASSERT_EQ(lower % keyTile, 0);
  }
  ASSERT_LE(first, last);
  ASSERT_TRUE(last <= keys || first == last);
  if (ranges.isKept)
    for (int64_t key = first; key < last; ++key)
      ASSERT_TRUE(keptByAll[key]);
  std::vector<KeyState> state = getKeyStates(ranges, values, keyTile, keys);

  int64_t numUnmasked = 0, numKeptByAll = 0;
  for (int64_t key = 0; key < keys; ++key) {
    ASSERT_TRUE(state[key] != KeyState::Skipped || !keptByAny[key]) << "needed key " << key << " is skipped";
    ASSERT_TRUE(state[key] != KeyState::Full || keptByAll[key])
        << "key " << key << " is masked for a row, but not Partial";
    if (ranges.exact && ranges.granule == 1)
      ASSERT_TRUE(state[key] == KeyState::Skipped || keptByAny[key]) << "key " << key << " is visited for nothing";
    numUnmasked += state[key] == KeyState::Full;
    numKeptByAll += keptByAll[key];
  }
  ++counts.rowTiles;
  for (int64_t tile = 0; tile * keyTile < keys; ++tile) {
    auto inTile = llvm::seq(tile * keyTile, std::min(keys, (tile + 1) * keyTile));
    bool isNeeded = llvm::any_of(inTile, [&](int64_t key) { return keptByAny[key]; });
    bool isVisited = llvm::any_of(inTile, [&](int64_t key) { return state[key] != KeyState::Skipped; });
    bool isFull = inTile.size() == size_t(keyTile) && llvm::all_of(inTile, [&](int64_t key) { return keptByAll[key]; });
    bool isUnmasked = llvm::all_of(inTile, [&](int64_t key) { return state[key] == KeyState::Full; });
    counts.needed += isNeeded;
    counts.visited += isVisited;
    counts.full += isFull;
    counts.unmasked += isFull && isUnmasked;
    if (ranges.exact)
      ASSERT_EQ(isNeeded, isVisited) << "key tile " << tile;
    if (options.full && ranges.granule != 1)
      ASSERT_TRUE(!isFull || isUnmasked) << "key tile " << tile << " needs no mask";
  }
  if (options.full && ranges.granule == 1)
    EXPECT_GE(numUnmasked, llvm::alignDown(numKeptByAll, keyTile));
}
