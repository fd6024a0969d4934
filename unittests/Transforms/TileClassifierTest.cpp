// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which key tiles tiled code visits when the mask depends on what operands hold: the loops that attn-tile-and-fuse
// makes are run on known operands, and every visit is compared with the mask of all of its pairs.
#include "attn/Analysis/LoopSizes.h"
#include "attn/Analysis/TileCounts.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

#include <random>

using namespace mlir;
using namespace attn;

namespace {

/// Loops of the op: rows, keys, D, Dv.
constexpr unsigned kRow = 0;

/// What a mask reads.
struct Setting {
  int64_t rows = 0, keys = 0;
  std::vector<int64_t> rowIds, keyIds, wide, pairs, table;
  int64_t a = 0, b = 0, n = 0;
};

/// Tiles of all rows and keys of a problem, cut from row and key 0.
struct Tiles {
  int64_t needed = 0, visited = 0, full = 0, unmasked = 0;
};

class TileClassifierTest : public ::testing::Test {
protected:
  TileClassifierTest() {
    context.loadDialect<AttnDialect, affine::AffineDialect, arith::ArithDialect, func::FuncDialect,
                        linalg::LinalgDialect, math::MathDialect, scf::SCFDialect, tensor::TensorDialect>();
  }

  /// Runs what is made of a mask: `body` sees positions %i and %j (index), operands %rowid over i and %keyid over j
  /// (i32), %wide over j (i64), %pair over (j, i) (i1), captures %a, %b (index), %n (i32) and %table (tensor<?xi32>),
  /// and yields %keep.
  Tiles run(const std::string &body, const Setting &setting, int64_t rowTile, int64_t keyTile);

  MLIRContext context;
  bool isUnderstood = true;
};

Tiles TileClassifierTest::run(const std::string &body, const Setting &setting, int64_t rowTile, int64_t keyTile) {
  std::string text = R"(
    func.func @f(%q: tensor<?x4xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %o: tensor<?x4xf32>,
                 %rowids: tensor<?xi32>, %keyids: tensor<?xi32>, %wides: tensor<?xi64>, %pairs: tensor<?x?xi1>,
                 %a0: index, %b0: index, %n0: i32, %table0: tensor<?xi32>) -> tensor<?x4xf32> {
      %r = attn.generic ins(%q, %k, %v : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>)
        mask_ins(%rowids, %keyids, %wides, %pairs : tensor<?xi32>, tensor<?xi32>, tensor<?xi64>, tensor<?x?xi1>)
        captures(%a0, %b0, %n0, %table0 : index, index, i32, tensor<?xi32>) outs(out %o : tensor<?x4xf32>)
        maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
              affine_map<(i, j, d, e) -> (i)>, affine_map<(i, j, d, e) -> (j)>, affine_map<(i, j, d, e) -> (j)>,
              affine_map<(i, j, d, e) -> (j, i)>, affine_map<(i, j, d, e) -> (i, e)>]
        normalizer(#attn.softmax)
        {attn.plan = #attn.plan<online, rows_minor, rows = )" +
                     std::to_string(rowTile) + ", keys = " + std::to_string(keyTile) +
                     R"(, lanes = 4, register_tile = [2, 1]>}
        mask {
        ^bb0(%rowid: i32, %keyid: i32, %wide: i64, %pair: i1, %a: index, %b: index, %n: i32, %table: tensor<?xi32>):
          %i = attn.index 0
          %j = attn.index 1
          )" + body + R"(
          attn.yield %keep : i1
        }
      return %r : tensor<?x4xf32>
    })";
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  GenericOp op;
  if (module)
    module->walk([&](GenericOp found) { op = found; });
  if (!op) {
    ADD_FAILURE() << text;
    return {};
  }
  int64_t rows = setting.rows, keys = setting.keys;

  // The mask itself, pair by pair.
  std::vector<std::vector<bool>> keep(rows, std::vector<bool>(keys));
  {
    Block &mask = op.getMask().front();
    IndexEvaluator pairEvaluator;
    pairEvaluator.setVariable(mask.getArgument(4), setting.a);
    pairEvaluator.setVariable(mask.getArgument(5), setting.b);
    pairEvaluator.setVariable(mask.getArgument(6), setting.n);
    pairEvaluator.setElements(mask.getArgument(7), setting.table);
    pairEvaluator.setDim(mask.getArgument(7), 0, setting.table.size());
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t key = 0; key < keys; ++key) {
        pairEvaluator.setVariable(mask.getArgument(0), setting.rowIds[row]);
        pairEvaluator.setVariable(mask.getArgument(1), setting.keyIds[key]);
        pairEvaluator.setVariable(mask.getArgument(2), setting.wide[key]);
        pairEvaluator.setVariable(mask.getArgument(3), setting.pairs[key * rows + row]);
        for (IndexOp index : mask.getOps<IndexOp>())
          pairEvaluator.setVariable(index, index.getLoop() == kRow ? row : key);
        std::optional<int64_t> kept = pairEvaluator.evaluate(mask.getTerminator()->getOperand(0));
        if (!kept) {
          isUnderstood = false;
          return {};
        }
        keep[row][key] = *kept;
      }
  }

