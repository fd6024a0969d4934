// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-outline-tasks: the body of each parallel loop becomes a function of a task number.
//
// Takes a bufferised kernel function: scalar code, cf.assert, and one scf.forall for each stage. Leaves functions:
// NAME_task(arguments.., task, scratch) is one iteration, NAME_tasks(arguments..) their number (those of later stages
// are NAME_task_1 and so on), NAME_check(arguments..) a status: 0, or the error code of the first assertion that does
// not hold. Assertions about elements of arguments, which loops look at, are in NAME_check_values(arguments..). Buffers
// between the loops, which one stage writes and later ones read, are parts of one more argument after the others; where
// only a call knows their sizes, NAME_shared(arguments..) says how many bytes they are. Who runs the tasks, and in how
// many threads, is the caller's business.
//
// Where the keys of an iteration are divided (attn.num_splits, and a loop over the parts inside), a task is one part of
// one iteration: NAME_task(arguments.., iteration, part, parts, partials, scratch). `partials` is what the parts of an
// iteration share; the last of them to be done merges their states and finishes. NAME_splits(arguments.., workers) is
// the number of parts (NAME_splits_1 of the second stage, and so on). Of a plan for a GPU, whose blocks do not wait for
// each other, the task is the part alone; NAME_merge, with the same arguments, is what follows when all parts are done.
#include "attn-c/Abi.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Target/CPU/KernelSignature.h"
#include "attn/Target/CPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "attn-outline-tasks"

namespace attn {
#define GEN_PASS_DEF_ATTNOUTLINETASKSPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

/// The pieces of a kernel function.
struct Kernel {
  func::FuncOp function;
  SmallVector<scf::ForallOp> stages;
  /// About sizes and scalars, and about elements.
  SmallVector<cf::AssertOp> asserts, valueAsserts;
  /// attn.num_splits of each stage, or null.
  SmallVector<Operation *> numSplits;
  /// Where each buffer of static size between the stages begins in their common memory, and how large that is, in
  /// bytes.
  SmallVector<std::pair<memref::AllocOp, int64_t>> buffers;
  int64_t sharedBytes = 0;
  /// Buffers whose sizes only a call knows. Those of one place, as large as the largest of them, are never there at the
  /// same time. Places follow each other behind the buffers of static size.
  SmallVector<SmallVector<memref::AllocOp>> places;

