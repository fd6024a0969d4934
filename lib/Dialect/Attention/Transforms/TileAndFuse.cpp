// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Takes attn.generic with a plan; leaves an scf.forall over row tiles, in it scf.for over key tiles and attn ops on
// tiles. Loops are built by hand: bounds of the key loops come from the mask (KeyRanges), which no iteration domain of
// a tiling interface can say. In orientation rows_minor rows are the last dimension of every tile, so that vector lanes
// are query rows: no reduction then crosses lanes, and tails of rows are lanes that are not stored. In rows_major they
// are the first: K, V and operands over rows and keys are read as they lie.

#include "KeyLoops.h"
#include "Producers.h"
#include "RowTile.h"
#include "SplitKeys.h"
#include "TopK.h"
#include "attn/Analysis/LoopSizes.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace attn {
#define GEN_PASS_DEF_ATTNTILEANDFUSEPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Refuses what cannot be tiled, with a message for the user.
static FailureOr<PlanAttr> checkTileable(GenericOp op, const LoopInfo &loops, ArrayRef<int64_t> sizes) {
  auto plan = op->getAttrOfType<PlanAttr>(kPlanName);
  if (!plan)
    return op.emitError("expects a plan in '") << kPlanName << "': run attn-select-plan first";
  for (auto kind : op.getResultKinds().getAsRange<ResultKindAttr>()) {
    if (kind.getValue() == ResultKind::Weights && plan.getSplitKeys())
      return op.emitError("cannot tile result 'weights' with 'split' = ")
             << plan.getSplitKeys() << ": weights of any key need the states of all, expects a plan without 'split'";
  }
  if (failed(checkTopK(op, plan)))
    return failure();
  for (auto [loop, letter] : {std::pair(loops.d, "D"), std::pair(loops.e, "Dv")}) {
    if (ShapedType::isDynamic(sizes[loop]))
      return op.emitError("cannot tile with '") << letter << "' of unknown size: compiling asks for a static one";
    if (sizes[loop] == 0)
      return op.emitError("cannot tile with '") << letter << "' of size 0";
  }
  // The parallel loop would fold away, and with it all that makes the function a kernel.
  for (auto [kind, numbers] : {std::pair("batch", &loops.batch), std::pair("row", &loops.row)})
    for (unsigned loop : *numbers)
      if (sizes[loop] == 0)
        return op.emitError("cannot tile results without elements: ")
               << kind << " loop " << loop << " has the static size 0; kernels take 0 for sizes that are unknown";
  int64_t rows = sizes[getTiledRowLoop(loops, sizes)];
  if (plan.getOrientation() == Orientation::RowsMajor && !plan.getWarps() &&
      (ShapedType::isDynamic(rows) || rows % plan.getRows() != 0)) {
    InFlightDiagnostic diag =
        op.emitError("cannot tile in orientation 'rows_major', which knows no tail of rows: expects "
                     "N to be a multiple of 'rows', got N ");
    return (ShapedType::isDynamic(rows) ? diag << "of unknown size" : diag << "= " << rows)
           << " and rows = " << plan.getRows();
  }
  return plan;
}

