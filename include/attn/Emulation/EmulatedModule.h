// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// GPU kernels brought into this process and run by the emulator.
#ifndef ATTN_EMULATION_EMULATEDMODULE_H
#define ATTN_EMULATION_EMULATEDMODULE_H

#include "attn/Emulator/Emulator.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"

#include <memory>

namespace llvm::orc {
class LLJIT;
}

namespace attn {

/// Kernels in machine code of this machine that call the emulator.
class EmulatedModule {
public:
  /// Takes a module with kernels in the llvm and nvvm dialects, as it would go to the PTX assembler, runs
  /// attn-emulate-nvvm on it (which changes it) and compiles it. Diagnostics go to the module's context.
  static llvm::Expected<std::unique_ptr<EmulatedModule>> load(mlir::ModuleOp module);
  ~EmulatedModule();

  /// Runs kernel `name`; `arguments` holds the address of each. What the kernel declares of shared memory is added to
  /// `options`. Fails when there is no such kernel or the launch is one that no chip takes.
  llvm::Expected<emulator::Report> launch(llvm::StringRef name, llvm::ArrayRef<const void *> arguments,
                                          emulator::LaunchOptions options) const;

private:
  EmulatedModule();

  std::unique_ptr<llvm::orc::LLJIT> jit;
  size_t staticSharedBytes = 0;
};

} // namespace attn

#endif // ATTN_EMULATION_EMULATEDMODULE_H