  bool hasShared() const { return sharedBytes > 0 || !places.empty(); }
};

bool isNumSplits(Operation &op) { return op.getName().getStringRef() == kNumSplitsOpName; }

/// A loop that reads elements of arguments, for an assertion.
bool isCheckLoop(Operation &op) {
  auto loop = dyn_cast<scf::ForOp>(op);
  return loop && llvm::all_of(*loop.getBody(), [](Operation &nested) {
           return isa<memref::LoadOp>(nested) || isMemoryEffectFree(&nested);
         });
}

/// Whether `op` splits one dimension of a view into two of unknown size: upstream's expand-strided-metadata, which the
/// LLVM conversion needs, crashes on it.
bool splitsIntoUnknownSizes(Operation &op) {
  auto expand = dyn_cast<memref::ExpandShapeOp>(op);
  return expand && llvm::any_of(expand.getReassociationIndices(), [&](const ReassociationIndices &group) {
           return llvm::count_if(group, [&](int64_t dim) { return expand.getResultType().isDynamicDim(dim); }) > 1;
         });
}

/// What bufferisation leaves of a result that is its destination already.
void eraseSelfCopies(Block &block) {
  for (auto copy : llvm::make_early_inc_range(block.getOps<memref::CopyOp>()))
    if (copy.getSource() == copy.getTarget())
      copy.erase();
}

/// Size `dim` of `memref`, a buffer between stages or a view of one; null if it is of something else.
OpFoldResult getBufferSize(OpBuilder &b, Value memref, int64_t dim) {
  Location loc = memref.getLoc();
  if (auto alloc = memref.getDefiningOp<memref::AllocOp>())
    return alloc.getMixedSizes()[dim];
  if (auto expand = memref.getDefiningOp<memref::ExpandShapeOp>())
    return expand.getMixedOutputShape()[dim];
  if (auto cast = memref.getDefiningOp<memref::CastOp>())
    return getBufferSize(b, cast.getSource(), dim);
  if (auto view = memref.getDefiningOp<memref::SubViewOp>()) {
    SmallVector<OpFoldResult> sizes;
    llvm::SmallBitVector dropped = view.getDroppedDims();
    for (auto [number, size] : llvm::enumerate(view.getMixedSizes()))
      if (!dropped.test(number))
        sizes.push_back(size);
    return sizes[dim];
  }
  if (auto collapse = memref.getDefiningOp<memref::CollapseShapeOp>()) {
    Value product = arith::ConstantIndexOp::create(b, loc, 1);
    for (int64_t number : collapse.getReassociationIndices()[dim]) {
      OpFoldResult size = getBufferSize(b, collapse.getSrc(), number);
      if (!size)
        return {};
      product = arith::MulIOp::create(b, loc, product, getValueOrCreateConstantIndexOp(b, loc, size));
    }
    return product;
  }
  return {};
}

/// Who asks for the size of a buffer between stages is told what it is made with.
void forwardSizesOfBuffers(Block &block) {
  for (auto dim : llvm::make_early_inc_range(block.getOps<memref::DimOp>())) {
    OpBuilder b(dim);
    std::optional<int64_t> index = dim.getConstantIndex();
    OpFoldResult size = index ? getBufferSize(b, dim.getSource(), *index) : OpFoldResult();
    if (!size)
      continue;
    dim.replaceAllUsesWith(getValueOrCreateConstantIndexOp(b, dim.getLoc(), size));
    dim.erase();
  }
}

/// Whether `value` is known before any buffer between stages has a place.
bool isKnownBeforePlaces(Value value) {
  Operation *op = value.getDefiningOp();
  return !op || (!isa<memref::AllocOp>(op) && llvm::all_of(op->getOperands(), isKnownBeforePlaces));
}

/// Buffers begin on cache lines.
constexpr int64_t kAlignment = 64;

/// Numbers of the first and last stage that use a buffer, also through views that stand between the stages.
std::pair<int64_t, int64_t> findLifetime(const Kernel &kernel, memref::AllocOp alloc) {
  auto getStage = [&](Operation *op) -> int64_t {
    for (auto [number, stage] : llvm::enumerate(kernel.stages))
      if (scf::ForallOp(stage)->isAncestor(op))
        return number;
    return -1;
  };
  int64_t first = kernel.stages.size(), last = -1;
  SmallVector<Value> pending{alloc};
  while (!pending.empty())
    for (Operation *user : pending.pop_back_val().getUsers()) {
      if (int64_t stage = getStage(user); stage >= 0) {
        first = std::min(first, stage);
        last = std::max(last, stage);
      } else {
        llvm::append_range(pending, user->getResults());
      }
    }
  return {first, last};
}

/// Places the buffers between stages. One whose last reader ran before the writer of another gives its place to that.
void placeBuffers(Kernel &kernel) {
  struct Use {
    int64_t first, last, begin, bytes;

    bool meets(int64_t otherFirst, int64_t otherLast) const { return first <= otherLast && otherFirst <= last; }
  };
  SmallVector<Use> placed;
  SmallVector<SmallVector<Use>> lifetimes; // of the buffers of each place
  for (auto alloc : kernel.function.getBody().front().getOps<memref::AllocOp>()) {
    MemRefType type = alloc.getType();
    auto [first, last] = findLifetime(kernel, alloc);
    if (!type.hasStaticShape()) {
      auto *place = llvm::find_if(lifetimes, [&, first = first, last = last](ArrayRef<Use> uses) {
        return llvm::none_of(uses, [&](const Use &use) { return use.meets(first, last); });
      });
      size_t number = place - lifetimes.begin();
      if (place == lifetimes.end()) {
        lifetimes.emplace_back();
        kernel.places.emplace_back();
      }
      lifetimes[number].push_back({first, last, 0, 0});
      kernel.places[number].push_back(alloc);
      continue;
    }
    Use use{
        first, last, 0,
        int64_t(llvm::alignTo(type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8), kAlignment))};
    bool moved = true;
    while (moved) {
      moved = false;
      for (const Use &other : placed) {
        if (other.meets(first, last) && use.begin < other.begin + other.bytes && other.begin < use.begin + use.bytes) {
          use.begin = other.begin + other.bytes;
          moved = true;
        }
      }
    }
    kernel.sharedBytes = std::max(kernel.sharedBytes, use.begin + use.bytes);
    kernel.buffers.emplace_back(alloc, use.begin);
    placed.push_back(use);
  }
}

