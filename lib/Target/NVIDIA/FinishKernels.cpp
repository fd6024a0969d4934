// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-finish-kernels: what only a function of the llvm dialect may say, and what the host must know of it.
#include "FragmentPatterns.h"
#include "attn/Target/NVIDIA/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#define DEBUG_TYPE "attn-finish-kernels"

namespace attn {
#define GEN_PASS_DEF_ATTNFINISHKERNELSPASS
#include "attn/Target/NVIDIA/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

struct FinishKernels : impl::AttnFinishKernelsPassBase<FinishKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    Builder b(&getContext());
    module.walk([&](gpu::GPUModuleOp device) {
      for (auto kernel : device.getOps<LLVM::LLVMFuncOp>()) {
        auto launch = kernel->getAttrOfType<DictionaryAttr>(kLaunchName);
        if (!launch)
          continue;
        kernel->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
        int32_t threads = launch.getAs<IntegerAttr>("threads").getInt();
        kernel->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), b.getDenseI32ArrayAttr({threads, 1, 1}));
        kernel->removeAttr(kLaunchName);
        for (auto host : module.getOps<LLVM::LLVMFuncOp>())
          if (auto of = host->getAttrOfType<DictionaryAttr>(kLaunchName);
              of && of.get("kernel") == kernel.getNameAttr())
            host->setAttr(kLaunchName, launch);
      }
    });
  }
};

} // namespace
} // namespace attn
