// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From the name of a processor to what the compiler needs to know of it and LLVM's code generator for it.
#ifndef ATTN_COMPILER_TARGETMACHINE_H
#define ATTN_COMPILER_TARGETMACHINE_H

#include "attn/Pipelines/Pipelines.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
}

namespace attn {

/// A processor to compile for.
struct Target {
  /// What decisions depend on. `name` is LLVM's name of the processor or instruction set level: "znver4", "x86-64-v3".
  CPUDescription cpu;
  /// Differences from what the name implies, as LLVM writes them: "+avx2,-avx512f". Empty for named processors.
  std::string features;
};

/// Describes `cpu`: "native" for the machine at hand with exactly the features it reports, or a 64-bit x86 name of LLVM
/// ("x86-64-v3", "znver4"). The error of an unknown name lists those accepted.
llvm::Expected<Target> describeTarget(llvm::StringRef cpu);

/// Describes each of `cpus`, as describeTarget() does; none are "native". A name that stands twice is an
/// error.
llvm::Expected<std::vector<Target>> describeTargets(llvm::ArrayRef<std::string> cpus);

/// LLVM's names of the features of `target` whose instructions a code generator chooses by itself, "avx2" among them.
llvm::Expected<std::vector<std::string>> getCodeFeatures(const Target &target);

/// Success if code for `target` can run on this machine; the error names features that are missing.
llvm::Error checkRunsHere(const Target &target);

/// A code generator for position-independent x86-64 ELF code. `optLevel` is 0 to 3.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>> createTargetMachine(const Target &target, unsigned optLevel);

} // namespace attn

#endif // ATTN_COMPILER_TARGETMACHINE_H