  auto function = *module->getOps<func::FuncOp>().begin();
  IndexEvaluator evaluator;
  auto setTensor = [&](unsigned argument, std::vector<int64_t> sizes, const std::vector<int64_t> &values) {
    for (auto [dim, size] : llvm::enumerate(sizes))
      evaluator.setDim(function.getArgument(argument), dim, size);
    evaluator.setElements(function.getArgument(argument), values);
  };
  for (unsigned argument : {0, 3})
    setTensor(argument, {rows, 4}, {});
  for (unsigned argument : {1, 2})
    setTensor(argument, {keys, 4}, {});
  setTensor(4, {rows}, setting.rowIds);
  setTensor(5, {keys}, setting.keyIds);
  setTensor(6, {keys}, setting.wide);
  setTensor(7, {keys, rows}, setting.pairs);
  evaluator.setVariable(function.getArgument(8), setting.a);
  evaluator.setVariable(function.getArgument(9), setting.b);
  evaluator.setVariable(function.getArgument(10), setting.n);
  setTensor(11, {static_cast<int64_t>(setting.table.size())}, setting.table);

  IRRewriter rewriter(&context);
  FailureOr<scf::ForallOp> tiled = tileAttention(rewriter, op);
  if (failed(tiled)) {
    ADD_FAILURE() << text;
    return {};
  }
  std::vector<TileVisit> visits;
  std::optional<TileCounts> tileCounts = countTiles(*tiled, rows, evaluator, &visits);
  if (!tileCounts || tileCounts->isAtMost) {
    ADD_FAILURE() << body << "\ndepends on " << evaluator.getUnknown().str();
    return {};
  }

  enum class State { Skipped, Masked, Unmasked };
  int64_t rowTiles = llvm::divideCeil(rows, rowTile);
  std::vector<std::vector<State>> states(rowTiles, std::vector<State>(keys, State::Skipped));
  for (const TileVisit &visit : visits)
    for (int64_t key = visit.firstKey; key < visit.firstKey + visit.keys; ++key) {
      EXPECT_TRUE(states[visit.rowTile][key] == State::Skipped) << "key " << key << " is visited twice";
      states[visit.rowTile][key] = visit.isMasked ? State::Masked : State::Unmasked;
    }
  Tiles tiles;
  for (int64_t tile = 0; tile < rowTiles; ++tile)
    for (int64_t first = 0; first < keys; first += keyTile) {
      int64_t end = std::min(keys, first + keyTile), lastRow = std::min(rows, (tile + 1) * rowTile);
      bool isNeeded = false, isFull = end - first == keyTile, isVisited = false, isUnmasked = true;
      for (int64_t key = first; key < end; ++key) {
        State state = states[tile][key];
        isVisited |= state != State::Skipped;
        isUnmasked &= state == State::Unmasked;
        for (int64_t row = tile * rowTile; row < lastRow; ++row) {
          isNeeded |= keep[row][key];
          isFull &= keep[row][key];
          EXPECT_TRUE(!keep[row][key] || state != State::Skipped) << body << "\nskips " << row << ", " << key;
          EXPECT_TRUE(keep[row][key] || state != State::Unmasked) << body << "\ndoes not mask " << row << ", " << key;
        }
      }
      tiles.needed += isNeeded;
      tiles.full += isFull;
      tiles.visited += isVisited;
      tiles.unmasked += isUnmasked;
    }
  return tiles;
}

std::vector<int64_t> repeat(int64_t count, llvm::function_ref<int64_t(int64_t)> make) {
  std::vector<int64_t> values;
  for (int64_t position = 0; position < count; ++position)
    values.push_back(make(position));
  return values;
}

