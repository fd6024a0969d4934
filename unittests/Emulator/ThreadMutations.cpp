// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Mistakes in what a thread does: order, shared memory, and the registers of fragments.
#include "KernelMutations.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace attn;
using namespace attn::test;

namespace {

template <typename Op> SmallVector<Op> find(ModuleOp kernel) {
  SmallVector<Op> ops;
  kernel.walk([&](Op op) { ops.push_back(op); });
  return ops;
}

template <typename Op> bool eraseAll(ArrayRef<Op> ops) {
  for (Op op : ops)
    op.erase();
  return !ops.empty();
}

Value makeConstant(OpBuilder &b, Location loc, int32_t value) {
  return LLVM::ConstantOp::create(b, loc, b.getI32Type(), b.getI32IntegerAttr(value));
}

/// Barriers that make copies visible, which stand behind a wait, or the others, which keep tiles from being
/// overwritten.
SmallVector<NVVM::Barrier0Op> findBarriers(ModuleOp kernel, bool behindWaits) {
  SmallVector<NVVM::Barrier0Op> barriers = find<NVVM::Barrier0Op>(kernel);
  llvm::erase_if(barriers, [&](NVVM::Barrier0Op barrier) {
    return isa_and_nonnull<NVVM::CpAsyncWaitGroupOp>(barrier->getPrevNode()) != behindWaits;
  });
  return barriers;
}

bool dropBarriers(ModuleOp kernel) { return eraseAll<NVVM::Barrier0Op>(findBarriers(kernel, /*behindWaits=*/true)); }
bool dropLastBarriers(ModuleOp kernel) {
  return eraseAll<NVVM::Barrier0Op>(findBarriers(kernel, /*behindWaits=*/false));
}
bool dropWaits(ModuleOp kernel) { return eraseAll<NVVM::CpAsyncWaitGroupOp>(find<NVVM::CpAsyncWaitGroupOp>(kernel)); }
bool dropCommits(ModuleOp kernel) {
  return eraseAll<NVVM::CpAsyncCommitGroupOp>(find<NVVM::CpAsyncCommitGroupOp>(kernel));
}

bool waitForAllButOne(ModuleOp kernel) {
  SmallVector<NVVM::CpAsyncWaitGroupOp> waits = find<NVVM::CpAsyncWaitGroupOp>(kernel);
  for (NVVM::CpAsyncWaitGroupOp wait : waits)
    wait.setN(wait.getN() + 1);
  return !waits.empty();
}

/// The barrier of an iteration moves behind the fetches of the next tile, which the commit ends.
bool fetchBeforeBarrier(ModuleOp kernel) {
  bool isFound = false;
  for (NVVM::Barrier0Op barrier : findBarriers(kernel, /*behindWaits=*/true)) {
    // The block in which the branches around the fetches meet again.
    Block *block = barrier->getBlock();
    llvm::SmallPtrSet<Block *, 8> seen;
    SmallVector<Block *> pending(block->getSuccessors());
    NVVM::CpAsyncCommitGroupOp commit;
    while (!pending.empty() && !commit) {
      Block *next = pending.pop_back_val();
      if (!seen.insert(next).second)
        continue;
      for (auto found : next->getOps<NVVM::CpAsyncCommitGroupOp>())
        commit = found;
      if (!commit)
        llvm::append_range(pending, next->getSuccessors());
    }
    if (!commit)
      continue;
    barrier->moveAfter(commit);
    isFound = true;
  }
  return isFound;
}

/// Only the first warp comes to the barrier.
bool putBarriersInBranch(ModuleOp kernel) {
  SmallVector<NVVM::Barrier0Op> barriers = findBarriers(kernel, /*behindWaits=*/true);
  for (NVVM::Barrier0Op barrier : barriers) {
    OpBuilder b(barrier);
    Location loc = barrier.getLoc();
    Value thread = NVVM::ThreadIdXOp::create(b, loc, b.getI32Type());
    Value isFirst = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ult, thread, makeConstant(b, loc, 32));
    Block *before = barrier->getBlock(), *inside = before->splitBlock(barrier),
          *behind = inside->splitBlock(barrier->getNextNode());
    b.setInsertionPointToEnd(before);
    LLVM::CondBrOp::create(b, loc, isFirst, inside, behind);
    b.setInsertionPointToEnd(inside);
    LLVM::BrOp::create(b, loc, behind);
  }
  return !barriers.empty();
}

