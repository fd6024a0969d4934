// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Mistakes in what a block does with tiles: the arithmetic of attention, what is masked, and which tiles are visited.
#include "KernelMutations.h"

#include "attn/Dialect/Fragment/IR/Fragment.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace attn;
using namespace attn::test;
using namespace attn::fragment;

namespace {

/// One key tile, found from its two products on tensor cores.
struct KeyTile {
  scf::ForOp loop;
  DotOp scores, out;
  /// Logits from scores; reference, alpha and the rescaled sum from the state; weights; acc before this tile is added.
  MapOp logits, update, weights, rescaled;
  ReduceOp top, sum;

  bool isComplete() const { return loop && scores && out && logits && update && weights && rescaled && top && sum; }
};

KeyTile findKeyTile(scf::ForOp loop) {
  KeyTile tile;
  for (auto dot : loop.getBody()->getOps<DotOp>())
    (dot.getTransposed() ? tile.scores : tile.out) = dot;
  if (!tile.scores || !tile.out)
    return tile;
  tile.loop = loop;
  tile.rescaled = tile.out.getInit().getDefiningOp<MapOp>();
  if (auto rounded = tile.out.getLeft().getDefiningOp<ConvertOp>())
    tile.weights = rounded.getTile().getDefiningOp<MapOp>();
  for (auto reduce : loop.getBody()->getOps<ReduceOp>())
    (reduce.getKind() == Reduction::Max ? tile.top : tile.sum) = reduce;
  if (tile.weights)
    tile.update = tile.weights.getOperand(1).getDefiningOp<MapOp>();
  if (tile.top)
    tile.logits = tile.top.getTile().getDefiningOp<MapOp>();
  return tile;
}

/// The loop over whole key tiles, then the one over tiles that the mask or the end of the keys cuts.
SmallVector<KeyTile> findKeyTiles(ModuleOp kernel) {
  SmallVector<KeyTile> tiles;
  kernel.walk([&](scf::ForOp loop) {
    if (KeyTile tile = findKeyTile(loop); tile.isComplete())
      tiles.push_back(tile);
  });
  return tiles;
}

/// Applies `change` to each key tile. True where there are two, and all had something to change.
bool changeAll(ModuleOp kernel, function_ref<bool(KeyTile)> change) {
  SmallVector<KeyTile> tiles = findKeyTiles(kernel);
  return tiles.size() == 2 && llvm::all_of(tiles, change);
}

/// Applies `change` to the loop over tiles that are cut.
bool changeCut(ModuleOp kernel, function_ref<bool(KeyTile)> change) {
  SmallVector<KeyTile> tiles = findKeyTiles(kernel);
  return tiles.size() == 2 && change(tiles.back());
}

bool keepOldMaximum(ModuleOp kernel) {
  return changeAll(kernel, [](KeyTile tile) {
    Operation *yield = tile.loop.getBody()->getTerminator();
    bool isYielded = llvm::is_contained(yield->getOperands(), tile.top.getResult());
    yield->replaceUsesOfWith(tile.top.getResult(), tile.top.getInit());
    return isYielded;
  });
}

/// The reference is the maximum before this tile: weights of the first one overflow, and the check sends its rows to
/// the form that goes key by key. Right, and slow.
bool weighByOldMaximum(ModuleOp kernel) {
  return changeAll(kernel, [](KeyTile tile) {
    bool isTop = tile.update.getOperand(1) == tile.top.getResult();
    tile.update.getOperandsMutable()[1].set(tile.top.getInit());
    return isTop;
  });
}

bool forgetToRescaleAcc(ModuleOp kernel) {
  return changeAll(kernel, [](KeyTile tile) {
    tile.out.getInitMutable().assign(tile.rescaled.getOperand(0));
    return true;
  });
}

bool forgetToRescaleSum(ModuleOp kernel) {
  return changeAll(kernel, [](KeyTile tile) {
    bool isRescaled = tile.sum.getInit().getDefiningOp() == tile.update.getOperation();
    tile.sum.getInitMutable().assign(tile.update.getOperand(2));
    return isRescaled;
  });
}

/// The key beyond the last one is masked last: its logit is the result of the map.
bool countKeysBeyondTheLast(ModuleOp kernel) {
  return changeCut(kernel, [](KeyTile tile) {
    Operation *yield = tile.logits.getBody().front().getTerminator();
    auto select = yield->getOperand(0).getDefiningOp<arith::SelectOp>();
    auto exists = select ? select.getCondition().getDefiningOp<arith::CmpIOp>() : arith::CmpIOp();
    if (!exists || exists.getPredicate() != arith::CmpIPredicate::slt)
      return false;
    yield->setOperand(0, select.getTrueValue());
    return true;
  });
}

bool maskOneKeyMore(ModuleOp kernel) {
  return changeCut(kernel, [](KeyTile tile) {
    bool isFound = false;
    tile.logits.walk([&](arith::CmpIOp compare) {
      if (compare.getPredicate() != arith::CmpIPredicate::sle)
        return;
      compare.setPredicate(arith::CmpIPredicate::slt);
      isFound = true;
    });
    return isFound;
  });
}

bool leaveOutTheLastTile(ModuleOp kernel) {
  return changeCut(kernel, [](KeyTile tile) {
    OpBuilder b(tile.loop);
    tile.loop.getUpperBoundMutable().assign(
        arith::SubIOp::create(b, tile.loop.getLoc(), tile.loop.getUpperBound(), tile.loop.getStep()).getResult());
    return true;
  });
}

bool visitATileTwice(ModuleOp kernel) {
  return changeCut(kernel, [](KeyTile tile) {
    OpBuilder b(tile.loop);
    Location loc = tile.loop.getLoc();
    Value before = arith::SubIOp::create(b, loc, tile.loop.getLowerBound(), tile.loop.getStep());
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    tile.loop.getLowerBoundMutable().assign(arith::MaxSIOp::create(b, loc, before, zero).getResult());
    return true;
  });
}

bool multiplyWithKeysAgain(ModuleOp kernel) {
  return changeAll(kernel, [](KeyTile tile) {
    if (tile.out.getShared().getType() != tile.scores.getShared().getType())
      return false;
    tile.out.getSharedMutable().assign(tile.scores.getShared());
    return true;
  });
}

/// Gives the view's first dimension of unknown size the size of a whole tile.
bool forgetTheEnd(Value view, int64_t rows) {
  auto slice = view.getDefiningOp<memref::SubViewOp>();
  if (!slice || slice.getSizes().empty())
    return false;
  OpBuilder b(slice);
  slice.getSizesMutable()[0].set(arith::ConstantIndexOp::create(b, slice.getLoc(), rows));
  return true;
}

bool storeRowsBeyondTheLast(ModuleOp kernel) {
  bool isFound = false;
  kernel.walk([&](StoreOp store) { isFound |= forgetTheEnd(store.getView(), store.getTile().getType().getRows()); });
  return isFound;
}

bool fetchKeysBeyondTheLast(ModuleOp kernel) {
  return changeCut(kernel, [](KeyTile tile) {
    bool isFound = false;
    for (auto fetch : tile.loop.getBody()->getOps<FetchOp>())
      isFound |= forgetTheEnd(fetch.getView(), fetch.getShared().getType().getRows());
    return isFound;
  });
}

bool neverFetchQueries(ModuleOp kernel) {
  SmallVector<FetchOp> fetches;
  kernel.walk([&](FetchOp fetch) {
    if (fetch.getShared().getType().getStages() == 1)
      fetches.push_back(fetch);
  });
  for (FetchOp fetch : fetches)
    fetch.erase();
  return fetches.size() == 1;
}

/// What a masked row of V left in acc stays there.
bool neverLookAgain(ModuleOp kernel) {
  bool isFound = false;
  kernel.walk([&](scf::IfOp branch) {
    bool isCheck = false;
    branch.walk([&](scf::ForOp loop) { isCheck |= loop.getBody()->getOps<DotOp>().empty(); });
    if (!isCheck)
      return;
    OpBuilder b(branch);
    branch.getConditionMutable().assign(arith::ConstantIntOp::create(b, branch.getLoc(), 0, 1).getResult());
    isFound = true;
  });
  return isFound;
}

} // namespace

