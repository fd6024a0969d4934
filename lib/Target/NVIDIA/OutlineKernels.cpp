// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-outline-kernels: a task becomes what one block of threads does. The host keeps how many there are, and the
// check.
#include "FragmentPatterns.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Target/NVIDIA/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
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
    ArrayRef<Type> types = task.getArgumentTypes();
    if (types.size() < 2 || !types[types.size() - 2].isIndex() || !task.getArgument(types.size() - 1).use_empty())
      return task.emitError("expects a task function (arguments.., task, scratch) that leaves scratch alone");
    OpBuilder b(task);
    auto device = gpu::GPUModuleOp::create(b, loc, name + "_device");
    b.setInsertionPointToStart(device.getBody());
    size_t numArguments = types.size() - 2;
    auto kernel = func::FuncOp::create(b, loc, name + "_kernel", b.getFunctionType(types.take_front(numArguments), {}));
    auto launch = b.getDictionaryAttr({b.getNamedAttr("kernel", kernel.getNameAttr()),
                                       b.getNamedAttr("threads", b.getI64IntegerAttr(32 * plan.getWarps()))});
    kernel->setAttr(kLaunchName, launch);
    b.setInsertionPointToStart(kernel.addEntryBlock());
    // Blocks are counted by one number: the first task is the longest.
    Value block = NVVM::BlockIdXOp::create(b, loc, b.getI32Type());
    IRMapping mapping;
    for (size_t i = 0; i < numArguments; ++i)
      mapping.map(task.getArgument(i), kernel.getArgument(i));
    mapping.map(task.getArgument(numArguments),
                arith::IndexCastUIOp::create(b, loc, b.getIndexType(), block).getResult());
    for (Operation &op : task.getBody().front())
      b.clone(op, mapping);
    // What is left of the task on the host: a name, and what the world needs to know.
    task.getBody().getBlocks().clear();
    task->setAttr(kLaunchName, launch);
    task->removeAttr("passthrough");
    if (auto signature = task->getAttrOfType<DictionaryAttr>("attn.kernel")) {
      NamedAttrList list(signature);
      list.set("workspace", b.getI64IntegerAttr(0));
      task->setAttr("attn.kernel", list.getDictionary(&getContext()));
    }
    return success();
  }
};

} // namespace
} // namespace attn