/// Loads use the number of the stage that is being filled.
bool readTheOtherStage(ModuleOp kernel) {
  bool isFound = false;
  for (LLVM::SubOp other : find<LLVM::SubOp>(kernel)) {
    auto stage = dyn_cast<BlockArgument>(other.getRhs());
    if (!stage || !matchPattern(other.getLhs(), m_One()))
      continue;
    other->moveBefore(&stage.getOwner()->front());
    if (Operation *one = other.getLhs().getDefiningOp(); one->getBlock() == stage.getOwner())
      one->moveBefore(other);
    stage.replaceAllUsesExcept(other.getResult(), other);
    isFound = true;
  }
  return isFound;
}

/// The exclusive ors that addresses are computed with. No block argument is one.
llvm::SetVector<Operation *> findSwizzles(SmallVector<Value> pending) {
  llvm::SetVector<Operation *> seen, swizzles;
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val().getDefiningOp();
    if (!op || !seen.insert(op))
      continue;
    if (isa<LLVM::XOrOp>(op))
      swizzles.insert(op);
    llvm::append_range(pending, op->getOperands());
  }
  return swizzles;
}

bool dropSwizzles(const llvm::SetVector<Operation *> &swizzles) {
  for (Operation *op : swizzles)
    op->replaceAllUsesWith(ValueRange(op->getOperand(0)));
  return !swizzles.empty();
}

SmallVector<Value> getCopyTargets(ModuleOp kernel) {
  return llvm::map_to_vector(find<NVVM::CpAsyncOp>(kernel),
                             [](NVVM::CpAsyncOp copy) -> Value { return copy.getDst(); });
}
SmallVector<Value> getLoadSources(ModuleOp kernel) {
  return llvm::map_to_vector(find<NVVM::LdMatrixOp>(kernel),
                             [](NVVM::LdMatrixOp load) -> Value { return load.getPtr(); });
}

bool swizzleLoadsOnly(ModuleOp kernel) {
  llvm::SetVector<Operation *> swizzles = findSwizzles(getCopyTargets(kernel)),
                               others = findSwizzles(getLoadSources(kernel));
  // No op may be of both sides, or it would change on both.
  bool isApart = llvm::none_of(swizzles, [&](Operation *op) { return others.contains(op); });
  return isApart && dropSwizzles(swizzles);
}

bool swizzleNothing(ModuleOp kernel) {
  SmallVector<Value> addresses = getCopyTargets(kernel);
  llvm::append_range(addresses, getLoadSources(kernel));
  return dropSwizzles(findSwizzles(addresses));
}

/// Whether the left side of a product is Q, which comes from shared memory; else it is weights.
bool isOfScores(NVVM::MmaOp product) {
  auto pair = product.getOperandA().front().getDefiningOp<LLVM::BitcastOp>();
  auto part = pair ? pair.getArg().getDefiningOp<LLVM::ExtractValueOp>() : LLVM::ExtractValueOp();
  return part && part.getContainer().getDefiningOp<NVVM::LdMatrixOp>();
}

/// Two registers of the fragments of each product change places.
bool swapRegisters(ModuleOp kernel, bool ofScores, bool ofLeft, unsigned first, unsigned second) {
  bool isFound = false;
  for (NVVM::MmaOp product : find<NVVM::MmaOp>(kernel)) {
    if (isOfScores(product) != ofScores)
      continue;
    MutableOperandRange operands = ofLeft ? product.getOperandAMutable() : product.getOperandBMutable();
    Value one = operands[first].get(), other = operands[second].get();
    operands[first].set(other);
    operands[second].set(one);
    isFound |= one != other;
  }
  return isFound;
}

bool swapWeights(ModuleOp kernel) { return swapRegisters(kernel, /*ofScores=*/false, /*ofLeft=*/true, 1, 2); }
bool swapKeys(ModuleOp kernel) { return swapRegisters(kernel, /*ofScores=*/true, /*ofLeft=*/false, 0, 1); }

bool loadValuesByRows(ModuleOp kernel) {
  bool isFound = false;
  for (NVVM::LdMatrixOp load : find<NVVM::LdMatrixOp>(kernel)) {
    if (load.getLayout() != NVVM::MMALayout::col)
      continue;
    load.setLayout(NVVM::MMALayout::row);
    isFound = true;
  }
  return isFound;
}