FailureOr<Kernel> findKernel(func::FuncOp function) {
  Kernel kernel;
  kernel.function = function;
  if (!function.getBody().hasOneBlock())
    return function.emitError("expects a kernel function of one block");
  SmallVector<Operation *> splits;
  eraseSelfCopies(function.getBody().front());
  forwardSizesOfBuffers(function.getBody().front());
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (auto assertOp = dyn_cast<cf::AssertOp>(op)) {
      Operation *condition = assertOp.getArg().getDefiningOp();
      (condition && isCheckLoop(*condition) ? kernel.valueAsserts : kernel.asserts).push_back(assertOp);
    } else if (auto forall = dyn_cast<scf::ForallOp>(op)) {
      if (forall.getNumResults())
        return forall.emitError("expects a bufferised parallel loop, got one with results");
      kernel.stages.push_back(forall);
    } else if (isNumSplits(op)) {
      splits.push_back(&op);
    } else if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
      if (!alloc.getType().getLayout().isIdentity())
        return alloc.emitError("a kernel may only keep contiguous buffers between its stages, got ") << alloc.getType();
      if (!llvm::all_of(alloc.getDynamicSizes(), isKnownBeforePlaces))
        return alloc.emitError("cannot place a buffer whose size is that of a view of another one: give ")
               << alloc.getType() << " sizes of the kernel's arguments";
    } else if (splitsIntoUnknownSizes(op)) {
      return op.emitError(
          "cannot compile grouped heads of an unknown number of key heads: give 'key' and 'value' a static "
          "number of heads Hkv");
    } else if (!isMemoryEffectFree(&op) && !isCheckLoop(op)) {
      return op.emitError("'") << op.getName()
                               << "' outside of the parallel loop of a kernel: only scalar code may stand there";
    }
  }
  if (kernel.stages.empty())
    return function.emitError("expects a parallel loop (scf.forall) in a kernel function");
  kernel.numSplits.resize(kernel.stages.size());
  for (Operation *op : splits) {
    bool isUsed = false;
    for (size_t stage = 0; stage < kernel.stages.size(); ++stage) {
      Operation *&numSplits = kernel.numSplits[stage];
      if (llvm::none_of(op->getUsers(), [&](Operation *user) { return kernel.stages[stage]->isAncestor(user); }))
        continue;
      if (numSplits)
        return op->emitError("expects one number of splits for a parallel loop, got a second one");
      numSplits = op;
      isUsed = true;
    }
    if (!isUsed)
      return op->emitError("expects a parallel loop over the parts of the keys that it counts, got none");
  }
  if (function.getNumResults())
    return function.emitError("expects a kernel function without results: run attn-prepare-abi first");
  placeBuffers(kernel);
  return kernel;
}

/// Elements that a buffer may have: the memory of no machine holds as many. Sizes beyond it, which views of stride 0
/// can have, count as this, so that no product of theirs wraps around.
constexpr int64_t kMostElements = int64_t(1) << 48;

/// Bytes of a buffer whose sizes the caller's views decide, up to the alignment.
Value createByteCount(OpBuilder &b, memref::AllocOp alloc, IRMapping &map) {
  Location loc = alloc.getLoc();
  MemRefType type = alloc.getType();
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
  Value most = constant(kMostElements), count = constant(1);
  for (OpFoldResult mixed : alloc.getMixedSizes()) {
    Value size = map.lookupOrDefault(getValueOrCreateConstantIndexOp(b, loc, mixed));
    // Unsigned: what is negative is too large. The divisor is 1 where nothing is stored.
    Value room = arith::DivUIOp::create(b, loc, most, arith::MaxUIOp::create(b, loc, count, constant(1)));
    Value fits = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ule, size, room);
    count = arith::SelectOp::create(b, loc, fits, arith::MulIOp::create(b, loc, count, size), most);
  }
  Value bytes = arith::MulIOp::create(b, loc, count, constant(llvm::divideCeil(type.getElementTypeBitWidth(), 8)));
  return arith::AndIOp::create(b, loc, arith::AddIOp::create(b, loc, bytes, constant(kAlignment - 1)),
                               constant(-kAlignment));
}

