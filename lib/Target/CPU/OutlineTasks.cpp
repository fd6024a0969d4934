// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-outline-tasks: the body of the parallel loop becomes a function of a task number.
//
// Takes a bufferised kernel function: scalar code and cf.assert, then one scf.forall. Leaves three functions:
// NAME_task(arguments.., task, scratch) is one iteration, NAME_tasks(arguments..) their number, NAME_check(arguments..)
// a status: 0, or the error code of the first assertion that does not hold. Who runs the tasks, and in how many
// threads, is the caller's business.
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
  scf::ForallOp forall;
  SmallVector<cf::AssertOp> asserts;
};

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

FailureOr<Kernel> findKernel(func::FuncOp function) {
  Kernel kernel{function, nullptr, {}};
  if (!function.getBody().hasOneBlock())
    return function.emitError("expects a kernel function of one block");
  eraseSelfCopies(function.getBody().front());
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (auto assertOp = dyn_cast<cf::AssertOp>(op)) {
      kernel.asserts.push_back(assertOp);
    } else if (auto forall = dyn_cast<scf::ForallOp>(op)) {
      if (kernel.forall)
        return forall.emitError("expects one parallel loop in a kernel function, got a second one");
      kernel.forall = forall;
    } else if (splitsIntoUnknownSizes(op)) {
      return op.emitError(
          "cannot compile grouped heads of an unknown number of key heads: give 'key' and 'value' a static "
          "number of heads Hkv");
    } else if (!isMemoryEffectFree(&op)) {
      return op.emitError("'") << op.getName()
                               << "' outside of the parallel loop of a kernel: only scalar code may stand there";
    }
  }
  if (!kernel.forall)
    return function.emitError("expects a parallel loop (scf.forall) in a kernel function");
  if (kernel.forall.getNumResults())
    return kernel.forall.emitError("expects a bufferised parallel loop, got one with results");
  if (function.getNumResults())
    return function.emitError("expects a kernel function without results: run attn-prepare-abi first");
  return kernel;
}

/// A private function NAME<suffix> with the arguments of the kernel and `extra` ones; its body holds the kernel's
/// scalar code.
func::FuncOp createFunction(OpBuilder &b, Kernel kernel, StringRef suffix, TypeRange extra, TypeRange results,
                            IRMapping &map) {
  SmallVector<Type> inputs(kernel.function.getArgumentTypes());
  llvm::append_range(inputs, extra);
  Location loc = kernel.function.getLoc();
  auto function = func::FuncOp::create(b, loc, (kernel.function.getName() + suffix).str(),
                                       FunctionType::get(b.getContext(), inputs, results));
  function.setPrivate();
  // memset and memcpy must not be made of our loops: the object has no undefined symbols.
  function->setAttr("passthrough", b.getStrArrayAttr({"no-builtins"}));
  b.setInsertionPointToStart(function.addEntryBlock());
  map.map(kernel.function.getArguments(), function.getArguments().take_front(kernel.function.getNumArguments()));
  for (Operation &op : kernel.function.getBody().front().without_terminator())
    if (!isa<scf::ForallOp, cf::AssertOp>(op))
      b.clone(op, map);
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

void createTask(OpBuilder &b, Kernel kernel) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.function);
  Location loc = kernel.forall.getLoc();
  IRMapping map;
  auto scratchType = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  func::FuncOp task = createFunction(b, kernel, "_task", {b.getIndexType(), scratchType}, {}, map);
  task->setAttr(kPlanName, kernel.forall->getAttr(kPlanName));
  task->setAttr(kKernelAttrName,
                b.getDictionaryAttr({b.getNamedAttr("name", kernel.function.getNameAttr()),
                                     b.getNamedAttr("arguments", kernel.function->getAttr(kArgumentsName))}));
  // Tasks count the last loop, the row tiles of one head, fastest and backwards: neighbours share their keys, and where
  // a mask grows with the row the longest tiles of a head come first.
  SmallVector<Value> extents = createExtents(b, loc, kernel.forall, map);
  Value rest = task.getArgument(kernel.function.getNumArguments());
  scf::ForallOp forall = kernel.forall;
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
  for (Operation &op : forall.getBody()->without_terminator())
    b.clone(op, map);
  func::ReturnOp::create(b, loc);
}

void createTaskCount(OpBuilder &b, Kernel kernel) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.function);
  Location loc = kernel.forall.getLoc();
  IRMapping map;
  createFunction(b, kernel, "_tasks", {}, b.getIndexType(), map);
  Value count = arith::ConstantIndexOp::create(b, loc, 1);
  for (Value extent : createExtents(b, loc, kernel.forall, map))
    count = arith::MulIOp::create(b, loc, count, extent);
  func::ReturnOp::create(b, loc, count);
}

void createCheck(OpBuilder &b, Kernel kernel) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(kernel.function);
  Location loc = kernel.function.getLoc();
  IRMapping map;
  createFunction(b, kernel, "_check", {}, b.getI32Type(), map);
  Value ok = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(ATTN_OK));
  Value error = arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(ATTN_ERROR_SHAPE));
  Value status = ok;
  for (cf::AssertOp assertOp : kernel.asserts)
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
      createTask(b, *kernel);
      createTaskCount(b, *kernel);
      createCheck(b, *kernel);
      function.erase();
    }
  }
};

} // namespace
} // namespace attn
