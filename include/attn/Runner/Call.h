// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One call of a kernel, with all that it must leave alone watched.
#ifndef ATTN_RUNNER_CALL_H
#define ATTN_RUNNER_CALL_H

#include "attn-c/Runtime.h"
#include "attn/Runner/Arguments.h"
#include "attn/Runner/KernelLoader.h"

namespace attn {

/// One kernel with its arguments and a workspace whose surroundings are watched.
class Call {
public:
  Call(const LoadedKernel &kernel, const Arguments &arguments, int threads);

  int32_t run() const { return kernel.call(call, arguments.getPointers()); }
  bool isWorkspaceIntact() const;

private:
  const LoadedKernel &kernel;
  const Arguments &arguments;
  attn_openmp_pool pool;
  std::vector<char> memory;
  attn_call call = {};
};

/// Calls the kernel once; the error says that it refused, or wrote where it must not.
llvm::Error callOnce(const Call &call, const KernelSignature &signature, Arguments &arguments);

} // namespace attn

#endif // ATTN_RUNNER_CALL_H
