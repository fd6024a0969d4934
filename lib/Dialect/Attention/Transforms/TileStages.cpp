// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-tile-stages: each stage that attn-plan-stages chose becomes an scf.forall over tiles of its last op's result.
// The other ops are made in scratch, each for just the part that its readers need. By hand and not by upstream's
// tiling: scratch has to be of static size also where a tile is a tail, and a contraction packs its right operand on
// the way.
#include "Stages.h"
#include "StorageOps.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace attn {
#define GEN_PASS_DEF_ATTNTILESTAGESPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// The part of one loop that a tile is about.
struct LoopTile {
  OpFoldResult offset, size;
  /// Largest size, that of scratch.
  int64_t most = ShapedType::kDynamic;
  /// One position: the dimension is dropped from slices.
  bool isFixed = false;
};

class StageTiler {
public:
  StageTiler(RewriterBase &rewriter, Stage stage)
      : b(rewriter), stage(std::move(stage)), root(this->stage.root), loc(root.getLoc()),
        plan(root->getAttrOfType<PlanAttr>(kPlanName)) {}

  LogicalResult run();

private:
  LogicalResult cutLoops(SmallVectorImpl<OpFoldResult> &counts, SmallVectorImpl<unsigned> &loops,
                         SmallVectorImpl<int64_t> &steps);
  /// The loops of `op` in the current tile. Fails where one that is whole has no static size.
  FailureOr<SmallVector<LoopTile>> getTiles(linalg::GenericOp op, ArrayRef<int> places);
  OpFoldResult getExtent(linalg::GenericOp op, unsigned loop);

  /// `map` over the loops that are not fixed, which are renumbered.
  AffineMap dropFixed(AffineMap map, ArrayRef<LoopTile> tiles);
  Value slice(Value tensor, AffineMap map, ArrayRef<LoopTile> tiles);
  /// Scratch for the dimensions of `map`.
  Value scratch(AffineMap map, ArrayRef<LoopTile> tiles, Type element);
  Value fill(Value scalar, Value destination);
  /// `destination` with what `op` starts from, if it looks at that.
  Value initialize(linalg::GenericOp op, ArrayRef<LoopTile> tiles, Value destination);

  /// What `op` makes of its part of the tile, in `destination` or, if that is null, in scratch.
  FailureOr<Value> make(linalg::GenericOp op, Value destination);
  FailureOr<Value> getInput(linalg::GenericOp op, OpOperand *input, ArrayRef<LoopTile> tiles);
  /// `op` on these parts of its operands.
  Value clone(linalg::GenericOp op, ArrayRef<LoopTile> tiles, ValueRange inputs, Value destination, StringRef role);
  Value multiply(linalg::GenericOp op, Contraction contraction, SmallVector<LoopTile> tiles, Value destination);
  Value multiplyBlock(linalg::GenericOp op, Contraction contraction, ArrayRef<LoopTile> tiles, Value accumulator,
                      bool inPairs);
  /// The part of an operand in scratch, its dimensions in the order of `loops`, widened to `element`.
  Value pack(linalg::GenericOp op, OpOperand *operand, ArrayRef<unsigned> loops, ArrayRef<LoopTile> tiles,
             Type element);
  /// The parts of the loops that results go to: those of the tile, or where they are in the cache that `append` grows.
  FailureOr<SmallVector<LoopTile>> getTarget(AppendKvOp append);
  void setRole(Operation *op, StringRef role) { op->setAttr(kRoleName, b.getStringAttr(role)); }
  AffineMap outMap(linalg::GenericOp op) { return op.getMatchingIndexingMap(op.getDpsInitOperand(0)); }
  AffineMap makeMap(unsigned numLoops, ArrayRef<unsigned> loops) {
    SmallVector<AffineExpr> exprs = llvm::map_to_vector(loops, [&](unsigned loop) { return b.getAffineDimExpr(loop); });
    return AffineMap::get(numLoops, 0, exprs, b.getContext());
  }
  Value widen(OpBuilder &nested, Value value, Type element) {
    return value.getType() == element ? value : arith::ExtFOp::create(nested, loc, element, value).getResult();
  }
  Value index(OpFoldResult value) { return getValueOrCreateConstantIndexOp(b, loc, value); }