/// Finishes a row tile: one result for each of the op's, to be inserted into `outs`; null where there is no slot.
/// Weights are a second visit by `keyLoops`, which without them may be null. `all` is acc, the state, then the lists of
/// top-k.
static SmallVector<Value> finishRows(RowTile &tile, KeyLoops *keyLoops, ArrayRef<Value> all,
                                     ArrayRef<TileOperand> outs) {
  ArrayRef<Value> lists = all.take_back(getTopKAttr(tile.op) ? 2 : 0), accAndState = all.drop_back(lists.size());
  RewriterBase &rewriter = tile.rewriter;
  GenericOp op = tile.op;
  MLIRContext *context = op.getContext();
  int64_t rows = tile.plan.getRows();
  // Over two loops: rows and e.
  auto compress = [&](AffineMap map) {
    SmallVector<AffineExpr> exprs = llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
      return rewriter.getAffineDimExpr(cast<AffineDimExpr>(expr).getPosition() == tile.rowLoop ? 0 : 1);
    });
    return AffineMap::get(2, 0, exprs, context);
  };
  AffineMap rowMap = compress(tile.getMap({tile.rowLoop}));
  SmallVector<AffineMap> maps{compress(tile.getTileMap(tile.loops.e)), rowMap};
  SmallVector<Value> inits, validState, operands;
  unsigned firstOperand = op.getIndexingMaps().size() - op.getInits().size() - op.getNormalizerOperands().size();
  for (auto [number, operand] : llvm::enumerate(op.getNormalizerOperands())) {
    TileOperand slice = tile.slice(operand, tile.getOpMap(firstOperand + number));
    operands.push_back(slice.value);
    maps.push_back(compress(slice.map));
  }
  SmallVector<Attribute> kinds;
  // Results that need the factor, in order.
  SmallVector<std::pair<unsigned, ResultKind>> later;
  bool hasWeights = false;
  for (auto [number, kind] : llvm::enumerate(op.getResultKinds().getAsRange<ResultKindAttr>())) {
    if (kind.getValue() == ResultKind::Weights || isTopK(kind.getValue())) {
      later.push_back({number, kind.getValue()});
      hasWeights |= kind.getValue() == ResultKind::Weights;
      continue;
    }
    kinds.push_back(kind);
    inits.push_back(outs[number].value);
    maps.push_back(compress(outs[number].map));
  }
  Value factor = tensor::EmptyOp::create(rewriter, tile.loc, {rows}, tile.accumulator);
  // attn.weights reads the factor of every lane.
  if (hasWeights && !tile.isAlwaysWhole())
    factor = tile.fill(factor, tile.zero(tile.accumulator), "finalize").getResult(0);
  inits.push_back(tile.getValidRows(factor));
  maps.push_back(rowMap);
  for (Value state : accAndState.drop_front())
    validState.push_back(tile.getValidRows(state));
  NormalizerInterface normalizer = KeyLoops::getNormalizer(op);
  auto finalize = FinalizeOp::create(rewriter, tile.loc, TypeRange(ValueRange(inits)),
                                     tile.getValidRows(accAndState.front()), validState, operands, inits,
                                     rewriter.getArrayAttr(kinds), rewriter.getAffineMapArrayAttr(maps), normalizer);
  SmallVector<Value> results(finalize.getResults());
  Value validFactor = results.pop_back_val();
  validState.push_back(validFactor);
  if (!hasWeights)
    factor = {};
  else if (!tile.isAlwaysWhole())
    factor = tensor::InsertSliceOp::create(
        rewriter, tile.loc, validFactor, factor, ArrayRef<OpFoldResult>{rewriter.getIndexAttr(0)},
        ArrayRef<OpFoldResult>{tile.numRows}, ArrayRef<OpFoldResult>{rewriter.getIndexAttr(1)});
  else
    factor = validFactor;
  SmallVector<Value> state(accAndState.drop_front());
  state.push_back(factor);
  for (auto [number, kind] : later) {
    Value result = outs[number].value;
    if (result && kind == ResultKind::Weights)
      result = keyLoops->writeWeights(state, outs[number]);
    else if (result)
      result = writeTopK(tile, kind, normalizer, lists, validState, outs[number]);
    results.insert(results.begin() + number, result);
  }
  return results;
}

/// An scf.if whose branches each give the results of the row tile.
static SmallVector<Value> chooseRows(RowTile &tile, Value condition, ArrayRef<TileOperand> outs,
                                     function_ref<SmallVector<Value>()> ifTrue,
                                     function_ref<SmallVector<Value>()> ifFalse) {
  RewriterBase &rewriter = tile.rewriter;
  SmallVector<Type> types;
  for (const TileOperand &out : outs)
    if (out.value)
      types.push_back(out.value.getType());
  auto branch = scf::IfOp::create(rewriter, tile.loc, types, condition, /*withElseRegion=*/true);
  for (auto [region, build] :
       {std::pair(&branch.getThenRegion(), ifTrue), std::pair(&branch.getElseRegion(), ifFalse)}) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(&region->front());
    SmallVector<Value> yielded = build();
    llvm::erase(yielded, Value());
    scf::YieldOp::create(rewriter, tile.loc, yielded);
  }
  SmallVector<Value> results;
  unsigned next = 0;
  for (const TileOperand &out : outs)
    results.push_back(out.value ? branch.getResult(next++) : Value());
  return results;
}

/// All of a row tile: one result for each of the op's, null where there is no slot.
static SmallVector<Value> tileRows(RowTile &tile, ArrayRef<TileOperand> outs) {
  if (!tile.numSplits) {
    KeyLoops keyLoops(tile);
    SmallVector<Value> accAndState = keyLoops.accumulate();
    return finishRows(tile, &keyLoops, accAndState, outs);
  }
  SmallVector<Value> partials = accumulateSplits(tile);
  // The two are finished apart: a choice between their states would make one buffer of both.
  Value isSplit = arith::CmpIOp::create(tile.rewriter, tile.loc, arith::CmpIPredicate::sgt, tile.numSplits,
                                        tile.index(tile.rewriter.getIndexAttr(1)));
  return chooseRows(
      tile, isSplit, outs, [&] { return finishRows(tile, nullptr, mergeSplits(tile, partials), outs); },
      [&] { return finishRows(tile, nullptr, getOnlySplit(tile, partials), outs); });
}

/// A row tile with scratch of `shortRows` rows where that many do, else of all. With 64 rows a tile, the last one of
/// N = 65 would else take as long as the first.
static SmallVector<Value> tileByLength(RowTile &tile, int64_t shortRows, ArrayRef<TileOperand> outs) {
  Value isShort = arith::CmpIOp::create(tile.rewriter, tile.loc, arith::CmpIPredicate::sle, tile.index(tile.numRows),
                                        tile.index(tile.rewriter.getIndexAttr(shortRows)));
  RowTile shortTile = tile.makeShort(shortRows);
  return chooseRows(
      tile, isShort, outs, [&] { return tileRows(shortTile, outs); }, [&] { return tileRows(tile, outs); });
}

