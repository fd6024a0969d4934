// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the processor must answer before code for a target may run on it.
#ifndef ATTN_LIB_COMPILER_CPUID_H
#define ATTN_LIB_COMPILER_CPUID_H

#include "attn/Compiler/TargetMachine.h"

#include "llvm/IR/IRBuilder.h"

#include <array>

namespace attn {

constexpr unsigned kCpuidWords = 8;

/// Bits that must be set in the words that emitReadCpuid() reads.
using CpuidWords = std::array<uint32_t, kCpuidWords>;

/// The bits that code for `target` needs. Fails when the target has a feature, of those that a code generator uses by
/// itself, whose bit is not known here.
llvm::Expected<CpuidWords> getRequiredWords(const Target &target);

/// Emits code that reads the words from the processor; those that it does not have are 0, and so are, in the first one,
/// the vector registers that the operating system does not save.
std::array<llvm::Value *, kCpuidWords> emitReadCpuid(llvm::IRBuilder<> &b);

} // namespace attn

#endif // ATTN_LIB_COMPILER_CPUID_H
