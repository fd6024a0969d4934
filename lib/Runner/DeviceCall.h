// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One call of a kernel on a GPU of this machine.
#ifndef ATTN_LIB_RUNNER_DEVICECALL_H
#define ATTN_LIB_RUNNER_DEVICECALL_H

#include "attn-c/Cuda.h"
#include "attn/Runner/Arguments.h"
#include "attn/Runner/KernelLoader.h"

namespace attn {

/// Copies all tensors to the device as they lie, calls the kernel through its C interface, and copies outputs back;
/// what it wrote between their elements comes back too, and is found as on a CPU.
llvm::Error callOnDevice(const LoadedKernel &kernel, attn_cuda *device, const KernelSignature &signature,
                         Arguments &arguments, int32_t workers);

} // namespace attn

#endif // ATTN_LIB_RUNNER_DEVICECALL_H
