// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Faults put in on purpose. Each moves results far beyond any budget, at one stage and those after it.
#include "Trial.h"

#include "attn/Dialect/Attention/IR/Attention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace attn;

static FloatAttr grow(FloatAttr factor) { return FloatAttr::get(factor.getType(), 1.5 * factor.getValueAsDouble()); }

/// exp2(s - max) becomes exp2(max - s).
template <typename Difference> static void swapDifferences(ModuleOp module) {
  module.walk([](Difference op) {
    Value left = op.getLhs();
    op->setOperand(0, op.getRhs());
    op->setOperand(1, left);
  });
}

void attn::injectFault(ModuleOp module, Stage stage) {
  if (stage == Stage::Normalize || stage == Stage::Plan)
    module.walk([](GenericOp op) { op.setScaleAttr(grow(op.getScaleAttr())); });
  else if (stage == Stage::Tile)
    module.walk([](OnlineOp op) { op.setExponentScaleAttr(grow(op.getExponentScaleAttr())); });
  else if (stage == Stage::Linalg)
    swapDifferences<arith::SubFOp>(module);
  else if (stage == Stage::Target)
    swapDifferences<LLVM::FSubOp>(module);
}
