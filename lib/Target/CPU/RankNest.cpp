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

/// Keys whose scores are looked at together. The more there are, the better the chance that rows of a vector whose next
/// key enters are several, and the more registers they take.
constexpr int64_t kGroupKeys = 16;
/// Ranks that move together: in a list of 64 a score has half of the ranks before it on average.
constexpr int64_t kGroupRanks = 8;

/// A key in a list, or on its way: a vector of them, or one.
struct Entry {
  Value score, position;
};

class RankNest : TileNest {
public:
  RankNest(RewriterBase &rewriter, linalg::GenericOp op, int64_t lanes) : TileNest(rewriter, op), lanes(lanes) {}

  LogicalResult run();

private:
  enum Loop { kRow, kKey, kRank };

  OpOperand *scores() { return op.getDpsInputOperand(0); }
  OpOperand *list() { return op.getDpsInitOperand(0); }
  OpOperand *positions() { return op.getDpsInitOperand(1); }

  LogicalResult forLanesOfRows(Positions &at, int64_t width);
  LogicalResult forLanesOfKeys(Positions &at);
  LogicalResult joinKeys(Positions at, int64_t numKeys, int64_t width);
  LogicalResult joinKey(Positions at);

  /// The score of the key at `at`, as the body sees it, and the key's position.
  FailureOr<Entry> loadKey(Positions at, int64_t width);
  /// `width` neighbours along `lanesLoop` of what the list holds at `rank`.
  Entry loadRank(Positions at, Value rank, int lanesLoop, int64_t width);
  void storeRank(Entry entry, Positions at, Value rank, int lanesLoop);
  /// The last score of the list, the one that goes when another comes.
  Value loadLast(const Positions &at, int64_t width) { return loadRank(at, constant(numRanks - 1), kRow, width).score; }

  /// The largest of `group`, of equal ones the first, and its number in the group; lanes with a NaN have any.
  Entry findLargest(ArrayRef<Value> group, int64_t width);
  /// Puts `entry` into the lists of those lanes where it belongs, from the last rank to the first; lanes are rows.
  void insert(Entry entry, const Positions &at, int64_t width);
  /// `count` ranks from `begin` on, each of which keeps what it has, takes what the rank before it had, or `entry`.
  void moveRanks(Entry entry, const Positions &at, Value begin, int64_t count, bool isTop, int64_t width);
  /// What a rank with `here` holds when `entry` has come, where the rank before it has `above`.
  Entry choose(Entry entry, Entry above, Entry here);
  /// A NaN in the first rank of lanes where `isNaN`: it stays, since nothing is larger, and is found in the end.
  void spoil(Value isNaN, const Positions &at, int64_t width);

  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(this->b, loc, predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) { return arith::SelectOp::create(this->b, loc, condition, a, b); }
  Value broadcast(Value value, int64_t width) { return BodyVectorizer(b, loc, width).broadcast(value); }
  Value infinity(bool isNegative, int64_t width) {
    APFloat value = APFloat::getInf(type().getFloatSemantics(), isNegative);
    return broadcast(arith::ConstantOp::create(b, loc, b.getFloatAttr(type(), value)), width);
  }
  /// What is before the first rank: no score is larger, so that no position is taken from there.
  Entry nobody(Entry entry, int64_t width) { return {infinity(/*isNegative=*/false, width), entry.position}; }
  Value number(int64_t value, int64_t width) {
    return broadcast(arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(value)), width);
  }
  Value any(Value condition) {
    if (!isa<VectorType>(condition.getType()))
      return condition;
    return vector::ReductionOp::create(b, loc, vector::CombiningKind::OR, condition);
  }
  /// `then` where `condition` holds in at least one lane.
  LogicalResult ifAny(Value condition, function_ref<LogicalResult()> then);

  FloatType type() { return cast<FloatType>(getElementTypeOrSelf(list()->get().getType())); }

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
  at[kRank] = constant(0);
  if (!isInnermost(list(), kRow))
    return loop(constant(0), extent(kRow), 1, [&](Value row) {
      at[kRow] = row;
      return forLanesOfKeys(at);
    });
  Value end = blocksEnd(kRow, constant(0), lanes);
  for (auto [from, to, width] : {std::tuple(constant(0), end, lanes), std::tuple(end, extent(kRow), int64_t(1))})
    if (failed(loop(from, to, width, [&, width = width](Value row) {
          at[kRow] = row;
          return forLanesOfRows(at, width);
        })))
      return failure();
  return success();
}

