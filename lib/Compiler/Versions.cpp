// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Versions.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Linker/Linker.h"

using namespace attn;

/// "causal" of version 1 is "causal.1".
static std::string getVersionName(llvm::StringRef name, size_t index) {
  return (name + "." + llvm::Twine(index)).str();
}

llvm::SmallVector<llvm::Function *> Versions::getFunctions(llvm::StringRef name) const {
  return llvm::map_to_vector(llvm::seq(count),
                             [&](size_t index) { return module->getFunction(getVersionName(name, index)); });
}

llvm::SmallVector<llvm::GlobalVariable *> Versions::getGlobals(llvm::StringRef name) const {
  return llvm::map_to_vector(llvm::seq(count),
                             [&](size_t index) { return module->getNamedGlobal(getVersionName(name, index)); });
}

llvm::SmallVector<std::string> attn::getQuestions(const KernelSignature &kernel) {
  llvm::SmallVector<std::string> names;
  for (const char *suffix : {"workspace_size", "abi_version", "description"})
    names.push_back(kernel.getSymbol(suffix));
  if (kernel.isSharedOfCall)
    names.push_back(kernel.getSymbol(kCallWorkspaceSuffix));
  return names;
}

llvm::Expected<Versions> attn::linkVersions(std::vector<std::unique_ptr<llvm::Module>> modules,
                                            llvm::ArrayRef<KernelSignature> kernels,
                                            llvm::ArrayRef<std::string> globals) {
  std::vector<std::string> names(globals);
  for (const KernelSignature &kernel : kernels) {
    names.push_back(kernel.name);
    llvm::append_range(names, getQuestions(kernel));
  }
  for (auto [index, module] : llvm::enumerate(modules))
    for (const std::string &name : names)
      module->getNamedValue(name)->setName(getVersionName(name, index));

  Versions versions{std::move(modules.front()), modules.size()};
  llvm::Linker linker(*versions.module);
  for (std::unique_ptr<llvm::Module> &module : llvm::drop_begin(modules))
    if (linker.linkInModule(std::move(module)))
      return llvm::createStringError("cannot join the code of several machines");
  for (const std::string &name : names)
    for (size_t index = 0; index < versions.count; ++index)
      versions.module->getNamedValue(getVersionName(name, index))->setLinkage(llvm::GlobalValue::InternalLinkage);
  return versions;
}

llvm::Function *attn::makeFunction(llvm::Module &module, llvm::StringRef name, llvm::FunctionType *type,
                                   llvm::GlobalValue::LinkageTypes linkage) {
  auto *function = llvm::Function::Create(type, linkage, name, module);
  function->setDoesNotThrow();
  function->addFnAttr("target-cpu", "x86-64"); // runs before anything is known of the processor
  llvm::BasicBlock::Create(module.getContext(), "", function);
  return function;
}

void attn::buildDispatch(llvm::IRBuilder<> &b, llvm::Value *chosen, unsigned first,
                         llvm::ArrayRef<llvm::Function *> versions, llvm::Value *otherwise) {
  llvm::Function *function = b.GetInsertBlock()->getParent();
  auto makeBlock = [&](llvm::StringRef label) { return llvm::BasicBlock::Create(b.getContext(), label, function); };
  llvm::BasicBlock *none = makeBlock("none");
  llvm::SwitchInst *cases = b.CreateSwitch(chosen, none, versions.size());
  llvm::SmallVector<llvm::Value *> arguments(llvm::make_pointer_range(function->args()));
  for (auto [index, version] : llvm::enumerate(versions)) {
    llvm::BasicBlock *block = makeBlock(version->getName());
    cases->addCase(b.getInt32(first + index), block);
    b.SetInsertPoint(block);
    llvm::CallInst *call = b.CreateCall(version, arguments);
    call->setTailCallKind(llvm::CallInst::TCK_MustTail);
    b.CreateRet(call);
  }
  b.SetInsertPoint(none);
  b.CreateRet(otherwise);
}
