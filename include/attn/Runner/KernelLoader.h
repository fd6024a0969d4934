// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Brings kernels into this process, from the object that attn-compile would write or from a shared library, and calls
// them through the C interface.
#ifndef ATTN_RUNNER_KERNELLOADER_H
#define ATTN_RUNNER_KERNELLOADER_H

#include "attn-c/Abi.h"
#include "attn-c/Gpu.h"
#include "attn/Compiler/Compiler.h"

#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class MemoryBuffer;
namespace orc {
class LLJIT;
}
} // namespace llvm

namespace attn {

/// A shared library of kernels, open in this process.
class KernelLibrary {
public:
  /// Opens the file at `path` as it is now; what becomes of the file later changes nothing. Fails if it is no shared
  /// library, has no kernel, or has one of another ABI version.
  static llvm::Expected<std::shared_ptr<const KernelLibrary>> open(llvm::StringRef path);
  ~KernelLibrary();

  /// What the kernels say of themselves, sorted by name.
  llvm::ArrayRef<KernelDescription> getKernels() const { return kernels; }
  /// The address of a function, or null.
  void *find(const std::string &symbol) const;

private:
  KernelLibrary() = default;
  llvm::Error openCopy(const llvm::MemoryBuffer &file);

  std::vector<KernelDescription> kernels;
  void *handle = nullptr;
  int memory = -1; // file descriptor of the copy that is open
};

/// A kernel in memory, ready to be called.
class LoadedKernel {
public:
  /// Loads `object` into this process and finds the kernel of this signature in it.
  static llvm::Expected<std::unique_ptr<LoadedKernel>> load(llvm::StringRef object, const KernelSignature &signature);
  /// As load(), from a library, which stays open as long as the kernel lives.
  static llvm::Expected<std::unique_ptr<LoadedKernel>> load(std::shared_ptr<const KernelLibrary> library,
                                                            const KernelSignature &signature);
  ~LoadedKernel();

  /// Calls the kernel. `arguments` holds, in order, the address of a view struct or of a scalar's value as C passes it.
  int32_t call(const attn_call &call, llvm::ArrayRef<const void *> arguments) const {
    return trampoline(function, &call, arguments.data());
  }
  /// As call(), of a kernel for a GPU: the address of its attn_gpu_call stands where a CPU's has that of an attn_call.
  int32_t call(const attn_gpu_call &call, llvm::ArrayRef<const void *> arguments) const {
    return trampoline(function, reinterpret_cast<const attn_call *>(&call), arguments.data());
  }
  /// Bytes of workspace of a call with `arguments` as in call(); 0 where the call would be refused for its sizes.
  size_t getWorkspaceSize(int32_t workers, llvm::ArrayRef<const void *> arguments) const;

private:
  LoadedKernel();
  llvm::Error addTrampoline(const KernelSignature &signature);

  std::shared_ptr<const KernelLibrary> library; // null for kernels out of an object
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void *function = nullptr;
  int32_t (*trampoline)(void *function, const attn_call *, const void *const *) = nullptr;
  size_t (*workspaceSize)(int32_t) = nullptr;
  /// Where sizes decide how much a call needs; else null.
  void *callWorkspaceSize = nullptr;
  size_t (*sizeTrampoline)(void *function, const attn_call *, const void *const *) = nullptr;
};

} // namespace attn

#endif // ATTN_RUNNER_KERNELLOADER_H
