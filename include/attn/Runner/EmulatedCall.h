// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Calls of a kernel for a GPU, run by the emulator.
#ifndef ATTN_RUNNER_EMULATEDCALL_H
#define ATTN_RUNNER_EMULATEDCALL_H

#include "attn/Emulation/EmulatedModule.h"
#include "attn/Runner/Arguments.h"
#include "attn/Runner/KernelLoader.h"

namespace attn {

class EmulatedCall {
public:
  /// `device` holds the kernel. All must outlive the call.
  /// `workers` are the multiprocessors that the kernel is told of.
  EmulatedCall(const EmulatedModule &device, const KernelSignature &signature, Arguments &arguments,
               int32_t workers = 1);

  /// Calls the kernel once through its C interface and returns what the emulator saw in all its launches, nothing where
  /// there was no block to run. Fails where the kernel refuses the call, and where no chip takes the launch.
  llvm::Expected<std::optional<emulator::Report>> runOnce(const LoadedKernel &kernel, emulator::Landing landing,
                                                          uint64_t seed);

  /// Calls the kernel twice: copies land late, then at once, in two orders of threads. The error tells what the
  /// emulator found, that the two calls differ, or what else went wrong; `os` gets the counters.
  llvm::Error run(const LoadedKernel &kernel, uint64_t schedule, llvm::raw_ostream &os);

private:
  static int32_t launch(void *self, const attn_gpu_kernel *kernel, int64_t blocks, void *const *arguments,
                        void *stream);
  llvm::Error runClean(const LoadedKernel &kernel, emulator::Landing landing, uint64_t seed, llvm::raw_ostream &os);
  std::string getOutputs() const;

  const EmulatedModule &device;
  const KernelSignature &signature;
  Arguments &arguments;
  int32_t workers;
  std::vector<char> workspace;
  /// Blocks of each launch of the call, and threads of a block.
  std::vector<std::pair<int32_t, int32_t>> launches;
  /// Shared memory of a block of any of them, at most.
  int64_t sharedBytes = 0;
  /// Of the launch that is under way.
  emulator::LaunchOptions options;
  std::optional<emulator::Report> report;
  std::string error;
};

} // namespace attn

#endif // ATTN_RUNNER_EMULATEDCALL_H
