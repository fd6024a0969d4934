// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Producers.h"

#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace attn {

linalg::GenericOp getElementwiseProducer(Value tensor) {
  auto producer = tensor.getDefiningOp<linalg::GenericOp>();
  // One with a plan is a stage of its own (attn-plan-stages).
  if (!producer || producer->hasAttr(kPlanName) || producer->getNumResults() != 1 ||
      producer.getNumParallelLoops() != producer.getNumLoops())
    return {};
  // What the destination held must not matter: a tile has another one.
  OpOperand *init = producer.getDpsInitOperand(0);
  if (producer.payloadUsesValueFromOperand(init) || !producer.getMatchingIndexingMap(init).isPermutation())
    return {};
  bool areSlices = llvm::all_of(producer.getDpsInputOperands(), [&](OpOperand *input) {
    return isa<RankedTensorType>(input->get().getType()) &&
           producer.getMatchingIndexingMap(input).isProjectedPermutation();
  });
  return areSlices ? producer : linalg::GenericOp();
}

AffineMap getInputMap(linalg::GenericOp producer, AffineMap map, AffineMap resultMap) {
  AffineMap outMap = producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
  SmallVector<AffineExpr> results;
  for (AffineExpr expr : map.getResults())
    results.push_back(resultMap.getResult(*outMap.getResultPosition(expr)));
  return AffineMap::get(resultMap.getNumDims(), 0, results, map.getContext());
}

void eraseProducers(RewriterBase &rewriter, ValueRange operands) {
  SmallVector<Value> pending(operands);
  while (!pending.empty()) {
    Value operand = pending.pop_back_val();
    // Whoever is used twice must not be asked for again once its producer is gone.
    llvm::erase(pending, operand);
    linalg::GenericOp producer = getElementwiseProducer(operand);
    if (!producer)
      continue;
    SmallVector<tensor::DimOp> dims;
    for (Operation *user : producer->getUsers())
      if (auto dim = dyn_cast<tensor::DimOp>(user))
        dims.push_back(dim);
    if (dims.size() != static_cast<size_t>(std::distance(producer->user_begin(), producer->user_end())))
      continue;
    Value init = producer.getDpsInits()[0];
    for (tensor::DimOp dim : dims)
      rewriter.modifyOpInPlace(dim, [&] { dim.getSourceMutable().assign(init); });
    llvm::append_range(pending, producer.getInputs());
    rewriter.eraseOp(producer);
    if (auto empty = init.getDefiningOp<tensor::EmptyOp>()) {
      for (Operation *user : llvm::make_early_inc_range(empty->getUsers()))
        if (auto dim = dyn_cast<tensor::DimOp>(user)) {
          rewriter.setInsertionPoint(dim);
          OpFoldResult size = empty.getMixedSizes()[*dim.getConstantIndex()];
          Value value = getValueOrCreateConstantIndexOp(rewriter, dim.getLoc(), size);
          rewriter.replaceOp(dim, value);
        }
      if (empty->use_empty())
        rewriter.eraseOp(empty);
    }
  }
}

} // namespace attn
