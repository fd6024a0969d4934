// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-outline-kernels: a task becomes what one block of threads does. The host keeps how many there are, and the
// check.
#include "FragmentPatterns.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Support/KernelAttributes.h"
#include "attn/Target/NVIDIA/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"

#define DEBUG_TYPE "attn-outline-kernels"

namespace attn {
#define GEN_PASS_DEF_ATTNOUTLINEKERNELSPASS
#include "attn/Target/NVIDIA/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

constexpr StringLiteral kTaskSuffix = "_task";
/// What a task function takes behind the arguments of the kernel: task, scratch; or task, part, parts, partials,
/// scratch.
constexpr size_t kArguments = 2, kSplitArguments = 5;

struct OutlineKernels : impl::AttnOutlineKernelsPassBase<OutlineKernels> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> tasks;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (auto plan = function->getAttrOfType<PlanAttr>(kPlanName);
          plan && plan.getWarps() && !function.isExternal() && function.getName().ends_with(kTaskSuffix))
        tasks.push_back(function);
    for (func::FuncOp task : tasks)
      if (failed(outline(task, task->getAttrOfType<PlanAttr>(kPlanName))))
        return signalPassFailure();
    if (!tasks.empty())
      getOperation()->setAttr(gpu::GPUDialect::getContainerModuleAttrName(), UnitAttr::get(&getContext()));
  }

private:
  LogicalResult outline(func::FuncOp task, PlanAttr plan) {
    Location loc = task.getLoc();
    std::string name = task.getName().drop_back(kTaskSuffix.size()).str();
    auto signature = task->getAttrOfType<DictionaryAttr>("attn.kernel");
    auto partials = signature ? signature.getAs<IntegerAttr>("partials") : IntegerAttr();
    ArrayRef<Type> types = task.getArgumentTypes();
    size_t numOwn = partials ? kSplitArguments : kArguments;
    if (types.size() < numOwn || !types[types.size() - numOwn].isIndex() ||
        !task.getArgument(types.size() - 1).use_empty())
      return task.emitError("expects a task function (arguments.., task, scratch) that leaves scratch alone");
    OpBuilder b(task);
    auto device = gpu::GPUModuleOp::create(b, loc, name + "_device");
    b.setInsertionPointToStart(device.getBody());
    outline(b, task, plan, name + "_kernel", partials, /*isMerge=*/false);
    if (partials) {
      auto merge = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(task, b.getStringAttr(name + "_merge"));
      if (!merge || merge.getArgumentTypes() != types)
        return task.emitError("expects a function '") << name << "_merge' with its arguments";
      merge->removeAttr("attn.kernel");
      b.setInsertionPointToEnd(device.getBody());
      outline(b, merge, plan, name + "_merge_kernel", partials, /*isMerge=*/true);
    }
    if (signature) {
      NamedAttrList list(signature);
      list.set("workspace", b.getI64IntegerAttr(0));
      list.set(kIsLaunchedName, b.getUnitAttr());
      task->setAttr("attn.kernel", list.getDictionary(&getContext()));
    }
    return success();
  }

  /// Moves the body of `task` to a function of a block. `partials` are bytes of the state of one part; null where keys
  /// are not divided.
  void outline(OpBuilder &b, func::FuncOp task, PlanAttr plan, StringRef name, IntegerAttr partials, bool isMerge) {
    OpBuilder::InsertionGuard guard(b);
    Location loc = task.getLoc();
    ArrayRef<Type> types = task.getArgumentTypes();
    size_t numArguments = types.size() - (partials ? kSplitArguments : kArguments);
    SmallVector<Type> inputs(types.take_front(numArguments));
    if (partials)
      inputs.append({b.getIndexType(), types[types.size() - 2]});
    auto kernel = func::FuncOp::create(b, loc, name, b.getFunctionType(inputs, {}));
    auto launch = b.getDictionaryAttr({b.getNamedAttr("kernel", kernel.getNameAttr()),
                                       b.getNamedAttr("threads", b.getI64IntegerAttr(32 * plan.getWarps()))});
    kernel->setAttr(kLaunchName, launch);
    b.setInsertionPointToStart(kernel.addEntryBlock());
    // Blocks are counted by one number: the first task is the longest.
    Value block = NVVM::BlockIdXOp::create(b, loc, b.getI32Type());
    block = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), block);
    IRMapping mapping;
    for (size_t i = 0; i < numArguments; ++i)
      mapping.map(task.getArgument(i), kernel.getArgument(i));
    if (!partials) {
      mapping.map(task.getArgument(numArguments), block);
    } else {
      // Parts of a task are neighbours, and so are their states.
      Value parts = kernel.getArgument(numArguments), memory = kernel.getArgument(numArguments + 1), part = block;
      if (!isMerge) {
        part = arith::RemUIOp::create(b, loc, block, parts);
        block = arith::DivUIOp::create(b, loc, block, parts);
      }
      auto number = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, loc, value); };
      Value bytes = arith::MulIOp::create(b, loc, parts, number(partials.getInt()));
      bytes = arith::AddIOp::create(b, loc, bytes, number(kPartialsHeaderBytes));
      Value own = memref::ViewOp::create(b, loc, cast<MemRefType>(memory.getType()), memory,
                                         arith::MulIOp::create(b, loc, block, bytes), ValueRange{bytes});
      for (auto [i, value] : llvm::enumerate(std::array<Value, 4>{block, part, parts, own}))
        mapping.map(task.getArgument(numArguments + i), value);
    }
    for (Operation &op : task.getBody().front())
      b.clone(op, mapping);
    // What is left of the task on the host: a name, and what the world needs to know.
    task.getBody().getBlocks().clear();
    task->setAttr(kLaunchName, launch);
    task->removeAttr("passthrough");
  }
};

} // namespace
} // namespace attn
