// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "RankNest.h"

#include "BodyVectorizer.h"
#include "TileAccess.h"
#include "TileNest.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace attn {
namespace {

/// Ranks that are passed, or passed over, together: in a list of 64 a score has half of the ranks before it on average.
constexpr int64_t kGroupRanks = 8;

class RankNest : TileNest {
public:
  RankNest(RewriterBase &rewriter, linalg::GenericOp op, int64_t lanes) : TileNest(rewriter, op), lanes(lanes) {}

  LogicalResult run();

private:
  enum Loop { kRow, kKey, kRank };

  OpOperand *scores() { return op.getDpsInputOperand(0); }
  OpOperand *list() { return op.getDpsInitOperand(0); }
  OpOperand *positions() { return op.getDpsInitOperand(1); }

  LogicalResult forKeys(Positions &at, int64_t width);
  LogicalResult forLanesOfKeys(Positions &at);
  /// `then` where a score of `lanesLoop` at `at` belongs before the last of its list in at least one lane.
  LogicalResult ifAnyEnters(Positions &at, int lanesLoop, int64_t width, function_ref<LogicalResult()> then);
  /// Whether `score` compares so with what the list holds at `at` in at least one lane, as an i1.
  Value anyCompares(arith::CmpFPredicate predicate, Value score, Positions &at, int64_t width, int lanesLoop);
  /// The body for all ranks but those of groups in which no lane's score has a place.
  LogicalResult passRanks(Positions &at, int64_t width);
  /// The body for some ranks. `passed` is what comes from the rank before, and what goes on.
  LogicalResult passRanks(Value begin, Value end, Positions &at, int64_t width, SmallVectorImpl<Value> &passed);
  LogicalResult runBody(ValueRange arguments, Positions &at, int64_t width, SmallVectorImpl<Value> &results);

  int64_t lanes, numRanks = 0;
};

LogicalResult RankNest::run() {
  if (failed(analyzeOperands()))
    return failure();
  if (op.getNumLoops() != 3 || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 4 ||
      !getConstantIntValue(extents[kRank]))
    return op.emitError("expects scores, two lists of static length and what goes on between ranks, over a row, a key "
                        "and a rank, in role '")
           << kRankRole << "'";
  numRanks = *getConstantIntValue(extents[kRank]);
  Positions at(3);
  if (!isInnermost(list(), kRow))
    return loop(constant(0), extent(kRow), 1, [&](Value row) {
      at[kRow] = row;
      return forLanesOfKeys(at);
    });
  Value end = blocksEnd(kRow, constant(0), lanes);
  for (auto [from, to, width] : {std::tuple(constant(0), end, lanes), std::tuple(end, extent(kRow), int64_t(1))})
    if (failed(loop(from, to, width, [&, width = width](Value row) {
          at[kRow] = row;
          return forKeys(at, width);
        })))
      return failure();
  return success();
}

LogicalResult RankNest::forKeys(Positions &at, int64_t width) {
  return loop(constant(0), extent(kKey), 1, [&](Value key) {
    at[kKey] = key;
    return ifAnyEnters(at, kRow, width, [&] { return passRanks(at, width); });
  });
}

LogicalResult RankNest::forLanesOfKeys(Positions &at) {
  Value end = blocksEnd(kKey, constant(0), lanes);
  auto forEach = [&](Value begin, Value stop) {
    return loop(begin, stop, 1, [&](Value key) {
      at[kKey] = key;
      return ifAnyEnters(at, kKey, 1, [&] { return passRanks(at, 1); });
    });
  };
  if (failed(loop(constant(0), end, lanes, [&](Value key) {
        at[kKey] = key;
        return ifAnyEnters(at, kKey, lanes, [&] { return forEach(key, add(key, lanes)); });
      })))
    return failure();
  return forEach(end, extent(kKey));
}

Value RankNest::anyCompares(arith::CmpFPredicate predicate, Value score, Positions &at, int64_t width, int lanesLoop) {
  Value listed = loadElements(b, loc, list()->get(), mapOf(list()), at, lanesLoop, width);
  listed = BodyVectorizer(b, loc, width).broadcast(listed);
  Value compares = arith::CmpFOp::create(b, loc, predicate, score, listed);
  return width == 1 ? compares : vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, compares).getResult();
}

