// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Kernels compiled several times in one artefact: what is common to lists of processors (Levels.h) and of chips
// (Chips.h).
#ifndef ATTN_LIB_COMPILER_VERSIONS_H
#define ATTN_LIB_COMPILER_VERSIONS_H

#include "attn/Target/CPU/KernelSignature.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace attn {

/// Names of the entry points beside NAME itself: what a host may ask of a kernel.
llvm::SmallVector<std::string> getQuestions(const KernelSignature &kernel);

/// Versions of the same kernels in one module, none of which can be seen from outside.
struct Versions {
  std::unique_ptr<llvm::Module> module;
  size_t count = 0;

  /// The versions of entry point `name`, in order.
  llvm::SmallVector<llvm::Function *> getFunctions(llvm::StringRef name) const;
  /// The versions of the constant `name`, in order.
  llvm::SmallVector<llvm::GlobalVariable *> getGlobals(llvm::StringRef name) const;
};

/// Links `modules`, each with all of `kernels`, into one. `globals` are names of constants that are found again.
llvm::Expected<Versions> linkVersions(std::vector<std::unique_ptr<llvm::Module>> modules,
                                      llvm::ArrayRef<KernelSignature> kernels,
                                      llvm::ArrayRef<std::string> globals = {});

/// A function with an empty first block, for any processor.
llvm::Function *makeFunction(llvm::Module &module, llvm::StringRef name, llvm::FunctionType *type,
                             llvm::GlobalValue::LinkageTypes linkage);

/// Ends the block of `b`: calls the version of number `chosen` - `first` with the arguments of the function that `b` is
/// in and returns what it does, or returns `otherwise` when there is none.
void buildDispatch(llvm::IRBuilder<> &b, llvm::Value *chosen, unsigned first, llvm::ArrayRef<llvm::Function *> versions,
                   llvm::Value *otherwise);

} // namespace attn

#endif // ATTN_LIB_COMPILER_VERSIONS_H
