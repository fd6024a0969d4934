// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Loads the object that attn-compile would write and calls its kernels through the C interface.
#ifndef ATTN_LIB_RUNNER_KERNELLOADER_H
#define ATTN_LIB_RUNNER_KERNELLOADER_H

#include "attn-c/Abi.h"
#include "attn/Compiler/Compiler.h"

#include "llvm/Support/Error.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
}

namespace attn {

/// A kernel in memory, ready to be called.
class LoadedKernel {
public:
  /// Loads `object` into this process and finds the kernel of this signature in it.
  static llvm::Expected<std::unique_ptr<LoadedKernel>> load(llvm::StringRef object, const KernelSignature &signature);
  ~LoadedKernel();

  /// Calls the kernel. `arguments` holds, in order, the address of a view struct or of a scalar's value as C passes it.
  int32_t call(const attn_call &call, llvm::ArrayRef<const void *> arguments) const {
    return trampoline(function, &call, arguments.data());
  }
  size_t getWorkspaceSize(int32_t workers) const { return workspaceSize(workers); }

private:
  LoadedKernel();
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void *function = nullptr;
  int32_t (*trampoline)(void *function, const attn_call *, const void *const *) = nullptr;
  size_t (*workspaceSize)(int32_t) = nullptr;
};

} // namespace attn

#endif // ATTN_LIB_RUNNER_KERNELLOADER_H
