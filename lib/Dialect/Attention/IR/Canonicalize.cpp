// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Canonical forms: nothing that says the default, no operand that nobody reads, no cast that hides static sizes.
#include "attn/Dialect/Attention/IR/Attention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace attn;

namespace {

struct DropZeroOffsets : OpRewritePattern<GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GenericOp op, PatternRewriter &rewriter) const override {
    if (op.getOffsets().empty() ||
        !llvm::all_of(op.getOffsets(), [](Value offset) { return matchPattern(offset, m_Zero()); }))
      return rewriter.notifyMatchFailure(op, "offsets are not zero");
    rewriter.modifyOpInPlace(op, [&] { op.getOffsetsMutable().clear(); });
    return success();
  }
};

/// What a region yields, or null if it is empty.
Value getYielded(Region &region) {
  return region.empty() ? Value() : cast<YieldOp>(region.front().getTerminator()).getValue();
}

/// similarity yields q * k, score yields s, mask yields true.
struct DropDefaultRegions : OpRewritePattern<GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GenericOp op, PatternRewriter &rewriter) const override {
    SmallVector<Region *> regions;
    if (Value yielded = getYielded(op.getSimilarity())) {
      Value q = op.getSimilarity().getArgument(0), k = op.getSimilarity().getArgument(1);
      auto product = yielded.getDefiningOp<arith::MulFOp>();
      if (product &&
          ((product.getLhs() == q && product.getRhs() == k) || (product.getLhs() == k && product.getRhs() == q)))
        regions.push_back(&op.getSimilarity());
    }
    if (Value yielded = getYielded(op.getScore()); yielded && yielded == op.getScore().getArgument(0))
      regions.push_back(&op.getScore());
    if (Value yielded = getYielded(op.getMask()); yielded && matchPattern(yielded, m_One()))
      regions.push_back(&op.getMask());
    if (regions.empty())
      return rewriter.notifyMatchFailure(op, "no region states the default");
    rewriter.modifyOpInPlace(op, [&] {
      for (Region *region : regions)
        rewriter.eraseBlock(&region->front());
    });
    return success();
  }
};

struct DropUnusedOperands : OpRewritePattern<GenericOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GenericOp op, PatternRewriter &rewriter) const override {
    struct Group {
      Region *region;
      MutableOperandRange operands;
      unsigned firstMap, firstArgument;
    };
    unsigned similarityMap = 3, scoreMap = similarityMap + op.getSimilarityOperands().size(),
             maskMap = scoreMap + op.getScoreOperands().size();
    Group groups[] = {{&op.getSimilarity(), op.getSimilarityOperandsMutable(), similarityMap, 2},
                      {&op.getScore(), op.getScoreOperandsMutable(), scoreMap, 1},
                      {&op.getMask(), op.getMaskOperandsMutable(), maskMap, 0}};
    auto isUnused = [](Region &region, unsigned argument) {
      return region.empty() || region.getArgument(argument).use_empty();
    };
    // One operand at a time: segments, maps and arguments move with each of them.
    for (Group &group : groups)
      for (unsigned number = 0; number < group.operands.size(); ++number) {
        if (!isUnused(*group.region, group.firstArgument + number))
          continue;
        rewriter.modifyOpInPlace(op, [&] {
          SmallVector<Attribute> maps(op.getIndexingMaps().getValue());
          maps.erase(maps.begin() + group.firstMap + number);
          op.setIndexingMapsAttr(rewriter.getArrayAttr(maps));
          group.operands.erase(number);
          if (!group.region->empty())
            group.region->eraseArgument(group.firstArgument + number);
        });
        return success();
      }
    for (unsigned number = 0; number < op.getCaptures().size(); ++number) {
      bool unused = llvm::all_of(groups, [&](Group &group) {
        return isUnused(*group.region, group.firstArgument + group.operands.size() + number);
      });
      if (!unused)
        continue;
      rewriter.modifyOpInPlace(op, [&] {
        for (Group &group : groups)
          if (!group.region->empty())
            group.region->eraseArgument(group.firstArgument + group.operands.size() + number);
        op.getCapturesMutable().erase(number);
      });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "every operand is read");
  }
};

/// Looks through casts that hide static sizes. The tensor dialect has such a pattern for every op in destination style,
/// but it crashes on ops with an empty region; this one wins over it by its benefit, and leaves nothing for it to
/// match.
template <typename OpTy> struct FoldCasts : OpRewritePattern<OpTy> {
  FoldCasts(MLIRContext *context) : OpRewritePattern<OpTy>(context, /*benefit=*/2) {}

  LogicalResult matchAndRewrite(OpTy op, PatternRewriter &rewriter) const override {
    bool changed = false;
    for (OpOperand &operand : op->getOpOperands()) {
      auto cast = operand.get().getDefiningOp<tensor::CastOp>();
      if (!cast || !tensor::canFoldIntoConsumerOp(cast))
        continue;
      changed = true;
      rewriter.modifyOpInPlace(op, [&] { operand.set(cast.getSource()); });
      if (op.isDpsInit(&operand))
        changeResult(op.getTiedOpResult(&operand), cast.getSource().getType(), rewriter);
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no operand is a cast");
    // A table that a region sees has changed its type inside, too.
    rewriter.modifyOpInPlace(op, [&] {
      for (Region &region : op->getRegions())
        if (!region.empty())
          for (auto [argument, capture] :
               llvm::zip(region.getArguments().take_back(op.getCaptures().size()), op.getCaptures()))
            argument.setType(capture.getType());
    });
    return success();
  }

private:
  static void changeResult(OpResult result, Type type, PatternRewriter &rewriter) {
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPointAfter(result.getOwner());
    Type oldType = result.getType();
    rewriter.modifyOpInPlace(result.getOwner(), [&] { result.setType(type); });
    auto cast = tensor::CastOp::create(rewriter, result.getLoc(), oldType, result);
    rewriter.replaceAllUsesExcept(result, cast, cast);
  }
};

} // namespace

void OnlineOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldCasts<OnlineOp>>(context);
}

void WeightsOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<FoldCasts<WeightsOp>>(context);
}

void GenericOp::getCanonicalizationPatterns(RewritePatternSet &patterns, MLIRContext *context) {
  patterns.add<DropZeroOffsets, DropDefaultRegions, DropUnusedOperands, FoldCasts<GenericOp>>(context);
}