/// `numDocuments` of `length` rows and keys each.
Setting packDocuments(int64_t numDocuments, int64_t length) {
  Setting setting;
  setting.rows = setting.keys = numDocuments * length;
  setting.rowIds = setting.keyIds = repeat(setting.rows, [&](int64_t position) { return position / length; });
  setting.wide = setting.keyIds;
  setting.pairs = std::vector<int64_t>(setting.rows * setting.keys, 1);
  setting.table = setting.keyIds;
  return setting;
}

const char *const kSameDocument = "%keep = arith.cmpi eq, %rowid, %keyid : i32";

// 8 documents of 64 rows in tiles of 8 x 8: 8 x 8 tiles each of 64 x 64, all of them without mask.
TEST_F(TileClassifierTest, PackedDocumentsVisitTheirOwnTiles) {
  Tiles tiles = run(kSameDocument, packDocuments(8, 64), 8, 8);
  EXPECT_EQ(tiles.needed, 512);
  EXPECT_EQ(tiles.visited, 512);
  EXPECT_EQ(tiles.full, 512);
  EXPECT_EQ(tiles.unmasked, 512);
}

// Documents that end inside of tiles: those tiles are visited by two documents, with mask.
TEST_F(TileClassifierTest, DocumentsThatEndInsideOfTiles) {
  Tiles tiles = run(kSameDocument, packDocuments(5, 100), 16, 12);
  EXPECT_GT(tiles.needed, tiles.full);
  EXPECT_EQ(tiles.visited, tiles.needed);
  EXPECT_EQ(tiles.unmasked, tiles.full);
}

// Each document's own causal mask: the affine part ends the loop at the diagonal, ranges skip what lies before.
TEST_F(TileClassifierTest, CausalDocuments) {
  Tiles tiles = run(R"(%same = arith.cmpi eq, %rowid, %keyid : i32
                       %past = arith.cmpi sle, %j, %i : index
                       %keep = arith.andi %same, %past : i1)",
                    packDocuments(5, 100), 16, 12);
  EXPECT_EQ(tiles.visited, tiles.needed);
  EXPECT_EQ(tiles.unmasked, tiles.full);
}

// Documents in any order: a tile is skipped where it is below or above all that the rows are of.
TEST_F(TileClassifierTest, UnsortedDocuments) {
  Setting setting = packDocuments(6, 40);
  std::vector<int64_t> order{4, 1, 5, 0, 3, 2};
  for (auto *ids : {&setting.rowIds, &setting.keyIds})
    for (int64_t &id : *ids)
      id = order[id];
  Tiles tiles = run(kSameDocument, setting, 16, 12);
  EXPECT_GE(tiles.visited, tiles.needed);
  EXPECT_LT(tiles.visited, 15 * 20 / 2);
  EXPECT_EQ(tiles.unmasked, tiles.full);
}

// Ids that a table holds, read at the positions.
TEST_F(TileClassifierTest, TableOfDocuments) {
  Tiles tiles = run(R"(%x = tensor.extract %table[%i] : tensor<?xi32>
                       %y = tensor.extract %table[%j] : tensor<?xi32>
                       %keep = arith.cmpi eq, %x, %y : i32)",
                    packDocuments(5, 100), 16, 12);
  EXPECT_EQ(tiles.visited, tiles.needed);
  EXPECT_EQ(tiles.unmasked, tiles.full);
}

// Butterflies: blocks of 16 whose numbers differ in one bit at most.
TEST_F(TileClassifierTest, ExclusiveOrOfBlocks) {
  Tiles tiles = run(R"(%c4 = arith.constant 4 : index
                       %c1 = arith.constant 1 : index
                       %c0 = arith.constant 0 : index
                       %bi = arith.shrsi %i, %c4 : index
                       %bj = arith.shrsi %j, %c4 : index
                       %bits = arith.xori %bi, %bj : index
                       %less = arith.subi %bits, %c1 : index
                       %common = arith.andi %bits, %less : index
                       %keep = arith.cmpi eq, %common, %c0 : index)",
                    packDocuments(4, 64), 16, 16);
  EXPECT_EQ(tiles.needed, 16 * 5);
  EXPECT_EQ(tiles.visited, tiles.needed);
  EXPECT_EQ(tiles.unmasked, tiles.full);
}

