// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A kernel as Python sees it: its signature, its code, and scratch memory that calls leave behind for the next.
#ifndef ATTN_PYTHON_KERNEL_H
#define ATTN_PYTHON_KERNEL_H

#include "attn/Runner/KernelLoader.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace attn::python {

/// Where the size of an output comes from that is unknown until the call.
struct SizeSource {
  int64_t argument = -1; // number of an input, or -1: nothing is known
  int64_t dim = 0;
};

/// Scratch memory of one call; it never shrinks.
class Workspace {
public:
  /// At least `bytes` bytes.
  void *reserve(size_t bytes);

private:
  std::unique_ptr<char[]> memory;
  size_t size = 0;
};

class Kernel {
public:
  /// `unusable` says why this machine cannot run the kernel; empty if it can, and only then is there code.
  Kernel(KernelSignature signature, std::string cpu, std::unique_ptr<LoadedKernel> code, std::string unusable)
      : signature(std::move(signature)), cpu(std::move(cpu)), code(std::move(code)), unusable(std::move(unusable)) {}

  const KernelSignature signature;
  const std::string cpu;
  const std::unique_ptr<LoadedKernel> code;
  const std::string unusable;
  /// One entry for each dimension of each output, in order; empty when nothing is known.
  std::vector<std::vector<SizeSource>> outputSizes;

  /// A workspace that no other call uses. Calls hand theirs back, so that there are never more than calls at once.
  Workspace takeWorkspace();
  void returnWorkspace(Workspace workspace);

private:
  std::mutex mutex;
  std::vector<Workspace> idle;
};

} // namespace attn::python

#endif // ATTN_PYTHON_KERNEL_H
