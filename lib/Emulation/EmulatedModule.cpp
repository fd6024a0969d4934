// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Emulation/EmulatedModule.h"

#include "attn/Support/Optimize.h"
#include "attn/Target/NVIDIA/Passes.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <mutex>

using namespace attn;

EmulatedModule::EmulatedModule() = default;
EmulatedModule::~EmulatedModule() = default;

llvm::Expected<std::unique_ptr<EmulatedModule>> EmulatedModule::load(mlir::ModuleOp module) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  mlir::registerBuiltinDialectTranslation(*module->getContext());
  mlir::registerLLVMDialectTranslation(*module->getContext());
  mlir::PassManager pm(module->getContext());
  pm.addPass(createAttnEmulateNVVMPass());
  if (mlir::failed(pm.run(module)))
    return llvm::createStringError("the module holds what the emulator does not know");

  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  auto machine = builder->createTargetMachine();
  if (!machine)
    return machine.takeError();
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> translated = mlir::translateModuleToLLVMIR(module, *context, "emulated");
  if (!translated)
    return llvm::createStringError("the module has no form in LLVM IR");
  translated->setDataLayout((*machine)->createDataLayout());
  translated->setTargetTriple((*machine)->getTargetTriple());
  // Kernels are unrolled into thousands of instructions on small structs, which code generation alone would leave on
  // the stack.
  optimize(*translated, **machine, /*optLevel=*/1);

  std::unique_ptr<EmulatedModule> result(new EmulatedModule);
  auto jit = llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*builder)).create();
  if (!jit)
    return jit.takeError();
  result->jit = std::move(*jit);
  llvm::orc::SymbolMap symbols;
  for (const emulator::Symbol &symbol : emulator::getSymbols())
    symbols[result->jit->mangleAndIntern(symbol.name)] = {llvm::orc::ExecutorAddr::fromPtr(symbol.address),
                                                          llvm::JITSymbolFlags::Exported};
  if (llvm::Error error = result->jit->getMainJITDylib().define(llvm::orc::absoluteSymbols(std::move(symbols))))
    return std::move(error);
  if (llvm::Error error = result->jit->addIRModule({std::move(translated), std::move(context)}))
    return std::move(error);
  auto bytes = result->jit->lookup("attn_emu_static_shared_bytes");
  if (!bytes)
    return bytes.takeError();
  result->staticSharedBytes = *bytes->toPtr<const int64_t *>();
  return result;
}

llvm::Expected<emulator::Report> EmulatedModule::launch(llvm::StringRef name, llvm::ArrayRef<const void *> arguments,
                                                        emulator::LaunchOptions options) const {
  auto kernel = jit->lookup(("attn_emu_kernel_" + name).str());
  if (!kernel)
    return kernel.takeError();
  options.staticSharedBytes = staticSharedBytes;
  int64_t threads = 1;
  for (int axis = 0; axis < 3; ++axis) {
    if (options.grid[axis] < 1 || options.block[axis] < 1)
      return llvm::createStringError("expects a grid and blocks of at least 1 in each dimension");
    threads *= options.block[axis];
  }
  if (threads > 1024)
    return llvm::createStringError("expects at most 1024 threads a block, got %lld", (long long)threads);
  if (options.staticSharedBytes + options.dynamicSharedBytes > emulator::kMaxSharedBytes)
    return llvm::createStringError("expects at most %zu bytes of shared memory a block, got %zu",
                                   emulator::kMaxSharedBytes, options.staticSharedBytes + options.dynamicSharedBytes);
  return emulator::launch(kernel->toPtr<emulator::Kernel>(), const_cast<void *const *>(arguments.data()), options);
}