LogicalResult RankNest::forLanesOfRows(Positions &at, int64_t width) {
  Value end = blocksEnd(kKey, constant(0), kGroupKeys);
  for (auto [from, to, step] : {std::tuple(constant(0), end, kGroupKeys), std::tuple(end, extent(kKey), int64_t(1))})
    if (failed(loop(from, to, step, [&, step = step](Value key) {
          at[kKey] = key;
          return joinKeys(at, step, width);
        })))
      return failure();
  return success();
}

LogicalResult RankNest::forLanesOfKeys(Positions &at) {
  Value end = blocksEnd(kKey, constant(0), lanes);
  auto forEach = [&](Value begin, Value stop) {
    return loop(begin, stop, 1, [&](Value key) {
      at[kKey] = key;
      return joinKey(at);
    });
  };
  if (failed(loop(constant(0), end, lanes, [&](Value key) {
        at[kKey] = key;
        Value score = loadElements(b, loc, scores()->get(), mapOf(scores()), at, kKey, lanes);
        Value last = broadcast(loadLast(at, 1), lanes);
        return ifAny(compare(arith::CmpFPredicate::UGT, score, last), [&] { return forEach(key, add(key, lanes)); });
      })))
    return failure();
  return forEach(end, extent(kKey));
}

LogicalResult RankNest::ifAny(Value condition, function_ref<LogicalResult()> then) {
  auto branch = scf::IfOp::create(b, loc, any(condition), /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  return then();
}

FailureOr<Entry> RankNest::loadKey(Positions at, int64_t width) {
  // Nothing goes before a NaN: the score goes on from the first rank, with its position.
  at[kRank] = constant(0);
  BodyVectorizer vectorizer(b, loc, width);
  SmallVector<Value> arguments{loadArgument(getLinalgOp(), *scores(), at, kRow, width)}, results;
  Value nan = arith::ConstantOp::create(b, loc, b.getFloatAttr(type(), APFloat::getNaN(type().getFloatSemantics())));
  arguments.push_back(vectorizer.broadcast(nan));
  for (Value init : op.getDpsInits().drop_front())
    arguments.push_back(vectorizer.broadcast(getZero(b, loc, getElementTypeOrSelf(init.getType()))));
  if (failed(vectorizer.run(*op.getBody(), arguments, at, kRow, results)))
    return failure();
  return Entry{results[2], results[3]};
}

Entry RankNest::loadRank(Positions at, Value rank, int lanesLoop, int64_t width) {
  at[kRank] = rank;
  return {loadElements(b, loc, list()->get(), mapOf(list()), at, lanesLoop, width),
          loadElements(b, loc, positions()->get(), mapOf(positions()), at, lanesLoop, width)};
}

void RankNest::storeRank(Entry entry, Positions at, Value rank, int lanesLoop) {
  at[kRank] = rank;
  storeElements(b, loc, entry.score, list()->get(), mapOf(list()), at, lanesLoop);
  storeElements(b, loc, entry.position, positions()->get(), mapOf(positions()), at, lanesLoop);
}

Entry RankNest::findLargest(ArrayRef<Value> group, int64_t width) {
  SmallVector<Entry> round;
  for (auto [i, score] : llvm::enumerate(group))
    round.push_back({score, number(i, width)});
  while (round.size() > 1) {
    for (size_t i = 0; i < round.size() / 2; ++i) {
      Entry a = round[2 * i], b = round[2 * i + 1];
      Value isLarger = compare(arith::CmpFPredicate::OGT, b.score, a.score);
      round[i] = {select(isLarger, b.score, a.score), select(isLarger, b.position, a.position)};
    }
    round.resize(round.size() / 2);
  }
  return round[0];
}

/// The keys from `at` on, a power of two of them: as long as the largest one left enters a list, it is inserted, in all
/// lanes at once. Most groups so take one insertion or few, whichever keys they are that enter in each lane.
LogicalResult RankNest::joinKeys(Positions at, int64_t numKeys, int64_t width) {
  SmallVector<Value> group;
  Value last = loadLast(at, width), enters, isNaN;
  for (int64_t i = 0; i < numKeys; ++i) {
    Positions next(at);
    next[kKey] = add(at[kKey], i);
    group.push_back(loadElements(b, loc, scores()->get(), mapOf(scores()), next, kRow, width));
    // Not ogt: a NaN has to be seen.
    Value entersHere = compare(arith::CmpFPredicate::UGT, group.back(), last);
    enters = enters ? arith::OrIOp::create(b, loc, enters, entersHere).getResult() : entersHere;
  }
  return ifAny(enters, [&]() -> LogicalResult {
    FailureOr<Entry> first = loadKey(at, width);
    if (failed(first))
      return failure();
    for (size_t i = 0; i < group.size(); i += 2) {
      Value isOne = compare(arith::CmpFPredicate::UNO, group[i], group[std::min(i + 1, group.size() - 1)]);
      isNaN = isNaN ? arith::OrIOp::create(b, loc, isNaN, isOne).getResult() : isOne;
    }
    spoil(isNaN, at, width);
    if (numKeys == 1) {
      insert(*first, at, width);
      return success();
    }
    SmallVector<Type> types(group.size(), group[0].getType()), withLargest(types);
    SmallVector<Location> locs(group.size(), loc), withLargestLocs(group.size() + 2, loc);
    withLargest.append({group[0].getType(), number(0, width).getType()});
    auto rounds = scf::WhileOp::create(b, loc, withLargest, group);
    OpBuilder::InsertionGuard guard(b);
    Block *before = b.createBlock(&rounds.getBefore(), {}, types, locs);
    SmallVector<Value> left(before->getArguments());
    Entry largest = findLargest(left, width);
    Value goesOn = any(compare(arith::CmpFPredicate::OGT, largest.score, loadLast(at, width)));
    left.append({largest.score, largest.position});
    scf::ConditionOp::create(b, loc, goesOn, left);
    Block *after = b.createBlock(&rounds.getAfter(), {}, withLargest, withLargestLocs);
    left.assign(after->args_begin(), after->args_end());
    largest.position = left.pop_back_val();
    largest.score = left.pop_back_val();
    Value position = arith::AddIOp::create(b, loc, first->position, largest.position);
    insert({largest.score, position}, at, width);
    Value gone = infinity(/*isNegative=*/true, width);
    for (auto [i, score] : llvm::enumerate(left)) {
      Value isTaken = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, largest.position, number(i, width));
      score = select(isTaken, gone, score);
    }
    scf::YieldOp::create(b, loc, left);
    return success();
  });
}