// A chunk whose length is known at run time only.
TEST_F(TileClassifierTest, ChunksOfCapturedLength) {
  Setting setting = packDocuments(4, 64);
  setting.a = 48;
  Tiles tiles = run(R"(%bi = arith.floordivsi %i, %a : index
                       %bj = arith.floordivsi %j, %a : index
                       %keep = arith.cmpi eq, %bi, %bj : index)",
                    setting, 16, 12);
  EXPECT_EQ(tiles.visited, tiles.needed);
  EXPECT_EQ(tiles.unmasked, tiles.full);
}

// A mask tensor of blocks: it is read once more, and what it masks in whole tiles is skipped.
TEST_F(TileClassifierTest, MaskTensor) {
  Setting setting = packDocuments(4, 48);
  for (int64_t key = 0; key < setting.keys; ++key)
    for (int64_t row = 0; row < setting.rows; ++row)
      setting.pairs[key * setting.rows + row] = (key / 12 + row / 16) % 3 == 0 && row != 5;
  Tiles tiles = run("%keep = arith.ori %pair, %pair : i1", setting, 16, 12);
  EXPECT_EQ(tiles.visited, tiles.needed);
  EXPECT_EQ(tiles.unmasked, tiles.full);
}

// Positions of 64 bits at the ends of their type: their difference overflows and says nothing. Those of the last 64
// keys are small, and only the first row tile is near.
TEST_F(TileClassifierTest, OverflowSaysNothing) {
  Setting setting = packDocuments(4, 32);
  for (int64_t key = 0; key < 64; ++key)
    setting.wide[key] = key % 2 ? INT64_MAX : INT64_MIN;
  Tiles tiles = run(R"(%row = arith.index_cast %i : index to i64
                       %distance = arith.subi %row, %wide : i64
                       %c10 = arith.constant 10 : i64
                       %keep = arith.cmpi slt, %distance, %c10 : i64)",
                    setting, 16, 16);
  EXPECT_GE(tiles.visited, tiles.needed);
  EXPECT_EQ(tiles.visited, 8 * 4 + 1 * 4);
}

constexpr int64_t kTwoTo40 = int64_t(1) << 40;
constexpr int64_t kFar[] = {kTwoTo40 - 3, kTwoTo40 + 5,   2 * kTwoTo40,      7 - 2 * kTwoTo40,
                            -kTwoTo40,    kTwoTo40 << 20, -(kTwoTo40 << 21), INT64_MAX - 5,
                            INT64_MAX,    INT64_MIN,      INT64_MIN + 9};

// Scalars of 64 bits, however large: bounds that they make are those of wrapping arithmetic, or none.
TEST_F(TileClassifierTest, FarScalars) {
  const char *const masks[] = {
      // One that is compared as it is.
      "%keep = arith.cmpi slt, %j, %a : index",
      R"(%distance = arith.subi %i, %j : index
         %near = arith.cmpi slt, %distance, %a : index
         %past = arith.cmpi sge, %distance, %b : index
         %keep = arith.andi %near, %past : i1)",
      // Sums and products, of two or with a position.
      R"(%sum = arith.addi %a, %b : index
         %keep = arith.cmpi slt, %j, %sum : index)",
      R"(%last = arith.addi %i, %a : index
         %keep = arith.cmpi sle, %j, %last : index)",
      R"(%last = arith.addi %i, %a : index
         %distance = arith.subi %last, %j : index
         %near = arith.cmpi slt, %distance, %b : index
         %past = arith.cmpi sge, %last, %j : index
         %keep = arith.andi %near, %past : i1)",
      R"(%c = arith.constant 1099511627 : index
         %product = arith.muli %a, %c : index
         %last = arith.addi %product, %i : index
         %keep = arith.cmpi sge, %last, %j : index)",
      R"(%x = arith.subi %j, %a : index
         %y = arith.subi %i, %b : index
         %keep = arith.cmpi sle, %x, %y : index)",
      // Quotients and remainders.
      R"(%c = arith.constant 1048576 : index
         %last = arith.floordivsi %a, %c : index
         %keep = arith.cmpi slt, %j, %last : index)",
      R"(%c = arith.constant 3 : index
         %x = arith.addi %i, %a : index
         %y = arith.remsi %x, %c : index
         %z = arith.remsi %j, %c : index
         %keep = arith.cmpi eq, %y, %z : index)",
      // Cases.
      R"(%first = arith.maxsi %a, %b : index
         %keep = arith.cmpi sge, %j, %first : index)",
      R"(%distance = arith.subi %j, %a : index
         %size = math.absi %distance : index
         %keep = arith.cmpi slt, %size, %b : index)",
      "%keep = arith.cmpi ult, %j, %a : index",
      // What an operand holds: nothing is known of a difference that overflows, though %wide itself is small.
      R"(%c = arith.constant 5 : i64
         %ten = arith.constant 10 : i64
         %small = arith.cmpi slt, %wide, %c : i64
         %row = arith.index_cast %i : index to i64
         %distance = arith.subi %row, %wide : i64
         %near = arith.cmpi slt, %distance, %ten : i64
         %keep = arith.andi %small, %near : i1)",
  };
  Setting setting = packDocuments(2, 10);
  for (int64_t key = 0; key < 20; key += 2)
    setting.wide[key] = key % 4 ? INT64_MIN : INT64_MAX;
  SmallVector<int64_t> values(std::begin(kFar), std::end(kFar));
  values.append({-4, 0, 3, 9});
  for (const char *body : masks)
    for (int64_t a : values)
      for (int64_t b : values) {
        if (!StringRef(body).contains("%b") && b != 0)
          continue;
        setting.a = a;
        setting.b = b;
        Tiles tiles = run(body, setting, 4, 5);
        if (HasFailure())
          FAIL() << body << "\na " << a << " b " << b;
        // Scalars that are near still skip.
        if (std::abs(a) < 10 && std::abs(b) < 10 && StringRef(body).contains("sle, %x, %y"))
          EXPECT_EQ(tiles.visited, tiles.needed);
      }
}

