// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-pipeline-fetches: the next key tile arrives while this one is used. A loop that fetches, waits and computes is
// rotated: before it the first tile is fetched, in it the next one, to the stage that nobody reads. One barrier is left
// in each iteration: behind it this tile is there, and all warps have left the other.
#include "attn/Dialect/Fragment/IR/Fragment.h"
#include "attn/Target/NVIDIA/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

#define DEBUG_TYPE "attn-pipeline-fetches"

namespace attn {
#define GEN_PASS_DEF_ATTNPIPELINEFETCHESPASS
#include "attn/Target/NVIDIA/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

using fragment::FetchOp;

/// What a loop fetches in each iteration, and what leads there.
struct Fetches {
  SmallVector<FetchOp> ops;
  /// Ops of the body that the views are made of, in order.
  SmallVector<Operation *> slice;
};

/// Adds the ops of `body` that `value` depends on. False: one has an effect, or depends on the loop's state.
bool addSlice(Value value, Block &body, llvm::SetVector<Operation *> &ops) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argument.getOwner() != &body || argument.getArgNumber() == 0;
  Operation *op = value.getDefiningOp();
  if (op->getBlock() != &body)
    return !body.getParentOp()->isProperAncestor(op);
  if (!isPure(op) || op->getNumRegions() > 0)
    return false;
  for (Value operand : op->getOperands())
    if (!addSlice(operand, body, ops))
      return false;
  ops.insert(op);
  return true;
}

std::optional<Fetches> findFetches(scf::ForOp loop) {
  Fetches fetches;
  llvm::SetVector<Operation *> slice;
  for (auto fetch : loop.getBody()->getOps<FetchOp>()) {
    APInt stage;
    bool isFirst = matchPattern(fetch.getStage(), m_ConstantInt(&stage)) && stage == 0;
    if (!isFirst || fetch.getShared().getType().getStages() < 2 || !addSlice(fetch.getView(), *loop.getBody(), slice))
      return std::nullopt;
    fetches.ops.push_back(fetch);
  }
  // Fetches in a branch depend on whether the tile is visited at all, which is known too late to fetch it before.
  bool hasOthers = false;
  loop.getBody()->walk([&](FetchOp fetch) { hasOthers |= fetch->getBlock() != loop.getBody(); });
  if (fetches.ops.empty() || hasOthers)
    return std::nullopt;
  for (Operation &op : *loop.getBody())
    if (slice.contains(&op))
      fetches.slice.push_back(&op);
  return fetches;
}

/// Fetches the tile at `start` to `stage`.
void fetchTile(OpBuilder &b, scf::ForOp loop, const Fetches &fetches, Value start, Value stage) {
  IRMapping mapping;
  mapping.map(loop.getInductionVar(), start);
  for (Operation *op : fetches.slice)
    b.clone(*op, mapping);
  for (FetchOp fetch : fetches.ops)
    FetchOp::create(b, fetch.getLoc(), mapping.lookupOrDefault(fetch.getView()), fetch.getShared(), stage);
}

/// fetchTile() where `start` is before the end of the loop; then a group is closed in either case.
void fetchIfAny(OpBuilder &b, scf::ForOp loop, const Fetches &fetches, Value start, Value stage) {
  Location loc = loop.getLoc();
  Value exists = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, start, loop.getUpperBound());
  {
    OpBuilder::InsertionGuard guard(b);
    auto branch = scf::IfOp::create(b, loc, exists, /*withElseRegion=*/false);
    b.setInsertionPointToStart(branch.thenBlock());
    fetchTile(b, loop, fetches, start, stage);
  }
  fragment::CommitOp::create(b, loc);
}

void pipeline(RewriterBase &b, scf::ForOp loop, const Fetches &fetches) {
  Location loc = loop.getLoc();
  b.setInsertionPoint(loop);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
  fetchIfAny(b, loop, fetches, loop.getLowerBound(), zero);

  SmallVector<Value> inits(loop.getInitArgs());
  inits.push_back(zero);
  auto rotated = scf::ForOp::create(b, loc, loop.getLowerBound(), loop.getUpperBound(), loop.getStep(), inits);
  Value stage = rotated.getRegionIterArgs().back();
  b.setInsertionPointToStart(rotated.getBody());
  fragment::WaitOp::create(b, loc, 0);
  fragment::BarrierOp::create(b, loc);
  Value other = arith::SubIOp::create(b, loc, one, stage);
  Value next = arith::AddIOp::create(b, loc, rotated.getInductionVar(), loop.getStep());
  fetchIfAny(b, loop, fetches, next, other);

  IRMapping mapping;
  mapping.map(loop.getInductionVar(), rotated.getInductionVar());
  mapping.map(loop.getRegionIterArgs(), rotated.getRegionIterArgs().drop_back());
  for (Operation &op : loop.getBody()->without_terminator()) {
    // The order that these kept in the loop is that of the new one.
    if (isa<FetchOp, fragment::CommitOp, fragment::WaitOp, fragment::BarrierOp>(op))
      continue;
    Operation *clone = b.clone(op, mapping);
    if (auto dot = dyn_cast<fragment::DotOp>(clone))
      for (FetchOp fetch : fetches.ops)
        if (fetch.getShared() == dot.getShared())
          dot.getStageMutable().assign(stage);
  }
  SmallVector<Value> yielded = llvm::map_to_vector(loop.getBody()->getTerminator()->getOperands(),
                                                   [&](Value value) { return mapping.lookupOrDefault(value); });
  yielded.push_back(other);
  scf::YieldOp::create(b, loc, yielded);
  // Whoever fetches next may overwrite the last tile.
  b.setInsertionPointAfter(rotated);
  fragment::BarrierOp::create(b, loc);
  b.replaceOp(loop, rotated.getResults().drop_back());
}

struct PipelineFetches : impl::AttnPipelineFetchesPassBase<PipelineFetches> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation()->walk([&](scf::ForOp loop) { loops.push_back(loop); });
    IRRewriter rewriter(&getContext());
    for (scf::ForOp loop : loops)
      if (std::optional<Fetches> fetches = findFetches(loop))
        pipeline(rewriter, loop, *fetches);
  }
};

} // namespace
} // namespace attn