Entry RankNest::choose(Entry entry, Entry above, Entry here) {
  // Maximum and minimum in the forms that instructions have: a NaN here stays, one above changes nothing. What the rank
  // before gives comes last, because LLVM makes masked stores of selections between something new and what memory
  // holds, and those are slow where masks are vectors.
  Value enters = compare(arith::CmpFPredicate::OGT, entry.score, here.score);
  Value isBelow = compare(arith::CmpFPredicate::OGT, entry.score, above.score);
  Value score = select(enters, entry.score, here.score);
  score = select(compare(arith::CmpFPredicate::OLT, above.score, score), above.score, score);
  Value position = select(enters, entry.position, here.position);
  return {score, select(isBelow, above.position, position)};
}

void RankNest::spoil(Value isNaN, const Positions &at, int64_t width) {
  Entry top = loadRank(at, constant(0), kRow, width);
  APFloat nan = APFloat::getNaN(type().getFloatSemantics());
  Value spoilt = broadcast(arith::ConstantOp::create(b, loc, b.getFloatAttr(type(), nan)), width);
  top.score = select(isNaN, spoilt, top.score);
  storeRank(top, at, constant(0), kRow);
}

void RankNest::moveRanks(Entry entry, const Positions &at, Value begin, int64_t count, bool isTop, int64_t width) {
  Entry here = loadRank(at, add(begin, count - 1), kRow, width);
  for (int64_t i = count - 1; i >= 0; --i) {
    Entry above = isTop && i == 0 ? nobody(entry, width) : loadRank(at, add(begin, i - 1), kRow, width);
    storeRank(choose(entry, above, here), at, add(begin, i), kRow);
    here = above;
  }
}