/// Writes the lines of one random predicate.
class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}

  std::string makeBody() {
    std::string keep = makeBool(0);
    return lines + "%keep = arith.ori " + keep + ", " + keep + " : i1\n";
  }
  int64_t choose(int64_t count) { return std::uniform_int_distribution<int64_t>(0, count - 1)(random); }

private:
  template <size_t size> std::string pick(const char *const (&list)[size]) { return list[choose(size)]; }
  std::string add(const std::string &expression) {
    std::string name = "%v" + std::to_string(numValues++);
    lines += name + " = " + expression + "\n";
    return name;
  }
  std::string constant(int64_t value, const std::string &type) {
    return add("arith.constant " + std::to_string(value) + " : " + type);
  }

  std::string makeInteger(unsigned depth, const std::string &type) {
    if (depth > 2 || choose(3) == 0) {
      if (choose(4) == 0)
        return constant(choose(2) ? choose(40) - 10 : choose(1 << 16), type);
      if (type == "i64")
        return choose(2) ? "%wide" : add("arith.index_cast " + pick({"%i", "%j", "%a", "%b"}) + " : index to i64");
      if (type == "index")
        return pick({"%i", "%j", "%i", "%j", "%a", "%b"});
      return pick({"%rowid", "%keyid", "%n"});
    }
    std::string x = makeInteger(depth + 1, type);
    switch (choose(10)) {
    case 0:
      return add("arith." + pick({"floordivsi", "divsi", "remsi", "ceildivsi", "divui", "remui"}) + " " + x + ", " +
                 constant(choose(9) + 1, type) + " : " + type);
    case 1:
      return add("arith." + pick({"shrsi", "shrui", "shli"}) + " " + x + ", " + constant(choose(9), type) + " : " +
                 type);
    case 2:
      return add("arith." + pick({"andi", "ori", "xori"}) + " " + x + ", " + makeInteger(depth + 1, type) + " : " +
                 type);
    case 3:
      return add("arith." + pick({"minsi", "maxsi", "minui", "maxui"}) + " " + x + ", " + makeInteger(depth + 1, type) +
                 " : " + type);
    case 4:
      return add("arith.select " + makeComparison(2) + ", " + x + ", " + makeInteger(depth + 1, type) + " : " + type);
    case 5:
      return add("arith.muli " + x + ", " + makeInteger(depth + 1, type) + " : " + type);
    case 6:
      if (type == "i32" && choose(2)) {
        // Kept inside of the table.
        std::string at = add("arith.remui " + makeInteger(2, "index") + ", " + constant(13, "index") + " : index");
        return add("tensor.extract %table[" + at + "] : tensor<?xi32>");
      }
      return add("math.absi " + x + " : " + type);
    case 7:
      if (type == "i32")
        return add("arith.trunci " + makeInteger(depth + 1, "i64") + " : i64 to i32");
      if (type == "i64")
        return add("arith." + pick({"extsi", "extui"}) + " " + makeInteger(depth + 1, "i32") + " : i32 to i64");
      return add("arith." + pick({"index_cast", "index_castui"}) + " " + makeInteger(depth + 1, "i32") +
                 " : i32 to index");
    default:
      return add("arith." + pick({"addi", "subi"}) + " " + x + ", " + makeInteger(depth + 1, type) + " : " + type);
    }
  }

  std::string makeComparison(unsigned depth) {
    std::string type = pick({"index", "i32", "i64", "index"});
    std::string predicate = pick({"sge", "sgt", "sle", "slt", "eq", "ne", "ult", "uge", "ule", "ugt"});
    std::string x = makeInteger(depth, type), y = makeInteger(depth, type);
    return add("arith.cmpi " + predicate + ", " + x + ", " + y + " : " + type);
  }

  std::string makeBool(unsigned depth) {
    if (depth > 1 || choose(3) == 0)
      return choose(8) == 0 ? "%pair" : makeComparison(0);
    std::string x = makeBool(depth + 1), y = makeBool(depth + 1);
    if (choose(4) == 0)
      return add("arith.select " + makeComparison(1) + ", " + x + ", " + y + " : i1");
    return add("arith." + pick({"andi", "ori", "xori", "andi"}) + " " + x + ", " + y + " : i1");
  }

  std::mt19937 random;
  std::string lines;
  unsigned numValues = 0;
};

