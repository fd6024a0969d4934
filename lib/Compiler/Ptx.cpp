// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Compiler/Ptx.h"

#include "attn/Support/Optimize.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <cstdlib>
#include <mutex>

using namespace mlir;
using namespace attn;

/// PTX of a chip is assembled for any later one. For sm_100 and later LLVM 22 keeps f32 in pairs of registers, of which
/// the kernels use nothing and for which ptxas spills (D = 128, causal: 1088 bytes on sm_100, 1148 on sm_120); PTX of
/// sm_90 takes 232 and 227 registers there, without spills.
static StringRef getCodeChip(StringRef chip) {
  return llvm::StringSwitch<StringRef>(chip).Cases({"sm_100", "sm_120"}, "sm_90").Default(chip);
}

static std::unique_ptr<llvm::TargetMachine> createMachine(const GPUDescription &gpu, unsigned optLevel) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  auto level = *llvm::CodeGenOpt::getLevel(optLevel);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, getCodeChip(gpu.chip), "+ptx80", llvm::TargetOptions(), std::nullopt, std::nullopt, level));
}

static FailureOr<std::string> compile(Operation *gpuModule, const GPUDescription &gpu, unsigned optLevel, bool toPtx) {
  MLIRContext *context = gpuModule->getContext();
  registerBuiltinDialectTranslation(*context);
  registerGPUDialectTranslation(*context);
  registerLLVMDialectTranslation(*context);
  registerNVVMDialectTranslation(*context);
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(gpu, optLevel);
  if (!machine)
    return gpuModule->emitError("this build of LLVM has no code generator for NVIDIA GPUs");
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> module = translateModuleToLLVMIR(gpuModule, llvmContext, "device");
  if (!module)
    return failure();
  module->setTargetTriple(machine->getTargetTriple());
  module->setDataLayout(machine->createDataLayout());
  optimize(*module, *machine, optLevel);
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream os(text);
  if (!toPtx) {
    module->print(os, nullptr);
    return text.str().str();
  }
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, os, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return gpuModule->emitError("LLVM cannot emit PTX for ") << gpu.chip;
  passes.run(*module);
  return text.str().str();
}

FailureOr<std::string> attn::compileToPtx(Operation *gpuModule, const GPUDescription &gpu, unsigned optLevel) {
  return compile(gpuModule, gpu, optLevel, /*toPtx=*/true);
}

FailureOr<std::string> attn::compileToDeviceIR(Operation *gpuModule, const GPUDescription &gpu, unsigned optLevel) {
  return compile(gpuModule, gpu, optLevel, /*toPtx=*/false);
}

static llvm::Expected<std::string> findAssembler() {
  for (const char *variable : {"CUDA_HOME", "CUDA_ROOT"})
    if (const char *root = std::getenv(variable)) {
      llvm::SmallString<128> path(root);
      llvm::sys::path::append(path, "bin", "ptxas");
      if (llvm::sys::fs::can_execute(path))
        return path.str().str();
    }
  if (auto path = llvm::sys::findProgramByName("ptxas"))
    return *path;
  return llvm::createStringError("--emit=cubin needs NVIDIA's assembler: there is no ptxas in the bin folder of "
                                 "CUDA_HOME or CUDA_ROOT, nor on PATH (it is part of the CUDA toolkit, and of the "
                                 "Python package nvidia-cuda-nvcc; --emit=ptx needs none)");
}

llvm::Expected<std::string> attn::assemble(llvm::StringRef ptx, const GPUDescription &gpu) {
  auto assembler = findAssembler();
  if (!assembler)
    return assembler.takeError();
  llvm::SmallString<128> input, output, messages;
  llvm::scope_exit cleanUp([&] {
    for (llvm::StringRef temporary : {input.str(), output.str(), messages.str()})
      if (!temporary.empty())
        llvm::sys::fs::remove(temporary);
  });
  int fd;
  if (auto error = llvm::sys::fs::createTemporaryFile("attn", "ptx", fd, input))
    return llvm::createStringError("cannot write PTX for the assembler: " + error.message());
  {
    llvm::raw_fd_ostream os(fd, /*shouldClose=*/true);
    os << ptx;
  }
  if (auto error = llvm::sys::fs::createTemporaryFile("attn", "cubin", output))
    return llvm::createStringError("cannot write machine code: " + error.message());
  if (auto error = llvm::sys::fs::createTemporaryFile("attn", "txt", messages))
    return llvm::createStringError("cannot write the assembler's messages: " + error.message());
  std::string architecture = "-arch=" + gpu.chip, message;
  llvm::StringRef arguments[] = {*assembler, architecture, input, "-o", output};
  int status = llvm::sys::ExecuteAndWait(*assembler, arguments, /*Env=*/std::nullopt,
                                         {llvm::StringRef(""), messages.str(), messages.str()},
                                         /*SecondsToWait=*/0, /*MemoryLimit=*/0, &message);
  if (status != 0) {
    if (auto text = llvm::MemoryBuffer::getFile(messages))
      message += (*text)->getBuffer().rtrim();
    return llvm::createStringError("the assembler " + *assembler + " failed: " + message);
  }
  auto code = llvm::MemoryBuffer::getFile(output, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!code)
    return llvm::createStringError("cannot read the assembler's output: " + code.getError().message());
  return (*code)->getBuffer().str();
}