  RewriterBase &b;
  Stage stage;
  linalg::GenericOp root;
  Location loc;
  PlanAttr plan;
  SmallVector<LoopTile> rootTiles;
  DenseMap<Operation *, Value> made;
};

} // namespace

OpFoldResult StageTiler::getExtent(linalg::GenericOp op, unsigned loop) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    for (auto [dim, expr] : llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (cast<AffineDimExpr>(expr).getPosition() == loop)
        return tensor::getMixedSize(b, loc, operand.get(), dim);
  }
  llvm_unreachable("every loop of a linalg op is a dimension of an operand");
}

AffineMap StageTiler::dropFixed(AffineMap map, ArrayRef<LoopTile> tiles) {
  SmallVector<unsigned> number(tiles.size());
  unsigned count = 0;
  for (auto [loop, tile] : llvm::enumerate(tiles))
    number[loop] = tile.isFixed ? 0 : count++;
  SmallVector<AffineExpr> results;
  for (unsigned loop : getLoops(map))
    if (!tiles[loop].isFixed)
      results.push_back(b.getAffineDimExpr(number[loop]));
  return AffineMap::get(count, 0, results, map.getContext());
}

Value StageTiler::slice(Value tensor, AffineMap map, ArrayRef<LoopTile> tiles) {
  SmallVector<OpFoldResult> offsets, sizes, ones;
  SmallVector<int64_t> shape;
  for (unsigned loop : getLoops(map)) {
    offsets.push_back(tiles[loop].offset);
    sizes.push_back(tiles[loop].size);
    ones.push_back(b.getIndexAttr(1));
    if (!tiles[loop].isFixed)
      shape.push_back(getConstantIntValue(tiles[loop].size).value_or(ShapedType::kDynamic));
  }
  auto type = RankedTensorType::get(shape, getElementTypeOrSelf(tensor.getType()));
  return tensor::ExtractSliceOp::create(b, loc, type, tensor, offsets, sizes, ones);
}

Value StageTiler::scratch(AffineMap map, ArrayRef<LoopTile> tiles, Type element) {
  SmallVector<int64_t> shape;
  SmallVector<OpFoldResult> zeros, used, ones;
  bool isWhole = true;
  for (unsigned loop : getLoops(map)) {
    if (tiles[loop].isFixed)
      continue;
    shape.push_back(tiles[loop].most);
    used.push_back(tiles[loop].size);
    zeros.push_back(b.getIndexAttr(0));
    ones.push_back(b.getIndexAttr(1));
    isWhole &= getConstantIntValue(tiles[loop].size) == tiles[loop].most;
  }
  Value all = tensor::EmptyOp::create(b, loc, shape, element);
  return isWhole ? all : tensor::ExtractSliceOp::create(b, loc, all, zeros, used, ones).getResult();
}

Value StageTiler::fill(Value scalar, Value destination) {
  auto fill = linalg::FillOp::create(b, loc, scalar, destination);
  setRole(fill, "stage");
  return fill.getResult(0);
}

FailureOr<SmallVector<LoopTile>> StageTiler::getTiles(linalg::GenericOp op, ArrayRef<int> places) {
  SmallVector<LoopTile> tiles;
  for (auto [loop, place] : llvm::enumerate(places)) {
    if (place >= 0) {
      tiles.push_back(rootTiles[place]);
      continue;
    }
    LoopTile tile{b.getIndexAttr(0), getExtent(op, loop)};
    if (auto size = getConstantIntValue(tile.size))
      tile.most = *size;
    else if (!getContraction(op))
      return op.emitError("cannot tile a reduction over a dimension of unknown size: give it a static one");
    tiles.push_back(tile);
  }
  return tiles;
}