/// A private function NAME<suffix> with the arguments of the kernel and `extra` ones; its body holds the kernel's
/// scalar code, with or without the loops of checks. `sharedBytes`, if not null, becomes the size of all buffers
/// between stages.
func::FuncOp createFunction(OpBuilder &b, const Kernel &original, StringRef suffix, TypeRange extra, TypeRange results,
                            IRMapping &map, bool withLoops = false, Value *sharedBytes = nullptr) {
  Kernel kernel = original;
  SmallVector<Type> inputs(kernel.function.getArgumentTypes());
  if (kernel.hasShared())
    inputs.push_back(MemRefType::get({ShapedType::kDynamic}, b.getI8Type()));
  llvm::append_range(inputs, extra);
  Location loc = kernel.function.getLoc();
  auto function = func::FuncOp::create(b, loc, (kernel.function.getName() + suffix).str(),
                                       FunctionType::get(b.getContext(), inputs, results));
  function.setPrivate();
  // memset and memcpy must not be made of our loops: the object has no undefined symbols.
  function->setAttr("passthrough", b.getStrArrayAttr({"no-builtins"}));
  b.setInsertionPointToStart(function.addEntryBlock());
  map.map(kernel.function.getArguments(), function.getArguments().take_front(kernel.function.getNumArguments()));
  Value shared = kernel.hasShared() ? function.getArgument(kernel.function.getNumArguments()) : Value();
  for (auto [alloc, begin] : kernel.buffers) {
    Value offset = arith::ConstantIndexOp::create(b, loc, begin);
    Value view = memref::ViewOp::create(b, loc, alloc.getType(), shared, offset, ValueRange());
    map.map(alloc.getResult(), view);
  }
  // Views of buffers without a place wait: places depend on all sizes.
  auto isScalarCode = [&](Operation &op) {
    return !isa<scf::ForallOp, cf::AssertOp, memref::AllocOp>(op) && !isNumSplits(op) &&
           (withLoops || !isCheckLoop(op));
  };
  auto dependsOnBuffer = [&](Operation &op) {
    return llvm::any_of(op.getOperands(), [&](Value operand) { return !map.contains(operand); });
  };
  SmallVector<Operation *> views;
  for (Operation &op : kernel.function.getBody().front().without_terminator()) {
    if (!isScalarCode(op))
      continue;
    if (dependsOnBuffer(op))
      views.push_back(&op);
    else
      b.clone(op, map);
  }
  Value begin = arith::ConstantIndexOp::create(b, loc, llvm::alignTo(kernel.sharedBytes, kAlignment));
  for (ArrayRef<memref::AllocOp> place : kernel.places) {
    Value bytes;
    for (memref::AllocOp alloc : place) {
      Value ofThis = createByteCount(b, alloc, map);
      bytes = bytes ? arith::MaxUIOp::create(b, loc, bytes, ofThis).getResult() : ofThis;
      SmallVector<Value> sizes =
          llvm::map_to_vector(alloc.getDynamicSizes(), [&](Value size) { return map.lookup(size); });
      Value view = memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(), shared, begin, sizes);
      map.map(alloc.getResult(), view);
    }
    begin = arith::AddIOp::create(b, loc, begin, bytes);
  }
  for (Operation *op : views)
    b.clone(*op, map);
  if (sharedBytes)
    *sharedBytes = begin;
  return function;
}

/// Number of iterations of each loop of the forall, as index values.
SmallVector<Value> createExtents(OpBuilder &b, Location loc, scf::ForallOp forall, IRMapping &map) {
  SmallVector<Value> extents;
  for (auto [lower, upper, step] :
       llvm::zip_equal(forall.getMixedLowerBound(), forall.getMixedUpperBound(), forall.getMixedStep())) {
    auto remap = [&](OpFoldResult bound) {
      Value value = getValueOrCreateConstantIndexOp(b, loc, bound);
      return map.lookupOrDefault(value);
    };
    Value span = arith::SubIOp::create(b, loc, remap(upper), remap(lower));
    extents.push_back(arith::CeilDivSIOp::create(b, loc, span, remap(step)));
  }
  return extents;
}

