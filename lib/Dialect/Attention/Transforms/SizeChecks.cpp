// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "SizeChecks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace attn {

static bool isStatic(const NamedSize &size) {
  return !cast<RankedTensorType>(size.tensor.getType()).isDynamicDim(size.dim);
}

/// A static size if there is one, else the first.
static const NamedSize &getLeader(ArrayRef<NamedSize> sizes) {
  const auto *it = llvm::find_if(sizes, isStatic);
  return it == sizes.end() ? sizes.front() : *it;
}

OpFoldResult getSharedSize(OpBuilder &builder, Location loc, ArrayRef<NamedSize> sizes) {
  const NamedSize &leader = getLeader(sizes);
  return tensor::getMixedSize(builder, loc, leader.tensor, leader.dim);
}

void assertSameSize(OpBuilder &builder, Location loc, ArrayRef<NamedSize> sizes, const Twine &what) {
  const NamedSize &leader = getLeader(sizes);
  auto getSize = [&](const NamedSize &size) {
    return getValueOrCreateConstantIndexOp(builder, loc, tensor::getMixedSize(builder, loc, size.tensor, size.dim));
  };
  for (const NamedSize &size : sizes) {
    bool isLeader = size.tensor == leader.tensor && size.dim == leader.dim;
    if (isLeader || (isStatic(size) && isStatic(leader)))
      continue;
    // Messages name operands in their order, whichever of them is static.
    bool swapped = &size < &leader;
    const NamedSize &first = swapped ? size : leader, &second = swapped ? leader : size;
    Value equal = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, getSize(first), getSize(second));
    std::string message = ("'" + first.name + "' and '" + second.name + "' agree on " + what).str();
    cf::AssertOp::create(builder, loc, equal, message);
  }
}

namespace {
/// What operands say of the size of each loop.
class LoopSizeChecks {
public:
  explicit LoopSizeChecks(unsigned numLoops) : sizes(numLoops) {}

  /// The dimensions of `tensor`, as far as `map` makes a loop run along them.
  void add(Value tensor, AffineMap map, const Twine &name) {
    for (auto [dim, expr] : llvm::enumerate(map.getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr))
        sizes[loop.getPosition()].push_back({name.str(), tensor, static_cast<unsigned>(dim)});
  }

  void emit(OpBuilder &builder, Operation *op) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(op);
    for (auto [loop, shared] : llvm::enumerate(sizes))
      if (shared.size() > 1)
        assertSameSize(builder, op->getLoc(), shared, "loop " + Twine(loop));
  }

private:
  SmallVector<SmallVector<NamedSize>> sizes;
};
} // namespace

void assertLoopSizes(OpBuilder &builder, GenericOp op) {
  LoopSizeChecks checks(cast<ScoredOpInterface>(op.getOperation()).getNumLoops());
  unsigned number = 0;
  auto add = [&](Value tensor, const Twine &name) {
    checks.add(tensor, cast<AffineMapAttr>(op.getIndexingMaps()[number++]).getValue(), name);
  };
  auto addEach = [&](ValueRange tensors, StringRef name) {
    for (auto [position, tensor] : llvm::enumerate(tensors))
      add(tensor, name + " " + Twine(position));
  };
  add(op.getQuery(), "query");
  add(op.getKey(), "key");
  add(op.getValue(), "value");
  addEach(op.getSimilarityOperands(), "similarity operand");
  addEach(op.getScoreOperands(), "score operand");
  addEach(op.getMaskOperands(), "mask operand");
  addEach(op.getNormalizerOperands(), "normalizer operand");
  for (auto [attr, init] : llvm::zip(op.getResultKinds().getAsRange<ResultKindAttr>(), op.getInits()))
    add(init, stringifyResultKind(attr.getValue()));
  checks.emit(builder, op);
}

void assertLoopSizes(OpBuilder &builder, linalg::LinalgOp op) {
  LoopSizeChecks checks(op.getNumLoops());
  for (OpOperand &operand : op->getOpOperands())
    if (isa<RankedTensorType>(operand.get().getType()))
      checks.add(operand.get(), op.getMatchingIndexingMap(&operand),
                 op.isDpsInput(&operand) ? "input " + Twine(operand.getOperandNumber())
                                         : "output " + Twine(operand.getOperandNumber() - op.getNumDpsInputs()));
  checks.emit(builder, op);
}

void assertAtLeast(OpBuilder &builder, Location loc, Value tensor, unsigned dim, OpFoldResult bound,
                   StringRef message) {
  OpFoldResult size = tensor::getMixedSize(builder, loc, tensor, dim);
  if (getConstantIntValue(size) && getConstantIntValue(bound))
    return;
  Value holds = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::uge,
                                      getValueOrCreateConstantIndexOp(builder, loc, size),
                                      getValueOrCreateConstantIndexOp(builder, loc, bound));
  cf::AssertOp::create(builder, loc, holds, message);
}

} // namespace attn