FailureOr<Value> StageTiler::getInput(linalg::GenericOp op, OpOperand *input, ArrayRef<LoopTile> tiles) {
  if (!isa<RankedTensorType>(input->get().getType()))
    return input->get();
  if (linalg::GenericOp producer = getGenericProducer(input->get()); producer && stage.find(producer))
    return make(producer, Value());
  return slice(input->get(), op.getMatchingIndexingMap(input), tiles);
}

Value StageTiler::initialize(linalg::GenericOp op, ArrayRef<LoopTile> tiles, Value destination) {
  OpOperand *init = op.getDpsInitOperand(0);
  if (!op.payloadUsesValueFromOperand(init))
    return destination;
  if (auto fillOp = init->get().getDefiningOp<linalg::FillOp>())
    return fill(fillOp.getInputs()[0], destination);
  AffineMap map = outMap(op);
  Value start = slice(init->get(), map, tiles);
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(cast<RankedTensorType>(start.getType()).getRank()));
  SmallVector<utils::IteratorType> loops(maps[0].getNumDims(), utils::IteratorType::parallel);
  auto copy = linalg::GenericOp::create(
      b, loc, destination.getType(), start, destination, maps, loops,
      [&](OpBuilder &nested, Location, ValueRange args) { linalg::YieldOp::create(nested, loc, args[0]); });
  setRole(copy, "stage");
  return copy.getResult(0);
}

Value StageTiler::clone(linalg::GenericOp op, ArrayRef<LoopTile> tiles, ValueRange inputs, Value destination,
                        StringRef role) {
  SmallVector<AffineMap> maps;
  for (auto [number, map] : llvm::enumerate(op.getIndexingMapsArray()))
    maps.push_back(map.getNumResults() == 0 && number < inputs.size() &&
                           !isa<RankedTensorType>(inputs[number].getType())
                       ? AffineMap::get(dropFixed(outMap(op), tiles).getNumDims(), 0, op.getContext())
                       : dropFixed(map, tiles));
  SmallVector<utils::IteratorType> iterators;
  SmallVector<unsigned> number(tiles.size());
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray())) {
    number[loop] = iterators.size();
    if (!tiles[loop].isFixed)
      iterators.push_back(kind);
  }
  auto body = [&](OpBuilder &nested, Location, ValueRange args) {
    IRMapping mapping;
    mapping.map(op.getBody()->getArguments(), args);
    for (Operation &inner : op.getBody()->without_terminator()) {
      auto position = dyn_cast<linalg::IndexOp>(inner);
      if (!position) {
        nested.clone(inner, mapping);
        continue;
      }
      const LoopTile &tile = tiles[position.getDim()];
      Value offset = getValueOrCreateConstantIndexOp(nested, loc, tile.offset);
      Value at = offset;
      if (!tile.isFixed) {
        at = linalg::IndexOp::create(nested, loc, number[position.getDim()]);
        if (getConstantIntValue(tile.offset) != 0)
          at = arith::AddIOp::create(nested, loc, at, offset);
      }
      mapping.map(position.getResult(), at);
    }
    Value result = mapping.lookupOrDefault(op.getBody()->getTerminator()->getOperand(0));
    linalg::YieldOp::create(nested, loc, result);
  };
  auto part = linalg::GenericOp::create(b, loc, destination.getType(), inputs, destination, maps, iterators, body);
  setRole(part, role);
  return part.getResult(0);
}

Value StageTiler::pack(linalg::GenericOp op, OpOperand *operand, ArrayRef<unsigned> loops, ArrayRef<LoopTile> tiles,
                       Type element) {
  AffineMap map = op.getMatchingIndexingMap(operand), packed = makeMap(tiles.size(), loops);
  Value source = slice(operand->get(), map, tiles), destination = scratch(packed, tiles, element);
  // Loops of the copy are the dimensions of what is packed.
  SmallVector<unsigned> order = getLoops(dropFixed(packed, tiles));
  SmallVector<unsigned> from = llvm::map_to_vector(getLoops(dropFixed(map, tiles)), [&](unsigned loop) {
    return unsigned(llvm::find(order, loop) - order.begin());
  });
  SmallVector<AffineMap> maps{makeMap(order.size(), from), b.getMultiDimIdentityMap(order.size())};
  SmallVector<utils::IteratorType> iterators(order.size(), utils::IteratorType::parallel);
  auto copy = linalg::GenericOp::create(b, loc, destination.getType(), source, destination, maps, iterators,
                                        [&](OpBuilder &nested, Location, ValueRange args) {
                                          linalg::YieldOp::create(nested, loc, widen(nested, args[0], element));
                                        });
  setRole(copy, "pack");
  return copy.getResult(0);
}