LogicalResult RankNest::ifAnyEnters(Positions &at, int lanesLoop, int64_t width, function_ref<LogicalResult()> then) {
  at[kRank] = constant(numRanks - 1);
  Value score = loadElements(b, loc, scores()->get(), mapOf(scores()), at, lanesLoop, width);
  // Not ogt: a NaN has to get in.
  Value enters = anyCompares(arith::CmpFPredicate::UGT, score, at, width, lanesLoop);
  auto branch = scf::IfOp::create(b, loc, enters, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  return then();
}

LogicalResult RankNest::passRanks(Positions &at, int64_t width) {
  // Nothing goes before a NaN: the score goes on, with its position.
  at[kRank] = constant(0);
  SmallVector<Value> arguments{loadArgument(getLinalgOp(), *scores(), at, kRow, width)};
  BodyVectorizer vectorizer(b, loc, width);
  auto type = cast<FloatType>(getElementTypeOrSelf(list()->get().getType()));
  Value nan = arith::ConstantOp::create(b, loc, b.getFloatAttr(type, APFloat::getNaN(type.getFloatSemantics())));
  arguments.push_back(vectorizer.broadcast(nan));
  for (Value init : op.getDpsInits().drop_front())
    arguments.push_back(vectorizer.broadcast(getZero(b, loc, getElementTypeOrSelf(init.getType()))));
  SmallVector<Value> passed;
  if (failed(runBody(arguments, at, width, passed)))
    return failure();
  passed.erase(passed.begin(), passed.begin() + 2);
  if (numRanks <= kGroupRanks)
    return passRanks(constant(0), constant(numRanks), at, width, passed);
  OpBuilder::InsertionGuard guard(b);
  auto groups = scf::ForOp::create(b, loc, constant(0), constant(numRanks), constant(kGroupRanks), passed);
  b.setInsertionPointToStart(groups.getBody());
  Value begin = groups.getInductionVar(), end = add(begin, kGroupRanks);
  end = arith::MinSIOp::create(b, loc, end, constant(numRanks));
  SmallVector<Value> inner(groups.getRegionIterArgs());
  at[kRank] = add(end, -1);
  // Not ugt: a score that had to go may have equals here.
  Value isPassed = anyCompares(arith::CmpFPredicate::UGE, inner[0], at, width, kRow);
  auto branch = scf::IfOp::create(b, loc, TypeRange(ValueRange(inner)), isPassed, /*withElseRegion=*/true);
  scf::YieldOp::create(b, loc, branch.getResults());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, loc, inner);
  b.setInsertionPointToStart(branch.thenBlock());
  if (failed(passRanks(begin, end, at, width, inner)))
    return failure();
  scf::YieldOp::create(b, loc, inner);
  return success();
}

LogicalResult RankNest::passRanks(Value begin, Value end, Positions &at, int64_t width,
                                  SmallVectorImpl<Value> &passed) {
  OpBuilder::InsertionGuard guard(b);
  auto ranks = scf::ForOp::create(b, loc, begin, end, constant(1), passed);
  b.setInsertionPointToStart(ranks.getBody());
  at[kRank] = ranks.getInductionVar();
  SmallVector<Value> arguments, results;
  for (OpOperand *operand : {scores(), list(), positions()})
    arguments.push_back(loadArgument(getLinalgOp(), *operand, at, kRow, width));
  llvm::append_range(arguments, ranks.getRegionIterArgs());
  // The first rank takes what comes too: it is the score.
  Positions inside(at);
  inside[kRank] = constant(1);
  if (failed(runBody(arguments, inside, width, results)))
    return failure();
  for (auto [operand, value] : {std::pair(list(), results[0]), std::pair(positions(), results[1])})
    storeElements(b, loc, value, operand->get(), mapOf(operand), at, kRow);
  scf::YieldOp::create(b, loc, ArrayRef<Value>(results).drop_front(2));
  passed.assign(ranks.getResults().begin(), ranks.getResults().end());
  return success();
}

LogicalResult RankNest::runBody(ValueRange arguments, Positions &at, int64_t width, SmallVectorImpl<Value> &results) {
  return BodyVectorizer(b, loc, width).run(*op.getBody(), arguments, at, kRow, results);
}

} // namespace

bool isRanking(linalg::GenericOp op) {
  auto role = op->getAttrOfType<StringAttr>(kRoleName);
  return role && role.getValue() == kRankRole;
}

FailureOr<Operation *> vectorizeRanking(RewriterBase &rewriter, linalg::GenericOp op, RegisterTile tile) {
  if (failed(RankNest(rewriter, op, tile.lanes).run()))
    return failure();
  rewriter.eraseOp(op);
  return static_cast<Operation *>(nullptr);
}

} // namespace attn