// Whatever the ops and operands: no needed key is skipped, and none that is masked goes without mask.
TEST_F(TileClassifierTest, RandomPredicatesAreSound) {
  Tiles sum;
  int64_t run = 0, skipping = 0;
  for (unsigned seed = 0; seed < 250; ++seed) {
    Generator generator(seed);
    std::string body = generator.makeBody();
    if (body.find("%j") == std::string::npos && body.find("%keyid") == std::string::npos)
      continue;
    Setting setting;
    setting.rows = 11 + generator.choose(6);
    setting.keys = 13 + generator.choose(8);
    setting.rowIds = repeat(setting.rows, [&](int64_t row) { return row / 3 - 1; });
    setting.keyIds = repeat(setting.keys, [&](int64_t key) { return seed % 2 ? key / 4 : generator.choose(6) - 1; });
    setting.wide = repeat(setting.keys, [&](int64_t key) {
      return seed % 5 == 0 && key > 8 ? (key % 2 ? INT64_MAX - key : INT64_MIN + key) : key / 2;
    });
    setting.pairs = repeat(setting.rows * setting.keys,
                           [&](int64_t pair) { return pair / setting.rows < 6 ? 1 : generator.choose(2); });
    setting.table = repeat(13, [&](int64_t position) { return position * position % 7 - 2; });
    setting.a = generator.choose(12) - 2;
    setting.b = generator.choose(12) - 2;
    // Numbers that sums and products overflow with, or that say "no limit".
    if (seed % 4 == 1)
      setting.a = kFar[generator.choose(std::size(kFar))];
    if (seed % 4 == 1 && seed % 8 == 5)
      setting.b = kFar[generator.choose(std::size(kFar))];
    setting.n = seed % 3 ? generator.choose(9) : INT32_MAX - 2;
    isUnderstood = true;
    Tiles tiles = this->run(body, setting, 4, 5);
    if (!isUnderstood)
      continue;
    if (HasFailure())
      FAIL() << "seed " << seed;
    ++run;
    skipping += tiles.visited < 4 * 4 && tiles.needed > 0;
    sum.needed += tiles.needed;
    sum.visited += tiles.visited;
    sum.full += tiles.full;
    sum.unmasked += tiles.unmasked;
  }
  RecordProperty("masks", run);
  RecordProperty("needed", sum.needed);
  RecordProperty("visited", sum.visited);
  RecordProperty("full", sum.full);
  RecordProperty("unmasked", sum.unmasked);
  std::printf("%ld masks: %ld tiles needed, %ld visited, %ld FULL, %ld without mask; %ld skip some\n", run, sum.needed,
              sum.visited, sum.full, sum.unmasked, skipping);
  EXPECT_GT(run, 180);
  EXPECT_GT(skipping, 50);
}

} // namespace
