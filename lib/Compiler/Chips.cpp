// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Chips.h"

#include "Versions.h"

#include "attn-c/Gpu.h"

#include "llvm/ADT/StringExtras.h"

using namespace attn;

/// `i32 NAME(ptr call, ..)`: the version that call->choose names.
static void buildEntry(llvm::Module &module, llvm::StringRef name, llvm::ArrayRef<llvm::Function *> versions,
                       llvm::ArrayRef<llvm::GlobalVariable *> descriptions) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Function *function =
      makeFunction(module, name, versions.front()->getFunctionType(), llvm::GlobalValue::ExternalLinkage);
  auto makeBlock = [&](llvm::StringRef label) { return llvm::BasicBlock::Create(context, label, function); };
  llvm::IRBuilder<> b(&function->back());
  auto continueUnless = [&](llvm::Value *condition, int32_t status) {
    llvm::BasicBlock *refuse = makeBlock("refuse"), *go = makeBlock("go");
    b.CreateCondBr(condition, refuse, go);
    b.SetInsertPoint(refuse);
    b.CreateRet(b.getInt32(status));
    b.SetInsertPoint(go);
  };
  // attn_gpu_call: version, workers, launch, device, stream, choose, and more.
  llvm::Type *i32 = b.getInt32Ty(), *ptr = b.getPtrTy();
  auto *callType = llvm::StructType::get(context, {i32, i32, ptr, ptr, ptr, ptr});
  llvm::Value *call = function->getArg(0);
  auto load = [&](llvm::Type *type, unsigned member) {
    return b.CreateLoad(type, b.CreateStructGEP(callType, call, member));
  };
  continueUnless(b.CreateIsNull(call), ATTN_ERROR_ABI);
  continueUnless(b.CreateICmpNE(load(i32, 0), b.getInt32(ATTN_ABI_VERSION)), ATTN_ERROR_ABI);
  llvm::Value *choose = load(ptr, 5);
  continueUnless(b.CreateIsNull(choose), ATTN_ERROR_NULL);

  llvm::SmallVector<llvm::Constant *> addresses(descriptions);
  auto *tableType = llvm::ArrayType::get(ptr, addresses.size());
  auto *table = new llvm::GlobalVariable(module, tableType, /*isConstant=*/true, llvm::GlobalValue::InternalLinkage,
                                         llvm::ConstantArray::get(tableType, addresses), name + ".chips");
  auto *chooseType = llvm::FunctionType::get(i32, {ptr, ptr, i32}, false);
  llvm::Value *chosen = b.CreateCall(chooseType, choose, {load(ptr, 3), table, b.getInt32(addresses.size())});
  buildDispatch(b, chosen, /*first=*/0, versions, b.getInt32(ATTN_ERROR_DEVICE));
}

/// `size_t NAME_workspace_size(i32 workers)`: enough for each version.
static void buildWorkspaceSize(llvm::Module &module, llvm::StringRef name, llvm::ArrayRef<llvm::Function *> versions) {
  llvm::Function *function =
      makeFunction(module, name, versions.front()->getFunctionType(), llvm::GlobalValue::ExternalLinkage);
  llvm::IRBuilder<> b(&function->back());
  llvm::Value *most = nullptr;
  for (llvm::Function *version : versions) {
    llvm::Value *bytes = b.CreateCall(version, function->getArg(0));
    most = most ? b.CreateBinaryIntrinsic(llvm::Intrinsic::umax, most, bytes) : bytes;
  }
  b.CreateRet(most);
}

llvm::Expected<std::unique_ptr<llvm::Module>> attn::joinChips(std::vector<std::unique_ptr<llvm::Module>> modules,
                                                              llvm::ArrayRef<GPUDescription> chips,
                                                              llvm::ArrayRef<KernelSignature> kernels) {
  auto getDescription = [](const KernelSignature &kernel) {
    return kernel.getSymbol(("kernel" + kDescriptionSuffix).str());
  };
  std::vector<std::string> globals;
  for (const KernelSignature &kernel : kernels)
    globals.push_back(getDescription(kernel));
  llvm::Expected<Versions> versions = linkVersions(std::move(modules), kernels, globals);
  if (!versions)
    return versions.takeError();
  llvm::Module &module = *versions->module;
  std::string names = llvm::join(llvm::map_range(chips, [](const GPUDescription &gpu) { return gpu.chip; }), ", ");
  for (const KernelSignature &kernel : kernels) {
    buildEntry(module, kernel.name, versions->getFunctions(kernel.name), versions->getGlobals(getDescription(kernel)));
    std::string size = kernel.getSymbol("workspace_size");
    buildWorkspaceSize(module, size, versions->getFunctions(size));
    auto buildConstant = [&](llvm::StringRef suffix, llvm::Constant *value) {
      llvm::Function *function =
          makeFunction(module, kernel.getSymbol(suffix), llvm::FunctionType::get(value->getType(), false),
                       llvm::GlobalValue::ExternalLinkage);
      llvm::ReturnInst::Create(module.getContext(), value, &function->back());
    };
    llvm::IRBuilder<> b(module.getContext());
    buildConstant("abi_version", b.getInt32(ATTN_ABI_VERSION));
    buildConstant("description", b.CreateGlobalString(describeKernel(kernel, names), "", 0, &module));
  }
  return std::move(versions->module);
}
