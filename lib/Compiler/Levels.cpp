// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Levels.h"

#include "Cpuid.h"

#include "attn-c/Abi.h"

#include "llvm/Linker/Linker.h"

using namespace attn;

/// Entry points are NAME and these.
static constexpr const char *kSuffixes[] = {"workspace_size", "abi_version", "description"};

static llvm::Function *makeFunction(llvm::Module &module, llvm::StringRef name, llvm::FunctionType *type,
                                    llvm::GlobalValue::LinkageTypes linkage) {
  auto *function = llvm::Function::Create(type, linkage, name, module);
  function->setDoesNotThrow();
  function->addFnAttr("target-cpu", "x86-64"); // runs before anything is known of the processor
  llvm::BasicBlock::Create(module.getContext(), "", function);
  return function;
}

/// `i32 choose()`: 1 + the index of the last level whose words the processor has, or -1; also stores it in `level`.
static llvm::Function *buildChoose(llvm::Module &module, llvm::ArrayRef<CpuidWords> required,
                                   llvm::GlobalVariable &level) {
  llvm::Type *i32 = llvm::Type::getInt32Ty(module.getContext());
  llvm::Function *function = makeFunction(module, "attn.choose_level", llvm::FunctionType::get(i32, false),
                                          llvm::GlobalValue::InternalLinkage);
  function->addFnAttr(llvm::Attribute::NoInline);
  function->addFnAttr(llvm::Attribute::Cold);
  llvm::IRBuilder<> b(&function->back());
  std::array<llvm::Value *, kCpuidWords> words = emitReadCpuid(b);
  llvm::Value *chosen = b.getInt32(-1);
  for (size_t i = 0; i < required.size(); ++i) {
    llvm::Value *runs = b.getTrue();
    for (unsigned word = 0; word < kCpuidWords; ++word) {
      llvm::Value *bits = b.getInt32(required[i][word]);
      runs = b.CreateAnd(runs, b.CreateICmpEQ(b.CreateAnd(words[word], bits), bits));
    }
    chosen = b.CreateSelect(runs, b.getInt32(i + 1), chosen);
  }
  // Threads that get here at the same time all store the same.
  b.CreateAlignedStore(chosen, &level, llvm::Align(4))->setAtomic(llvm::AtomicOrdering::Monotonic);
  b.CreateRet(chosen);
  return function;
}

/// A function `name` that calls the one of `versions` that `level` says, and returns `otherwise` when there is none.
static void buildDispatch(llvm::Module &module, llvm::StringRef name, llvm::ArrayRef<llvm::Function *> versions,
                          llvm::Value *otherwise, llvm::GlobalVariable &level, llvm::Function &choose) {
  llvm::FunctionType *type = versions.front()->getFunctionType();
  llvm::Function *function = makeFunction(module, name, type, llvm::GlobalValue::ExternalLinkage);
  llvm::LLVMContext &context = module.getContext();
  auto makeBlock = [&](llvm::StringRef label) { return llvm::BasicBlock::Create(context, label, function); };
  llvm::BasicBlock *entry = &function->back(), *ask = makeBlock("ask"), *go = makeBlock("go"),
                   *none = makeBlock("none");

  llvm::IRBuilder<> b(entry);
  llvm::LoadInst *known = b.CreateAlignedLoad(b.getInt32Ty(), &level, llvm::Align(4));
  known->setAtomic(llvm::AtomicOrdering::Monotonic);
  b.CreateCondBr(b.CreateIsNull(known), ask, go);
  b.SetInsertPoint(ask);
  llvm::Value *asked = b.CreateCall(&choose);
  b.CreateBr(go);
  b.SetInsertPoint(go);
  llvm::PHINode *chosen = b.CreatePHI(b.getInt32Ty(), 2);
  chosen->addIncoming(known, entry);
  chosen->addIncoming(asked, ask);
  llvm::SwitchInst *cases = b.CreateSwitch(chosen, none, versions.size());
  llvm::SmallVector<llvm::Value *> arguments(llvm::make_pointer_range(function->args()));
  for (auto [index, version] : llvm::enumerate(versions)) {
    cases->addCase(b.getInt32(index + 1), makeBlock(version->getName()));
    b.SetInsertPoint(&function->back());
    llvm::CallInst *call = b.CreateCall(version, arguments);
    call->setTailCallKind(llvm::CallInst::TCK_MustTail);
    b.CreateRet(call);
  }
  b.SetInsertPoint(none);
  b.CreateRet(otherwise);
}

llvm::Expected<std::unique_ptr<llvm::Module>> attn::joinLevels(std::vector<std::unique_ptr<llvm::Module>> modules,
                                                               llvm::ArrayRef<Target> levels,
                                                               llvm::ArrayRef<KernelSignature> kernels) {
  llvm::SmallVector<CpuidWords> required;
  for (const Target &target : levels) {
    llvm::Expected<CpuidWords> words = getRequiredWords(target);
    if (!words)
      return words.takeError();
    required.push_back(*words);
  }
  // "causal" of level 1 becomes "causal.1" until all are in one module.
  auto getVersionName = [](llvm::StringRef name, size_t index) { return (name + "." + llvm::Twine(index)).str(); };
  std::vector<std::string> names;
  for (const KernelSignature &kernel : kernels) {
    names.push_back(kernel.name);
    for (const char *suffix : kSuffixes)
      names.push_back(kernel.getSymbol(suffix));
  }
  for (auto [index, module] : llvm::enumerate(modules))
    for (const std::string &name : names)
      module->getFunction(name)->setName(getVersionName(name, index));

  std::unique_ptr<llvm::Module> joined = std::move(modules.front());
  llvm::Linker linker(*joined);
  for (std::unique_ptr<llvm::Module> &module : llvm::drop_begin(modules))
    if (linker.linkInModule(std::move(module)))
      return llvm::createStringError("cannot join the code of several processors");

  llvm::Type *i32 = llvm::Type::getInt32Ty(joined->getContext());
  auto *level = new llvm::GlobalVariable(*joined, i32, /*isConstant=*/false, llvm::GlobalValue::InternalLinkage,
                                         llvm::ConstantInt::get(i32, 0), "attn.level");
  llvm::Function *choose = buildChoose(*joined, required, *level);
  for (const std::string &name : names) {
    llvm::SmallVector<llvm::Function *> versions;
    for (size_t index = 0; index < levels.size(); ++index)
      versions.push_back(joined->getFunction(getVersionName(name, index)));
    for (llvm::Function *version : versions)
      version->setLinkage(llvm::GlobalValue::InternalLinkage);
    bool isKernel = llvm::any_of(kernels, [&](const KernelSignature &kernel) { return kernel.name == name; });
    // Without a level, workspace_size and abi_version are 0 and there is no description.
    llvm::Type *result = versions.front()->getReturnType();
    llvm::Value *otherwise =
        isKernel ? llvm::ConstantInt::get(result, ATTN_ERROR_CPU) : llvm::Constant::getNullValue(result);
    buildDispatch(*joined, name, versions, otherwise, *level, *choose);
  }
  return joined;
}
