// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "KernelFixture.h"

#include "attn/Pipelines/Registration.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

namespace attn::test {

static mlir::DialectRegistry makeRegistry() {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  return registry;
}

TestKernel::TestKernel(const std::string &text) : context(makeRegistry(), mlir::MLIRContext::Threading::DISABLED) {
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    error += diagnostic.str() + "\n";
    return mlir::success();
  });
  mlir::OwningOpRef<mlir::ModuleOp> parsed = mlir::parseSourceString<mlir::ModuleOp>(text, &context, "kernel.mlir");
  if (!parsed)
    return;
  mlir::PassManager pm(&context);
  pm.addPass(mlir::createSCFToControlFlowPass());
  pm.addPass(mlir::createArithToLLVMConversionPass());
  pm.addPass(mlir::createConvertControlFlowToLLVMPass());
  pm.addPass(mlir::createConvertFuncToLLVMPass());
  pm.addPass(mlir::createReconcileUnrealizedCastsPass());
  if (mlir::failed(pm.run(*parsed)))
    return;
  // Only a function of the llvm dialect may carry it.
  if (auto kernel = parsed->lookupSymbol<mlir::LLVM::LLVMFuncOp>("kernel"))
    kernel->setAttr("nvvm.kernel", mlir::UnitAttr::get(&context));
  auto loaded = EmulatedModule::load(*parsed);
  if (loaded)
    module = std::move(*loaded);
  else
    error += llvm::toString(loaded.takeError());
}

emulator::Report TestKernel::run(emulator::LaunchOptions options, std::vector<int32_t> scalars) const {
  if (!module) {
    ADD_FAILURE() << error;
    return {};
  }
  std::vector<const void *> addresses;
  for (const emulator::Buffer &buffer : options.buffers)
    addresses.push_back(&buffer.data);
  for (const int32_t &scalar : scalars)
    addresses.push_back(&scalar);
  auto report = module->launch("kernel", addresses, options);
  if (report)
    return *report;
  ADD_FAILURE() << llvm::toString(report.takeError());
  return {};
}

} // namespace attn::test
