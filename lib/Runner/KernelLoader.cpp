// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "KernelLoader.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

using namespace attn;

static constexpr llvm::StringLiteral kTrampoline("attn_run_trampoline");

/// The LLVM type by which C passes this scalar.
static llvm::Type *getScalarType(ElementType type, llvm::LLVMContext &context) {
  if (type == ElementType::F32)
    return llvm::Type::getFloatTy(context);
  if (type == ElementType::F64)
    return llvm::Type::getDoubleTy(context);
  return llvm::IntegerType::get(context, 8 * getByteSize(type));
}

/// `i32 trampoline(ptr function, ptr call, ptr arguments)`: how many arguments of which type a kernel has is known only
/// now, and C++ has no call for that.
static llvm::orc::ThreadSafeModule buildTrampoline(const KernelSignature &signature) {
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = std::make_unique<llvm::Module>("trampoline", *context);
  llvm::Type *i32 = llvm::Type::getInt32Ty(*context), *ptr = llvm::PointerType::get(*context, 0);
  auto *type = llvm::FunctionType::get(i32, {ptr, ptr, ptr}, false);
  auto *function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, kTrampoline, *module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(*context, "", function));
  llvm::SmallVector<llvm::Type *> types{ptr};
  llvm::SmallVector<llvm::Value *> values{function->getArg(1)};
  for (size_t i = 0; i < signature.arguments.size(); ++i) {
    const KernelArgument &argument = signature.arguments[i];
    llvm::Value *value = b.CreateLoad(ptr, b.CreateConstInBoundsGEP1_64(ptr, function->getArg(2), i));
    if (argument.isScalar())
      value = b.CreateLoad(getScalarType(argument.type, *context), value);
    types.push_back(value->getType());
    values.push_back(value);
  }
  b.CreateRet(b.CreateCall(llvm::FunctionType::get(i32, types, false), function->getArg(0), values));
  return {std::move(module), std::move(context)};
}

LoadedKernel::LoadedKernel() = default;
LoadedKernel::~LoadedKernel() = default;

llvm::Expected<std::unique_ptr<LoadedKernel>> LoadedKernel::load(llvm::StringRef object,
                                                                 const KernelSignature &signature) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  std::unique_ptr<LoadedKernel> kernel(new LoadedKernel);
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  kernel->jit = std::move(*jit);
  if (llvm::Error error = kernel->jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object, signature.name)))
    return std::move(error);
  if (llvm::Error error = kernel->jit->addIRModule(buildTrampoline(signature)))
    return std::move(error);
  auto find = [&](llvm::StringRef name) -> llvm::Expected<void *> {
    auto address = kernel->jit->lookup(name);
    if (!address)
      return address.takeError();
    return address->toPtr<void *>();
  };
  llvm::Expected<void *> function = find(signature.name), trampoline = find(kTrampoline),
                         workspaceSize = find(signature.getSymbol("workspace_size"));
  if (llvm::Error error =
          llvm::joinErrors(llvm::joinErrors(function.takeError(), trampoline.takeError()), workspaceSize.takeError()))
    return std::move(error);
  kernel->function = *function;
  kernel->trampoline = reinterpret_cast<decltype(kernel->trampoline)>(*trampoline);
  kernel->workspaceSize = reinterpret_cast<decltype(kernel->workspaceSize)>(*workspaceSize);
  return kernel;
}