/// What both branches of an scf.if hand out is known without it.
void forwardEqualYields(Operation *root) {
  root->walk([](scf::IfOp branch) {
    if (branch.getNumResults() == 0)
      return;
    for (auto [result, ifTrue, ifFalse] :
         llvm::zip_equal(branch.getResults(), branch.thenYield().getOperands(), branch.elseYield().getOperands()))
      if (ifTrue == ifFalse)
        result.replaceAllUsesWith(ifTrue);
  });
}

/// The loop over parts becomes one part, and what follows it in its block is done by the part that is the last to be
/// done. `partials` begins with a count of those that are: 0 before the first.
LogicalResult takeOnePart(scf::ForallOp parts, Value part, Value numParts, Value partials) {
  Location loc = parts.getLoc();
  Block *block = parts->getBlock();
  IRRewriter rewriter(parts);
  if (parts.getNumResults() || parts.getRank() != 1)
    return parts.emitError("expects a bufferised loop over parts of the keys");
  rewriter.eraseOp(parts.getTerminator());
  rewriter.inlineBlockBefore(parts.getBody(), parts, part);
  rewriter.setInsertionPoint(parts);
  Value zero = arith::ConstantIndexOp::create(rewriter, loc, 0);
  Value one = arith::ConstantOp::create(rewriter, loc, rewriter.getI64IntegerAttr(1));
  Value count =
      memref::ViewOp::create(rewriter, loc, MemRefType::get({1}, rewriter.getI64Type()), partials, zero, ValueRange());
  // Acquires what the others wrote and releases what this one did.
  Value before = memref::AtomicRMWOp::create(rewriter, loc, arith::AtomicRMWKind::addi, one, count, zero);
  Value done = arith::AddIOp::create(rewriter, loc, before, one);
  Value all = arith::IndexCastOp::create(rewriter, loc, rewriter.getI64Type(), numParts);
  Value isLast = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, done, all);
  auto finish = scf::IfOp::create(rewriter, loc, isLast, /*withElseRegion=*/false);
  for (Operation &op : llvm::make_early_inc_range(
           llvm::make_range(std::next(parts->getIterator()), block->getTerminator()->getIterator())))
    rewriter.moveOpBefore(&op, finish.thenBlock()->getTerminator());
  rewriter.eraseOp(parts);
  return success();
}

/// As takeOnePart(), without what follows.
LogicalResult takePartAlone(scf::ForallOp parts, Value part) {
  IRRewriter rewriter(parts);
  if (parts.getNumResults() || parts.getRank() != 1)
    return parts.emitError("expects a bufferised loop over parts of the keys");
  while (parts->getNextNode() != parts->getBlock()->getTerminator())
    rewriter.eraseOp(parts->getBlock()->getTerminator()->getPrevNode());
  rewriter.eraseOp(parts.getTerminator());
  rewriter.inlineBlockBefore(parts.getBody(), parts, part);
  rewriter.eraseOp(parts);
  return success();
}

/// `suffix` of the functions of a stage: those of the first have no number.
std::string getStageSuffix(StringRef suffix, size_t stage) {
  return stage == 0 ? suffix.str() : (suffix + "_" + Twine(stage)).str();
}

/// What later passes and the caller have to know of the kernel, on the task function of its first stage; on the others
/// which stage they are.
DictionaryAttr describe(OpBuilder &b, const Kernel &kernel, size_t stage) {
  func::FuncOp function = kernel.function;
  SmallVector<NamedAttribute> attributes{b.getNamedAttr("name", function.getNameAttr())};
  if (stage > 0) {
    attributes.push_back(b.getNamedAttr("stage", b.getI64IntegerAttr(stage)));
    return b.getDictionaryAttr(attributes);
  }
  attributes.push_back(b.getNamedAttr("arguments", function->getAttr(kArgumentsName)));
  if (kernel.sharedBytes > 0)
    attributes.push_back(b.getNamedAttr("shared", b.getI64IntegerAttr(kernel.sharedBytes)));
  if (!kernel.places.empty())
    attributes.push_back(b.getNamedAttr(kSharedOfCallName, b.getUnitAttr()));
  if (!kernel.valueAsserts.empty())
    attributes.push_back(b.getNamedAttr(kChecksValuesName, b.getUnitAttr()));
  if (kernel.stages.size() > 1)
    attributes.push_back(b.getNamedAttr("stages", b.getI64IntegerAttr(kernel.stages.size())));
  return b.getDictionaryAttr(attributes);
}