FailureOr<scf::ForallOp> attn::tileAttention(RewriterBase &rewriter, GenericOp op) {
  LoopInfo loops = getLoopInfo(op);
  SmallVector<int64_t> staticSizes = getStaticLoopSizes(op);
  FailureOr<PlanAttr> plan = checkTileable(op, loops, staticSizes);
  if (failed(plan))
    return failure();
  Location loc = op.getLoc();
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  SmallVector<OpFoldResult> sizes;
  for (const LoopSource &source : getLoopSources(op))
    sizes.push_back(tensor::getMixedSize(rewriter, loc, source.tensor, source.dim));

  // One iteration for each batch, each row of the loops that are not tiled, and each row tile, which varies fastest.
  unsigned rowLoop = getTiledRowLoop(loops, staticSizes);
  SmallVector<unsigned> fixedLoops(loops.batch);
  llvm::copy_if(loops.row, std::back_inserter(fixedLoops), [&](unsigned loop) { return loop != rowLoop; });
  SmallVector<OpFoldResult> counts = llvm::map_to_vector(fixedLoops, [&](unsigned loop) { return sizes[loop]; });
  AffineExpr tiles = rewriter.getAffineSymbolExpr(0).ceilDiv(plan->getRows());
  counts.push_back(affine::makeComposedFoldedAffineApply(rewriter, loc, tiles, {sizes[rowLoop]}));
  Value numSplits;
  if (plan->getSplitKeys()) {
    AffineExpr parts = rewriter.getAffineSymbolExpr(0).floorDiv(plan->getSplitKeys());
    OpFoldResult limit = affine::makeComposedFoldedAffineApply(rewriter, loc, parts, {sizes[loops.key]});
    if (getConstantIntValue(limit).value_or(2) > 1)
      numSplits = NumSplitsOp::create(rewriter, loc, getValueOrCreateConstantIndexOp(rewriter, loc, limit));
  }
  auto forall = scf::ForallOp::create(rewriter, loc, counts, op.getInits(), /*mapping=*/std::nullopt);
  forall->setAttr(kPlanName, *plan);
  if (llvm::any_of(counts, [](OpFoldResult count) { return getConstantIntValue(count) == 0; })) {
    rewriter.replaceOp(op, forall.getResults());
    return forall;
  }

  rewriter.setInsertionPointToStart(forall.getBody());
  DenseMap<unsigned, Value> fixed;
  SmallVector<Value> ivs = forall.getInductionVars();
  for (auto [loop, iv] : llvm::zip(fixedLoops, ivs))
    fixed[loop] = iv;
  RowTile tile(rewriter, op, rowLoop, *plan, sizes, fixed, ivs.back());
  tile.numSplits = numSplits;
  KeyTile allKeys{rewriter.getIndexAttr(0), sizes[loops.key]};
  unsigned firstOut = op.getIndexingMaps().size() - op.getInits().size();
  SmallVector<AffineMap> outMaps;
  SmallVector<TileOperand> outs;
  for (auto [number, out] : llvm::enumerate(forall.getRegionIterArgs())) {
    outMaps.push_back(tile.getOpMap(firstOut + number));
    // Weights over no keys (M = 0): nothing to write, and no slice of such a dimension is valid.
    auto type = cast<RankedTensorType>(out.getType());
    if (llvm::is_contained(type.getShape(), 0))
      outs.push_back({});
    else
      outs.push_back(tile.slice(out, outMaps.back(), &allKeys));
  }
  SmallVector<Value> results =
      plan->getShortRows() ? tileByLength(tile, plan->getShortRows(), outs) : tileRows(tile, outs);

  SmallVector<SmallVector<OpFoldResult>> offsets(outs.size()), extents(outs.size()), strides(outs.size());
  for (size_t number = 0; number < outs.size(); ++number)
    if (outs[number].value)
      tile.getSlice(op.getInits()[number], outMaps[number], &allKeys, offsets[number], extents[number],
                    strides[number]);
  rewriter.setInsertionPointToStart(forall.getTerminator().getBody());
  for (auto [number, out] : llvm::enumerate(forall.getRegionIterArgs()))
    if (results[number])
      tensor::ParallelInsertSliceOp::create(rewriter, loc, results[number], out, offsets[number], extents[number],
                                            strides[number]);
  SmallVector<Value> operands(op->getOperands());
  rewriter.replaceOp(op, forall.getResults());
  eraseProducers(rewriter, operands);
  return forall;
}

namespace {
struct TileAndFuse : attn::impl::AttnTileAndFusePassBase<TileAndFuse> {
  void runOnOperation() override {
    SmallVector<GenericOp> ops;
    getOperation()->walk([&](GenericOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (GenericOp op : ops)
      if (failed(tileAttention(rewriter, op)))
        return signalPassFailure();
  }
};
} // namespace
