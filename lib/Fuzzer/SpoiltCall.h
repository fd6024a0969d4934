// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Calls that a kernel has to refuse: a sound call with one or two mistakes in it.
#ifndef ATTN_LIB_FUZZER_SPOILTCALL_H
#define ATTN_LIB_FUZZER_SPOILTCALL_H

#include "Choice.h"

#include "attn/Runner/Arguments.h"
#include "attn/Runner/KernelLoader.h"

namespace attn {

/// Spoils the call of `kernel` with `arguments` at random, makes it, and holds status and memory against the promises
/// of attn-c/Abi.h. Returns what is wrong, empty if nothing is. Outputs are those before the call, unless a pool that
/// does not do its work was what was wrong.
std::string trySpoiltCall(const LoadedKernel &kernel, const KernelSignature &signature, Arguments &arguments,
                          Choice &choice);

} // namespace attn

#endif // ATTN_LIB_FUZZER_SPOILTCALL_H
