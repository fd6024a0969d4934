// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A key whose score is -inf is not kept, just as one that the mask drops. So `score: select(c, s, -inf)` says the same
// as `score: s` with `c` in the mask, where the compiler looks for what it need not visit.
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace attn;

/// The ops of the score region that make `condition`, in order; nothing where the score itself is among their operands.
static std::optional<SmallVector<Operation *>> getSlice(GenericOp op, Value condition,
                                                        llvm::SetVector<unsigned> &arguments) {
  Block &block = op.getScore().front();
  llvm::SetVector<Operation *> slice;
  SmallVector<Value> open{condition};
  while (!open.empty()) {
    Value value = open.pop_back_val();
    if (auto argument = dyn_cast<BlockArgument>(value); argument && argument.getOwner() == &block) {
      if (argument.getArgNumber() == 0)
        return std::nullopt;
      arguments.insert(argument.getArgNumber());
    } else if (Operation *operation = value.getDefiningOp(); operation && operation->getBlock() == &block) {
      if (slice.insert(operation))
        llvm::append_range(open, operation->getOperands());
    }
  }
  SmallVector<Operation *> ordered = slice.takeVector();
  llvm::sort(ordered, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ordered;
}

/// Makes score operand `number` a mask operand too; returns its argument in the mask.
static Value addMaskOperand(GenericOp op, unsigned number) {
  unsigned numSimilarity = op.getSimilarityOperands().size(), numScore = op.getScoreOperands().size();
  unsigned numMask = op.getMaskOperands().size();
  Value operand = op.getScoreOperands()[number];
  SmallVector<Attribute> maps(op.getIndexingMaps().getValue());
  maps.insert(maps.begin() + 3 + numSimilarity + numScore + numMask, maps[3 + numSimilarity + number]);
  op.setIndexingMapsAttr(ArrayAttr::get(op.getContext(), maps));
  op.getMaskOperandsMutable().append(operand);
  return op.getMask().front().insertArgument(numMask, getElementTypeOrSelf(operand.getType()), op.getLoc());
}

static bool moveScoreMask(RewriterBase &rewriter, GenericOp op) {
  if (op.getScore().empty())
    return false;
  auto yield = cast<YieldOp>(op.getScore().front().getTerminator());
  auto selection = yield.getValue().getDefiningOp<arith::SelectOp>();
  if (!selection || selection.getCondition().getType() != rewriter.getI1Type())
    return false;
  bool dropsIfTrue = matchPattern(selection.getTrueValue(), m_NegInfFloat());
  if (!dropsIfTrue && !matchPattern(selection.getFalseValue(), m_NegInfFloat()))
    return false;
  llvm::SetVector<unsigned> arguments;
  std::optional<SmallVector<Operation *>> slice = getSlice(op, selection.getCondition(), arguments);
  if (!slice)
    return false;

  rewriter.modifyOpInPlace(op, [&] {
    OpBuilder::InsertionGuard guard(rewriter);
    unsigned numScore = op.getScoreOperands().size();
    Value kept;
    if (op.getMask().empty()) {
      Block *block = rewriter.createBlock(&op.getMask());
      for (Value operand : op.getMaskOperands())
        block->addArgument(getElementTypeOrSelf(operand.getType()), op.getLoc());
      for (Value capture : op.getCaptures())
        block->addArgument(capture.getType(), op.getLoc());
      YieldOp::create(rewriter, op.getLoc(),
                      arith::ConstantOp::create(rewriter, op.getLoc(), rewriter.getBoolAttr(true)));
    }
    Block &mask = op.getMask().front(), &score = op.getScore().front();
    IRMapping mapping;
    for (unsigned number : arguments)
      if (number <= numScore)
        mapping.map(score.getArgument(number), addMaskOperand(op, number - 1));
    // After operands have moved the captures' numbers.
    for (unsigned number : arguments)
      if (number > numScore)
        mapping.map(score.getArgument(number), mask.getArgument(op.getMaskOperands().size() + number - 1 - numScore));
    rewriter.setInsertionPoint(mask.getTerminator());
    for (Operation *operation : *slice)
      rewriter.clone(*operation, mapping);
    Value condition = mapping.lookupOrDefault(selection.getCondition());
    Location loc = selection.getLoc();
    if (dropsIfTrue)
      condition = arith::XOrIOp::create(rewriter, loc, condition,
                                        arith::ConstantOp::create(rewriter, loc, rewriter.getBoolAttr(true)));
    kept = mask.getTerminator()->getOperand(0);
    Value both = rewriter.createOrFold<arith::AndIOp>(loc, kept, condition);
    mask.getTerminator()->setOperand(0, both);
    yield->setOperand(0, dropsIfTrue ? selection.getFalseValue() : selection.getTrueValue());
  });
  return true;
}

bool attn::moveScoreMasks(RewriterBase &rewriter, GenericOp op) {
  bool changed = false;
  while (moveScoreMask(rewriter, op))
    changed = true;
  return changed;
}
