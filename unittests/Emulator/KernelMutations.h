// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Mistakes that a compiler of attention kernels could make, put into kernels that ours wrote.
#ifndef ATTN_UNITTESTS_EMULATOR_KERNELMUTATIONS_H
#define ATTN_UNITTESTS_EMULATOR_KERNELMUTATIONS_H

#include "CompiledKernel.h"

#include "llvm/ADT/ArrayRef.h"

namespace attn::test {

struct KernelMutation {
  const char *name;
  /// What is wrong, as docs/Emulator.md says it.
  const char *what;
  Level level;
  Change apply;
  /// All that sees it (Outcome::caught), in alphabetical order.
  const char *caughtBy;
  /// More words of the call that shows it.
  const char *call = "";
};

/// Of what a block does with tiles, and of what a thread does.
llvm::ArrayRef<KernelMutation> getTileMutations();
llvm::ArrayRef<KernelMutation> getThreadMutations();

} // namespace attn::test

#endif // ATTN_UNITTESTS_EMULATOR_KERNELMUTATIONS_H