bool moveKeysByHalfAChunk(ModuleOp kernel) {
  SmallVector<NVVM::LdMatrixOp> loads = find<NVVM::LdMatrixOp>(kernel);
  for (NVVM::LdMatrixOp load : loads) {
    OpBuilder b(load);
    Value moved = LLVM::GEPOp::create(b, load.getLoc(), load.getPtr().getType(), b.getI8Type(), load.getPtr(),
                                      ArrayRef<LLVM::GEPArg>{8});
    load.getPtrMutable().assign(moved);
  }
  return !loads.empty();
}

/// Rows are reduced over two of their four lanes, twice.
bool reduceHalfARow(ModuleOp kernel) {
  bool isFound = false;
  for (NVVM::ShflOp shuffle : find<NVVM::ShflOp>(kernel)) {
    APInt distance;
    if (shuffle.getKind() != NVVM::ShflKind::bfly || !matchPattern(shuffle.getOffset(), m_ConstantInt(&distance)) ||
        distance != 2)
      continue;
    OpBuilder b(shuffle);
    shuffle.getOffsetMutable().assign(makeConstant(b, shuffle.getLoc(), 1));
    isFound = true;
  }
  return isFound;
}

bool leaveOutALane(ModuleOp kernel) {
  SmallVector<NVVM::ShflOp> shuffles = find<NVVM::ShflOp>(kernel);
  for (NVVM::ShflOp shuffle : shuffles) {
    OpBuilder b(shuffle);
    shuffle.getThreadMaskMutable().assign(makeConstant(b, shuffle.getLoc(), 0x7fffffff));
  }
  return !shuffles.empty();
}

/// Blocks 2k and 2k + 1 both do what block k should.
bool doBlocksTwice(ModuleOp kernel) {
  SmallVector<NVVM::BlockIdXOp> blocks = find<NVVM::BlockIdXOp>(kernel);
  for (NVVM::BlockIdXOp block : blocks) {
    OpBuilder b(block->getContext());
    b.setInsertionPointAfter(block);
    Value half = LLVM::LShrOp::create(b, block.getLoc(), block, makeConstant(b, block.getLoc(), 1));
    block.getResult().replaceAllUsesExcept(half, half.getDefiningOp());
  }
  return !blocks.empty();
}

} // namespace

ArrayRef<KernelMutation> attn::test::getThreadMutations() {
  static const KernelMutation mutations[] = {
      {"DroppedBarrier", "tiles are read without a barrier behind the wait", Level::Thread, dropBarriers,
       "element loads, numbers, race, uninitialised, wait"},
      {"DroppedLastBarrier", "tiles are overwritten that warps of the loop before still read", Level::Thread,
       dropLastBarriers, "numbers, race"},
      {"EarlyRelease", "the next tile is fetched before all warps have left the one that it overwrites", Level::Thread,
       fetchBeforeBarrier, "numbers, race, wait"},
      {"ShallowWait", "the wait leaves the newest group under way", Level::Thread, waitForAllButOne,
       "element loads, race, wait"},
      {"DroppedWait", "nobody waits for copies", Level::Thread, dropWaits, "element loads, wait"},
      {"SkippedCommit", "copies are never made a group, so that no wait covers them", Level::Thread, dropCommits,
       "element loads, wait"},
      {"WrongStage", "the stage that is being filled is read", Level::Thread, readTheOtherStage,
       "element loads, race, uninitialised, wait"},
      {"BarrierInBranch", "some warps skip the barrier", Level::Thread, putBarriersInBranch,
       "deadlock, element loads, race, uninitialised, wait"},
      {"TornShuffle", "a lane shuffles that the others do not count on", Level::Thread, leaveOutALane, "divergence"},
      {"UnevenSwizzle", "copies write rows in order, loads expect them swizzled", Level::Thread, swizzleLoadsOnly,
       "numbers"},
      {"NoSwizzle", "nothing is swizzled: right, but slow", Level::Thread, swizzleNothing, "bank conflicts"},
      {"SwappedWeights", "registers 1 and 2 of fragments of weights change places", Level::Thread, swapWeights,
       "numbers"},
      {"SwappedKeys", "the registers of fragments of K change places", Level::Thread, swapKeys, "numbers"},
      {"UntransposedValues", "V is loaded by rows", Level::Thread, loadValuesByRows, "numbers"},
      {"MisalignedTile", "fragments are loaded 8 bytes behind where they lie", Level::Thread, moveKeysByHalfAChunk,
       "misaligned"},
      {"HalfReduction", "maxima and sums are those of two of four lanes", Level::Thread, reduceHalfARow, "numbers"},
      {"RepeatedBlocks", "two blocks do the same rows, and others nobody", Level::Thread, doBlocksTwice,
       "numbers, race"},
  };
  return mutations;
}