ArrayRef<KernelMutation> attn::test::getTileMutations() {
  static const KernelMutation mutations[] = {
      {"StaleMaximum", "the maximum of a tile is not handed to the next", Level::Tiles, keepOldMaximum, "numbers"},
      {"OldReference", "weights are taken with the maximum before their tile", Level::Tiles, weighByOldMaximum,
       "element loads"},
      {"AccNotRescaled", "the accumulator keeps the scale of the tiles before", Level::Tiles, forgetToRescaleAcc,
       "numbers"},
      {"SumNotRescaled", "so does the sum of weights", Level::Tiles, forgetToRescaleSum, "numbers"},
      {"MissingTailGuard", "keys beyond the last one count", Level::Tiles, countKeysBeyondTheLast, "numbers"},
      {"MaskOffByOne", "the mask hides the last key that a row may see", Level::Tiles, maskOneKeyMore, "numbers"},
      {"BoundOneLess", "the last key tile is not visited", Level::Tiles, leaveOutTheLastTile, "numbers"},
      {"OverlappingTiles", "a whole key tile is visited again", Level::Tiles, visitATileTwice, "numbers"},
      {"KeysForValues", "weights are multiplied with K", Level::Tiles, multiplyWithKeysAgain, "numbers"},
      {"UnguardedStore", "rows beyond the last one are stored", Level::Tiles, storeRowsBeyondTheLast, "out-of-bounds"},
      {"UnguardedFetch", "keys beyond the last one are fetched", Level::Tiles, fetchKeysBeyondTheLast, "out-of-bounds"},
      {"ForgottenQueries", "Q is never fetched", Level::Tiles, neverFetchQueries, "element loads, uninitialised"},
      {"NoSecondLook", "NaN that masked values left in sums is not looked for", Level::Tiles, neverLookAgain, "numbers",
       "--fill=v=nan@72:"},
  };
  return mutations;
}
