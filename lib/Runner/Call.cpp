// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/Call.h"

using namespace attn;

static constexpr size_t kMargin = 129;
static constexpr char kCanary = 0x5A;

Call::Call(const LoadedKernel &kernel, const Arguments &arguments, int threads)
    : kernel(kernel), arguments(arguments), pool{threads, 1} {
  size_t bytes = kernel.getWorkspaceSize(threads, arguments.getPointers());
  memory.assign(bytes + 2 * kMargin, kCanary);
  call.abi_version = ATTN_ABI_VERSION;
  call.workers = threads;
  // At an odd address: kernels align their slots themselves.
  call.workspace = memory.data() + kMargin;
  call.workspace_bytes = bytes;
  call.parallel_for = threads > 1 ? attn_openmp_parallel_for : nullptr;
  call.pool = &pool;
}

bool Call::isWorkspaceIntact() const {
  auto isCanary = [](char byte) { return byte == kCanary; };
  return std::all_of(memory.begin(), memory.begin() + kMargin, isCanary) &&
         std::all_of(memory.end() - kMargin, memory.end(), isCanary);
}

llvm::Error attn::callOnce(const Call &call, const KernelSignature &signature, Arguments &arguments) {
  int32_t status = call.run();
  if (status != ATTN_OK)
    return llvm::createStringError("'" + signature.name + "' refuses the call with status " + llvm::Twine(status) +
                                   ", " + attn_status_message(status));
  std::string damage = arguments.findDamage();
  if (!damage.empty())
    return llvm::createStringError("'" + signature.name + "' wrote where it must not: inputs, or memory around " +
                                   damage);
  if (!call.isWorkspaceIntact())
    return llvm::createStringError("'" + signature.name + "' wrote beyond its workspace");
  return llvm::Error::success();
}
