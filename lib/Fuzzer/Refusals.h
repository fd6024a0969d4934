// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the compiler may refuse, and by which words. This list is the only place that excuses a kernel that does not
// compile: what fails in other words, or where it was not expected, is a finding.
#ifndef ATTN_LIB_FUZZER_REFUSALS_H
#define ATTN_LIB_FUZZER_REFUSALS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>

namespace attn {

enum class RefusalKind {
  UnknownHeadSize,
  TopK,
  UnknownHeads,
  Float64,
  MathsLibrary,
  Float16,
  NoElements,
  OnesAlike,
  EmptyBroadcast,
  GpuFloat64,
  GpuNormalizer,
  GpuResult,
  GpuProducer,
  GpuAppend,
  GpuStages,
};

struct Refusal {
  RefusalKind kind;
  /// What the diagnostic contains.
  llvm::StringRef words;
  /// Why the compiler refuses.
  llvm::StringRef reason;
};

llvm::ArrayRef<Refusal> getRefusals();

/// The refusal whose words `diagnostic` contains.
std::optional<RefusalKind> findRefusal(llvm::StringRef diagnostic);

} // namespace attn

#endif // ATTN_LIB_FUZZER_REFUSALS_H
