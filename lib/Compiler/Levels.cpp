// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Levels.h"

#include "Cpuid.h"
#include "Versions.h"

#include "attn-c/Abi.h"

using namespace attn;

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
static void buildEntry(llvm::Module &module, llvm::StringRef name, llvm::ArrayRef<llvm::Function *> versions,
                       llvm::Value *otherwise, llvm::GlobalVariable &level, llvm::Function &choose) {
  llvm::Function *function =
      makeFunction(module, name, versions.front()->getFunctionType(), llvm::GlobalValue::ExternalLinkage);
  llvm::LLVMContext &context = module.getContext();
  auto makeBlock = [&](llvm::StringRef label) { return llvm::BasicBlock::Create(context, label, function); };
  llvm::BasicBlock *entry = &function->back(), *ask = makeBlock("ask"), *go = makeBlock("go");

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
  buildDispatch(b, chosen, /*first=*/1, versions, otherwise);
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
  llvm::Expected<Versions> versions = linkVersions(std::move(modules), kernels);
  if (!versions)
    return versions.takeError();
  std::unique_ptr<llvm::Module> &joined = versions->module;

  llvm::Type *i32 = llvm::Type::getInt32Ty(joined->getContext());
  auto *level = new llvm::GlobalVariable(*joined, i32, /*isConstant=*/false, llvm::GlobalValue::InternalLinkage,
                                         llvm::ConstantInt::get(i32, 0), "attn.level");
  llvm::Function *choose = buildChoose(*joined, required, *level);
  for (const KernelSignature &kernel : kernels) {
    // Without a level, workspace sizes and abi_version are 0 and there is no description.
    auto build = [&](const std::string &name, int64_t otherwise) {
      llvm::SmallVector<llvm::Function *> functions = versions->getFunctions(name);
      llvm::Type *result = functions.front()->getReturnType();
      llvm::Value *value = otherwise ? llvm::ConstantInt::get(result, otherwise) : llvm::Constant::getNullValue(result);
      buildEntry(*joined, name, functions, value, *level, *choose);
    };
    build(kernel.name, ATTN_ERROR_CPU);
    for (const std::string &question : getQuestions(kernel))
      build(question, 0);
  }
  return std::move(joined);
}