/// Whether blocks of threads are tasks.
bool isForGpu(const Kernel &kernel) {
  auto plan = kernel.stages.front()->getAttrOfType<PlanAttr>(kPlanName);
  return plan && plan.getWarps();
}

/// The task function of a stage, or, where `isMerge`, NAME_merge.
LogicalResult createTask(OpBuilder &b, const Kernel &kernel, size_t stage, bool isMerge = false) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.function);
  scf::ForallOp forall = kernel.stages[stage];
  Operation *numSplits = kernel.numSplits[stage];
  Location loc = forall.getLoc();
  IRMapping map;
  auto scratchType = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  SmallVector<Type> extra{b.getIndexType()};
  if (numSplits)
    extra.append({b.getIndexType(), b.getIndexType(), scratchType});
  extra.push_back(scratchType);
  func::FuncOp task = createFunction(b, kernel, isMerge ? "_merge" : getStageSuffix("_task", stage), extra, {}, map);
  task->setAttr(kPlanName, forall->getAttr(kPlanName));
  task->setAttr(kKernelAttrName, describe(b, kernel, stage));
  // Tasks count the last loop, the row tiles of one head, fastest and backwards: neighbours share their keys, and where
  // a mask grows with the row the longest tiles of a head come first.
  SmallVector<Value> extents = createExtents(b, loc, forall, map);
  Value rest = task.getArgument(task.getNumArguments() - extra.size());
  auto lowers = forall.getMixedLowerBound(), steps = forall.getMixedStep();
  for (int64_t k = extents.size() - 1; k >= 0; --k) {
    Value position = k == 0 ? rest : Value(arith::RemUIOp::create(b, loc, rest, extents[k]));
    if (k != 0)
      rest = arith::DivUIOp::create(b, loc, rest, extents[k]);
    if (k == int64_t(extents.size()) - 1) {
      Value last = arith::SubIOp::create(b, loc, extents[k], arith::ConstantIndexOp::create(b, loc, 1));
      position = arith::SubIOp::create(b, loc, last, position);
    }
    auto bound = [&](OpFoldResult value) {
      return map.lookupOrDefault(getValueOrCreateConstantIndexOp(b, loc, value));
    };
    position = arith::MulIOp::create(b, loc, position, bound(steps[k]));
    position = arith::AddIOp::create(b, loc, position, bound(lowers[k]));
    map.map(forall.getInductionVar(k), position);
  }
  if (numSplits)
    map.map(numSplits->getResult(0), task.getArguments().take_back(3)[0]);
  for (Operation &op : forall.getBody()->without_terminator())
    b.clone(op, map);
  func::ReturnOp::create(b, loc);
  SmallVector<scf::ForallOp> loops;
  task.walk([&](scf::ForallOp loop) {
    if (loop->hasAttr(kSplitName))
      loops.push_back(loop);
  });
  if (loops.empty() == (numSplits != nullptr))
    return forall.emitError("expects a loop over parts of the keys and a number of splits, or neither");
  forwardEqualYields(task);
  ValueRange arguments = task.getArguments().take_back(4);
  for (scf::ForallOp loop : loops) {
    if (isMerge) {
      loop.erase();
      continue;
    }
    LogicalResult taken = isForGpu(kernel) ? takePartAlone(loop, arguments[0])
                                           : takeOnePart(loop, arguments[0], arguments[1], arguments[2]);
    if (failed(taken))
      return failure();
  }
  return success();
}

Value createProduct(OpBuilder &b, Location loc, ValueRange factors) {
  Value product = arith::ConstantIndexOp::create(b, loc, 1);
  for (Value factor : factors)
    product = arith::MulIOp::create(b, loc, product, factor);
  return product;
}

