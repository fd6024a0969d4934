// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Few row tiles keep few threads busy. Then the keys of a row tile are divided: each part has a state of its own, a
// slice of tensors over all parts, and the states are merged in the order of the keys, whoever was done first.
#include "SplitKeys.h"

#include "KeyLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attn {

/// Bytes of a cache line, on all machines that matter here.
static constexpr int64_t kLineBytes = 64;

namespace {
class SplitKeys {
public:
  explicit SplitKeys(RowTile &tile)
      : tile(tile), rewriter(tile.rewriter), loc(tile.loc), types(KeyLoops::getStateTypes(tile)) {}

  SmallVector<Value> getSlots(ValueRange partials, OpFoldResult part) {
    SmallVector<Value> slots;
    for (auto [partial, type] : llvm::zip_equal(partials, types)) {
      SmallVector<OpFoldResult> offsets, sizes, strides;
      getSlice(type.getShape(), part, offsets, sizes, strides);
      slots.push_back(tensor::ExtractSliceOp::create(rewriter, loc, type, partial, offsets, sizes, strides));
    }
    return slots;
  }

  SmallVector<Value> accumulateEach() {
    SmallVector<Value> partials;
    for (RankedTensorType type : types) {
      SmallVector<OpFoldResult> sizes{tile.numSplits};
      for (int64_t size : type.getShape())
        sizes.push_back(rewriter.getIndexAttr(size));
      // Threads that wrote to one cache line would wait for each other with every key tile.
      int64_t line = kLineBytes * 8 / tile.accumulator.getWidth();
      sizes.back() = rewriter.getIndexAttr(llvm::alignTo(type.getShape().back(), line));
      partials.push_back(tensor::EmptyOp::create(rewriter, loc, sizes, tile.accumulator));
    }
    auto parts = scf::ForallOp::create(rewriter, loc, ArrayRef<OpFoldResult>{tile.numSplits}, partials,
                                       /*mapping=*/std::nullopt);
    parts->setAttr(kSplitName, rewriter.getUnitAttr());
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(parts.getBody());
    RowTile part(tile);
    part.split = parts.getInductionVar(0);
    SmallVector<Value> slots = getSlots(parts.getRegionIterArgs(), part.split);
    KeyLoops keyLoops(part);
    SmallVector<Value> states = keyLoops.accumulate(slots);
    rewriter.setInsertionPointToStart(parts.getTerminator().getBody());
    for (auto [state, partial, type] : llvm::zip_equal(states, parts.getRegionIterArgs(), types)) {
      SmallVector<OpFoldResult> offsets, sizes, strides;
      getSlice(type.getShape(), part.split, offsets, sizes, strides);
      tensor::ParallelInsertSliceOp::create(rewriter, loc, state, partial, offsets, sizes, strides);
    }
    return parts.getResults();
  }

  SmallVector<Value> merge(ValueRange partials) {
    SmallVector<Value> init;
    for (auto [type, start] : llvm::zip_equal(types, KeyLoops::getStartValues(tile)))
      init.push_back(tile.filled(type.getShape(), start, "merge"));
    // Over two loops: rows and e.
    AffineExpr row = rewriter.getAffineDimExpr(0), e = rewriter.getAffineDimExpr(1);
    MLIRContext *context = rewriter.getContext();
    AffineMap accMap =
        tile.hasRowsLast() ? AffineMap::get(2, 0, {e, row}, context) : AffineMap::get(2, 0, {row, e}, context);
    ArrayAttr maps = rewriter.getAffineMapArrayAttr({accMap, AffineMap::get(2, 0, row)});
    Value zero = tile.index(rewriter.getIndexAttr(0)), one = tile.index(rewriter.getIndexAttr(1));
    auto loop = scf::ForOp::create(rewriter, loc, zero, tile.numSplits, one, init);
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointToStart(loop.getBody());
    auto merged =
        MergeOp::create(rewriter, loc, TypeRange(ValueRange(init)), getSlots(partials, loop.getInductionVar()),
                        loop.getRegionIterArgs(), maps, KeyLoops::getNormalizer(tile.op));
    scf::YieldOp::create(rewriter, loc, merged.getResults());
    return loop.getResults();
  }

private:
  /// Where the state of one part lies in the tensor over all parts.
  void getSlice(ArrayRef<int64_t> shape, OpFoldResult part, SmallVectorImpl<OpFoldResult> &offsets,
                SmallVectorImpl<OpFoldResult> &sizes, SmallVectorImpl<OpFoldResult> &strides) {
    offsets.assign({part});
    sizes.assign({rewriter.getIndexAttr(1)});
    for (int64_t size : shape) {
      offsets.push_back(rewriter.getIndexAttr(0));
      sizes.push_back(rewriter.getIndexAttr(size));
    }
    strides.assign(sizes.size(), rewriter.getIndexAttr(1));
  }

  RowTile &tile;
  RewriterBase &rewriter;
  Location loc;
  SmallVector<RankedTensorType> types;
};
} // namespace

SmallVector<Value> accumulateSplits(RowTile &tile) { return SplitKeys(tile).accumulateEach(); }

SmallVector<Value> mergeSplits(RowTile &tile, ValueRange partials) { return SplitKeys(tile).merge(partials); }

SmallVector<Value> getOnlySplit(RowTile &tile, ValueRange partials) {
  return SplitKeys(tile).getSlots(partials, tile.rewriter.getIndexAttr(0));
}

} // namespace attn