Value StageTiler::multiplyBlock(linalg::GenericOp op, Contraction contraction, ArrayRef<LoopTile> tiles,
                                Value accumulator, bool inPairs) {
  AffineMap leftMap = op.getMatchingIndexingMap(contraction.left);
  SmallVector<unsigned> rightLoops;
  for (unsigned loop : getLoops(op.getMatchingIndexingMap(contraction.right)))
    if (loop != contraction.columns && loop != contraction.reduction)
      rightLoops.push_back(loop);
  rightLoops.append({contraction.reduction, contraction.columns});
  Type element = getElementTypeOrSelf(op.getResult(0).getType());
  auto getType = [](OpOperand *operand) { return getElementTypeOrSelf(operand->get().getType()); };
  // The right operand in rows of columns, one after the other: lines that follow each other, and pages that stay few.
  Value right = pack(op, contraction.right, rightLoops, tiles, inPairs ? getType(contraction.right) : element);
  // The left one is read element by element, each once for a register tile: it is widened once for all of them.
  Value left = inPairs || getType(contraction.left) == element
                   ? slice(contraction.left->get(), leftMap, tiles)
                   : pack(op, contraction.left, getLoops(leftMap), tiles, element);
  SmallVector<utils::IteratorType> kinds;
  for (auto [loop, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (!tiles[loop].isFixed)
      kinds.push_back(kind);
  SmallVector<AffineMap> maps{dropFixed(leftMap, tiles), dropFixed(makeMap(tiles.size(), rightLoops), tiles),
                              dropFixed(outMap(op), tiles)};
  auto product = linalg::GenericOp::create(b, loc, accumulator.getType(), ValueRange{left, right}, accumulator, maps,
                                           kinds, [&](OpBuilder &nested, Location, ValueRange args) {
                                             auto flags = arith::FastMathFlags::contract;
                                             Value term =
                                                 arith::MulFOp::create(nested, loc, widen(nested, args[0], element),
                                                                       widen(nested, args[1], element), flags);
                                             Value sum = arith::AddFOp::create(nested, loc, args[2], term, flags);
                                             linalg::YieldOp::create(nested, loc, sum);
                                           });
  setRole(product, "product");
  return product.getResult(0);
}

Value StageTiler::multiply(linalg::GenericOp op, Contraction contraction, SmallVector<LoopTile> tiles,
                           Value destination) {
  LoopTile &depth = tiles[contraction.reduction];
  OpFoldResult all = depth.size;
  int64_t step = plan.getKeys();
  bool hasPairs = plan.getPrecision() == Precision::BF16 && step % 2 == 0 && canMultiplyPairs(op, contraction);
  std::optional<int64_t> size = getConstantIntValue(all);
  OpBuilder::InsertionGuard guard(b);
  auto emit = [&](OpFoldResult offset, OpFoldResult count, int64_t most, Value accumulator, bool inPairs) {
    depth.offset = offset;
    depth.size = count;
    depth.most = most;
    return multiplyBlock(op, contraction, tiles, accumulator, inPairs);
  };
  AffineExpr d0 = b.getAffineDimExpr(0), s0 = b.getAffineSymbolExpr(0);
  // Whole blocks, then what is left of a known size in one of its own; of an unknown one each block asks how much is,
  // unless it has to be known whether elements have partners.
  OpFoldResult whole = size ? OpFoldResult(b.getIndexAttr(*size / step * step)) : all;
  if (!size && hasPairs)
    whole = affine::makeComposedFoldedAffineApply(b, loc, s0.floorDiv(step) * step, {all});
  if (getConstantIntValue(whole) != 0) {
    Value end = index(whole);
    auto loop = scf::ForOp::create(b, loc, index(b.getIndexAttr(0)), end, index(b.getIndexAttr(step)), destination);
    OpBuilder::InsertionGuard inside(b);
    b.setInsertionPointToStart(loop.getBody());
    OpFoldResult count = b.getIndexAttr(step);
    if (!size && !hasPairs) {
      auto map = AffineMap::get(1, 1, {s0 - d0, b.getAffineConstantExpr(step)}, b.getContext());
      count = affine::makeComposedFoldedAffineMin(b, loc, map, {loop.getInductionVar(), all});
    }
    Value sum = emit(loop.getInductionVar(), count, step, loop.getRegionIterArgs()[0], hasPairs);
    scf::YieldOp::create(b, loc, sum);
    destination = loop.getResult(0);
  }
  if (!size && hasPairs) {
    OpFoldResult left = affine::makeComposedFoldedAffineApply(b, loc, s0 % step, {all});
    return emit(whole, left, step, destination, /*inPairs=*/false);
  }
  if (!size)
    return destination;
  int64_t begin = *size / step * step, left = *size - begin;
  // The last of an odd number has no partner.
  int64_t paired = hasPairs ? left / 2 * 2 : left;
  if (paired > 0)
    destination = emit(b.getIndexAttr(begin), b.getIndexAttr(paired), paired, destination, hasPairs);
  if (paired < left)
    destination = emit(b.getIndexAttr(begin + paired), b.getIndexAttr(1), 1, destination, /*inPairs=*/false);
  return destination;
}

FailureOr<Value> StageTiler::make(linalg::GenericOp op, Value destination) {
  if (Value known = made.lookup(op))
    return known;
  FailureOr<SmallVector<LoopTile>> tiles = getTiles(op, *stage.find(op));
  if (failed(tiles))
    return failure();
  std::optional<Contraction> contraction =
      plan.getAlgorithm() == Algorithm::Product ? getContraction(op) : std::nullopt;
  SmallVector<Value> inputs;
  if (!contraction)
    for (OpOperand *input : op.getDpsInputOperands()) {
      FailureOr<Value> part = getInput(op, input, *tiles);
      if (failed(part))
        return failure();
      inputs.push_back(*part);
    }
  AffineMap out = outMap(op);
  if (!destination)
    destination = scratch(out, *tiles, getElementTypeOrSelf(op.getResult(0).getType()));
  destination = initialize(op, *tiles, destination);
  Value result =
      contraction ? multiply(op, *contraction, *tiles, destination) : clone(op, *tiles, inputs, destination, "stage");
  made[op] = result;
  return result;
}

/// The loops of the scf.forall: how many tiles of which of the root's loops, each of how many positions. Tiles of rows
/// come last: tasks that follow each other then share their part of the right operand.
LogicalResult StageTiler::cutLoops(SmallVectorImpl<OpFoldResult> &counts, SmallVectorImpl<unsigned> &loops,
                                   SmallVectorImpl<int64_t> &steps) {
  SmallVector<unsigned> out = getLoops(outMap(root));
  bool isProduct = plan.getAlgorithm() == Algorithm::Product;
  int64_t columns = plan.getLanes() * plan.getRegisterTile()[1];
  std::optional<unsigned> rows;
  for (auto [position, loop] : llvm::enumerate(out)) {
    if (!stage.tiled.test(loop))
      continue;
    // Rows are the innermost loop that is cut, but for the columns of a product.
    if (!isProduct || position + 1 < out.size() || out.size() == 1)
      rows = loop;
  }
  auto add = [&](unsigned loop, int64_t step) {
    OpFoldResult extent = getExtent(root, loop);
    counts.push_back(affine::makeComposedFoldedAffineApply(b, loc, b.getAffineSymbolExpr(0).ceilDiv(step), {extent}));
    loops.push_back(loop);
    steps.push_back(step);
  };
  for (unsigned loop : out)
    if (stage.tiled.test(loop) && loop != rows)
      add(loop, isProduct && loop == out.back() ? columns : 1);
  if (rows)
    add(*rows, plan.getRows());
  for (auto [loop, count] : llvm::zip_equal(loops, counts))
    if (getConstantIntValue(count) == 0)
      return root.emitError("cannot tile a result without elements: loop ")
             << loop << " has the static size 0; kernels take 0 for sizes that are unknown";
  return success();
}

FailureOr<SmallVector<LoopTile>> StageTiler::getTarget(AppendKvOp append) {
  SmallVector<LoopTile> target = rootTiles;
  if (!append)
    return target;
  SmallVector<unsigned> out = getLoops(outMap(root));
  if (!rootTiles[out[0]].isFixed)
    return append.emitError(
        "cannot append rows that are not made sequence by sequence: expects each op that makes them to "
        "use the loop over B");
  OpFoldResult &offset = target[out[append.getRowDim()]].offset;
  Value position = getPosition(b, append, index(rootTiles[out[0]].offset));
  offset =
      getConstantIntValue(offset) == 0 ? position : arith::AddIOp::create(b, loc, index(offset), position).getResult();
  return target;
}

/// Erases `op`, unless somebody still reads its result; who asks for its sizes asks its destination.
static void eraseUnread(RewriterBase &rewriter, linalg::LinalgOp op) {
  Value init = op.getDpsInits()[0];
  for (Operation *user : llvm::make_early_inc_range(op->getUsers()))
    if (auto dim = dyn_cast<tensor::DimOp>(user))
      rewriter.modifyOpInPlace(dim, [&] { dim.getSourceMutable().assign(init); });
  if (op->use_empty())
    rewriter.eraseOp(op);
}

/// The append that nobody but takes the result of `op`, or null.
static AppendKvOp getAppend(linalg::GenericOp op) {
  SmallVector<OpOperand *> readers = getReaders(op);
  return readers.size() == 1 ? dyn_cast<AppendKvOp>(readers[0]->getOwner()) : AppendKvOp();
}

LogicalResult StageTiler::run() {
  AppendKvOp append = getAppend(root);
  // The cache and its positions are there behind the rows.
  b.setInsertionPoint(append ? append.getOperation() : root.getOperation());
  SmallVector<OpFoldResult> counts;
  SmallVector<unsigned> loops;
  SmallVector<int64_t> steps;
  if (failed(cutLoops(counts, loops, steps)))
    return failure();
  // Before the loop: sizes are scalar code that every task repeats.
  SmallVector<OpFoldResult> extents;
  for (unsigned loop = 0; loop < root.getNumLoops(); ++loop)
    extents.push_back(getExtent(root, loop));
  Value init = root.getDpsInits()[0];
  if (auto fillOp = init.getDefiningOp<linalg::FillOp>())
    init = fillOp.getDpsInits()[0];
  if (root.payloadUsesValueFromOperand(root.getDpsInitOperand(0)) || !init.getDefiningOp<tensor::EmptyOp>()) {
    auto type = cast<RankedTensorType>(init.getType());
    SmallVector<OpFoldResult> sizes =
        llvm::map_to_vector(getLoops(outMap(root)), [&](unsigned loop) { return extents[loop]; });
    init = tensor::EmptyOp::create(b, loc, sizes, type.getElementType());
  }
  if (append) {
    assertPositionsFit(b, append);
    init = append.getCache();
  }
  auto forall = scf::ForallOp::create(b, loc, counts, ValueRange{init}, /*mapping=*/std::nullopt);
  forall->setAttr(kPlanName, plan);
  if (append)
    forall->setAttr(kInPlaceName, b.getUnitAttr());
  b.setInsertionPointToStart(forall.getBody());
  for (unsigned loop = 0; loop < root.getNumLoops(); ++loop) {
    LoopTile tile{b.getIndexAttr(0), extents[loop]};
    if (auto size = getConstantIntValue(extents[loop]))
      tile.most = *size;
    const auto *cut = llvm::find(loops, loop);
    if (cut != loops.end()) {
      int64_t step = steps[cut - loops.begin()];
      Value number = forall.getInductionVars()[cut - loops.begin()];
      AffineExpr d0 = b.getAffineDimExpr(0), s0 = b.getAffineSymbolExpr(0);
      tile.isFixed = step == 1;
      std::optional<int64_t> size = getConstantIntValue(extents[loop]);
      if (size && *size <= step && !tile.isFixed) {
        tile.most = *size;
      } else {
        tile.offset = affine::makeComposedFoldedAffineApply(b, loc, d0 * step, {number});
        tile.most = step;
        if (size && *size % step == 0) {
          tile.size = b.getIndexAttr(step);
        } else {
          auto map = AffineMap::get(1, 1, {b.getAffineConstantExpr(step), s0 - d0 * step}, b.getContext());
          tile.size = step == 1 ? OpFoldResult(b.getIndexAttr(1))
                                : affine::makeComposedFoldedAffineMin(b, loc, map, {number, extents[loop]});
        }
      }
    } else if (ShapedType::isDynamic(tile.most) &&
               root.getIteratorTypesArray()[loop] == utils::IteratorType::parallel) {
      return root.emitError("cannot tile a stage whose rows have an unknown size: give dimension ")
             << llvm::find(getLoops(outMap(root)), loop) - getLoops(outMap(root)).begin()
             << " of its result a static one";
    }
    rootTiles.push_back(tile);
  }
  AffineMap out = outMap(root);
  FailureOr<SmallVector<LoopTile>> target = getTarget(append);
  if (failed(target))
    return failure();
  FailureOr<Value> result = make(root, slice(forall.getRegionIterArgs()[0], out, *target));
  if (failed(result))
    return failure();
  SmallVector<OpFoldResult> offsets, sizes, ones;
  for (unsigned loop : getLoops(out)) {
    offsets.push_back((*target)[loop].offset);
    sizes.push_back((*target)[loop].size);
    ones.push_back(b.getIndexAttr(1));
  }
  b.setInsertionPointToStart(forall.getTerminator().getBody());
  tensor::ParallelInsertSliceOp::create(b, loc, *result, forall.getRegionIterArgs()[0], offsets, sizes, ones);
  if (!append) {
    b.replaceOp(root, forall.getResults());
    return success();
  }
  b.replaceOp(append, forall.getResults());
  eraseUnread(b, root);
  return success();
}

namespace {
struct TileStages : attn::impl::AttnTileStagesPassBase<TileStages> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> roots;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (op->hasAttr(kPlanName))
        roots.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    // All at once: tiling changes who reads what.
    SmallVector<Stage> stages = llvm::map_to_vector(roots, findStage);
    for (Stage &stage : stages) {
      SmallVector<linalg::GenericOp> others;
      for (const auto &[op, places] : ArrayRef(stage.ops).drop_front())
        others.push_back(op);
      if (failed(StageTiler(rewriter, stage).run()))
        return signalPassFailure();
      // Users come before producers.
      for (linalg::GenericOp op : others) {
        SmallVector<Operation *> starts;
        for (Value init : op.getDpsInits())
          if (init.getDefiningOp<linalg::FillOp>())
            starts.push_back(init.getDefiningOp());
        eraseUnread(rewriter, op);
        for (Operation *start : starts)
          eraseUnread(rewriter, cast<linalg::LinalgOp>(start));
      }
    }
    // What roots started from.
    SmallVector<linalg::FillOp> fills;
    getOperation()->walk([&](linalg::FillOp fill) { fills.push_back(fill); });
    for (linalg::FillOp fill : fills)
      if (fill.hasPureTensorSemantics())
        eraseUnread(rewriter, cast<linalg::LinalgOp>(fill.getOperation()));
  }
};
} // namespace