void RankNest::insert(Entry entry, const Positions &at, int64_t width) {
  int64_t top = numRanks % kGroupRanks == 0 ? kGroupRanks : numRanks % kGroupRanks;
  auto entersAt = [&](Value rank) {
    return any(compare(arith::CmpFPredicate::OGT, entry.score, loadRank(at, rank, kRow, width).score));
  };
  OpBuilder::InsertionGuard guard(b);
  if (numRanks > top) {
    Type index = b.getIndexType();
    auto groups = scf::WhileOp::create(b, loc, index, constant(numRanks - kGroupRanks));
    Block *before = b.createBlock(&groups.getBefore(), {}, index, loc);
    Value begin = before->getArgument(0);
    Value isBelow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::sge, begin, constant(top));
    Value goesOn = arith::AndIOp::create(b, loc, isBelow, entersAt(add(begin, kGroupRanks - 1)));
    scf::ConditionOp::create(b, loc, goesOn, begin);
    Block *after = b.createBlock(&groups.getAfter(), {}, index, loc);
    begin = after->getArgument(0);
    moveRanks(entry, at, begin, kGroupRanks, /*isTop=*/false, width);
    scf::YieldOp::create(b, loc, add(begin, -kGroupRanks));
    b.setInsertionPointAfter(groups);
    auto branch = scf::IfOp::create(b, loc, entersAt(constant(top - 1)), /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  moveRanks(entry, at, constant(0), top, /*isTop=*/true, width);
}

/// One key of one row, with ranks as lanes: vectors of them from the last rank to the first, then what is left.
LogicalResult RankNest::joinKey(Positions at) {
  Value score = loadElements(b, loc, scores()->get(), mapOf(scores()), at, kRow, 1);
  return ifAny(compare(arith::CmpFPredicate::UGT, score, loadLast(at, 1)), [&]() -> LogicalResult {
    FailureOr<Entry> entry = loadKey(at, 1);
    if (failed(entry))
      return failure();
    spoil(compare(arith::CmpFPredicate::UNO, entry->score, entry->score), at, 1);
    for (int64_t end = numRanks; end > 0;) {
      int64_t width = std::min<int64_t>(lanes, llvm::bit_floor<uint64_t>(end)), begin = end - width;
      Entry all{broadcast(entry->score, width), broadcast(entry->position, width)};
      Entry here = loadRank(at, constant(begin), kRank, width), above = nobody(all, width);
      if (begin > 0) {
        above = loadRank(at, constant(begin - 1), kRank, width);
      } else if (width > 1) {
        SmallVector<int64_t> shifted{width};
        for (int64_t i = 0; i < width - 1; ++i)
          shifted.push_back(i);
        above.score = vector::ShuffleOp::create(b, loc, here.score, above.score, shifted);
        above.position = vector::ShuffleOp::create(b, loc, here.position, above.position, shifted);
      }
      storeRank(choose(all, above, here), at, constant(begin), kRank);
      end = begin;
    }
    return success();
  });
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
