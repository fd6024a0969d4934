// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Cases as files: a kernel in MLIR whose RUN lines are its calls, so that lit and people run them as attn-fuzz does.
#ifndef ATTN_LIB_FUZZER_CASEFILE_H
#define ATTN_LIB_FUZZER_CASEFILE_H

#include "Trial.h"

namespace attn {

struct CaseFile {
  TrialInput input;
  /// The chip that the kernel is for, emulated; empty for a CPU.
  std::string chip;
  /// Each in the words of attn-run, without those that say the target.
  std::vector<std::vector<std::string>> calls;
};

/// Writes DIRECTORY/NAME.mlir, and DIRECTORY/NAME.reference.mlir where there is a reference. `remarks` are lines about
/// what was found. Returns the path of the first.
llvm::Expected<std::string> writeCase(llvm::StringRef directory, llvm::StringRef name, const CaseFile &file,
                                      llvm::StringRef remarks);

/// Reads such a file, or one that attn-reduce made of it when `callsOf` names the original.
llvm::Expected<CaseFile> readCase(llvm::StringRef path, llvm::StringRef callsOf);

/// Shrinks the case at `path` by attn-reduce of the folder `programs` while attn-fuzz still finds `words` in it.
/// Returns the path of what is left, beside `path`.
llvm::Expected<std::string> reduceCase(llvm::StringRef path, llvm::StringRef words, llvm::StringRef programs);

} // namespace attn

#endif // ATTN_LIB_FUZZER_CASEFILE_H