void createTaskCount(OpBuilder &b, const Kernel &kernel, size_t stage) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.function);
  scf::ForallOp forall = kernel.stages[stage];
  Location loc = forall.getLoc();
  IRMapping map;
  createFunction(b, kernel, getStageSuffix("_tasks", stage), {}, b.getIndexType(), map);
  func::ReturnOp::create(b, loc, createProduct(b, loc, createExtents(b, loc, forall, map)));
}

/// Parts of the keys are worth their merge where there are fewer iterations than workers. Four parts for each worker
/// keep the last of them from being waited for long. Iterations times parts are less than kMostPartsPerWorker *
/// workers.
void createSplits(OpBuilder &b, const Kernel &kernel, size_t stage) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.function);
  scf::ForallOp forall = kernel.stages[stage];
  Location loc = forall.getLoc();
  IRMapping map;
  func::FuncOp function =
      createFunction(b, kernel, getStageSuffix("_splits", stage), b.getIndexType(), b.getIndexType(), map);
  Value workers = function.getArguments().back();
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
  Value one = constant(1), tasks = createProduct(b, loc, createExtents(b, loc, forall, map));
  Value divisor = arith::MaxUIOp::create(b, loc, tasks, one);
  Value parts = arith::MulIOp::create(b, loc, workers, constant(kMostPartsPerWorker - 1));
  parts = arith::AddIOp::create(b, loc, parts, arith::SubIOp::create(b, loc, divisor, one));
  parts = arith::DivUIOp::create(b, loc, parts, divisor);
  Value limit = arith::MaxSIOp::create(b, loc, map.lookupOrDefault(kernel.numSplits[stage]->getOperand(0)), one);
  parts = arith::MinUIOp::create(b, loc, parts, limit);
  Value isFew = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, tasks, workers);
  func::ReturnOp::create(b, loc, ValueRange{arith::SelectOp::create(b, loc, isFew, parts, one)});
}

/// Bytes of all buffers between stages.
void createSharedBytes(OpBuilder &b, const Kernel &kernel) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.function);
  IRMapping map;
  Value bytes;
  createFunction(b, kernel, "_shared", {}, b.getIndexType(), map, /*withLoops=*/false, &bytes);
  func::ReturnOp::create(b, bytes.getLoc(), bytes);
}

/// NAME<suffix>, whose result is `failed` where one of `asserts` does not hold.
void createCheck(OpBuilder &b, const Kernel &kernel, StringRef suffix, ArrayRef<cf::AssertOp> asserts,
                 attn_status failed) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.function);
  Location loc = func::FuncOp(kernel.function).getLoc();
  IRMapping map;
  createFunction(b, kernel, suffix, {}, b.getI32Type(), map, /*withLoops=*/failed == ATTN_ERROR_POSITION);
  Value ok = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(ATTN_OK));
  Value error = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(failed));
  Value status = ok;
  for (cf::AssertOp assertOp : asserts)
    status = arith::SelectOp::create(b, loc, map.lookupOrDefault(assertOp.getArg()), status, error);
  func::ReturnOp::create(b, loc, status);
}

struct OutlineTasks : impl::AttnOutlineTasksPassBase<OutlineTasks> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    getOperation().walk([&](func::FuncOp function) {
      if (function->hasAttr(kArgumentsName))
        functions.push_back(function);
    });
    OpBuilder b(&getContext());
    for (func::FuncOp function : functions) {
      FailureOr<Kernel> kernel = findKernel(function);
      if (failed(kernel))
        return signalPassFailure();
      for (size_t stage = 0; stage < kernel->stages.size(); ++stage) {
        if (failed(createTask(b, *kernel, stage)))
          return signalPassFailure();
        if (kernel->numSplits[stage] && isForGpu(*kernel) && failed(createTask(b, *kernel, stage, /*isMerge=*/true)))
          return signalPassFailure();
        if (kernel->numSplits[stage])
          createSplits(b, *kernel, stage);
        createTaskCount(b, *kernel, stage);
      }
      if (!kernel->places.empty())
        createSharedBytes(b, *kernel);
      createCheck(b, *kernel, "_check", kernel->asserts, ATTN_ERROR_SHAPE);
      if (!kernel->valueAsserts.empty())
        createCheck(b, *kernel, "_check_values", kernel->valueAsserts, ATTN_ERROR_POSITION);
      function.erase();
    }
  }
};

} // namespace
} // namespace attn
