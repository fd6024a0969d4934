// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Refusals.h"

#include "llvm/ADT/STLExtras.h"

using namespace attn;

llvm::ArrayRef<Refusal> attn::getRefusals() {
  static constexpr Refusal refusals[] = {
      {RefusalKind::UnknownHeadSize, "cannot plan with 'D", "registers are assigned to D and Dv when compiling"},
      {RefusalKind::TopK, "cannot tile result 'topk_values' with k", "lists of a row tile shall stay in L1"},
      {RefusalKind::UnknownHeads, "cannot compile grouped heads of an unknown number of key heads",
       "a dimension that is the product of two unknown sizes has no strides"},
      {RefusalKind::Float64, "of f64 has no polynomial form here", "functions in registers are polynomials of f32"},
      {RefusalKind::MathsLibrary, "would need a maths library at run time", "kernels link no library"},
      {RefusalKind::Float16, "converting f16 takes instructions", "processors before F16C have none for f16"},
      {RefusalKind::NoElements, "cannot tile results without elements", "there is nothing to compile"},
      {RefusalKind::OnesAlike, "cannot tell dimensions of size 1 apart",
       "views of buffers drop dimensions of size 1 by their strides alone"},
      {RefusalKind::GpuFloat64, "for a GPU yet: f64", "sums of tensor cores are f32"},
      {RefusalKind::GpuNormalizer, "for a GPU yet: normalizer", "states in fragments are those of softmax"},
      {RefusalKind::GpuResult, "for a GPU yet: result '", "weights, entropy and top-k are not written from fragments"},
      {RefusalKind::GpuProducer, "for a GPU yet: operands that an elementwise op makes",
       "tiles of shared memory are copied, not computed"},
      {RefusalKind::GpuAppend, "cannot append in a kernel of a GPU", "its kernels hold one attention"},
      {RefusalKind::GpuStages, "cannot compute sums beside attention in a kernel of a GPU",
       "its kernels hold one attention"},
      {RefusalKind::EmptyBroadcast, "that repeats beside a static size 0", "upstream refuses slices of nothing"},
  };
  return refusals;
}

std::optional<RefusalKind> attn::findRefusal(llvm::StringRef diagnostic) {
  for (const Refusal &refusal : getRefusals())
    if (diagnostic.contains(refusal.words))
      return refusal.kind;
  return std::nullopt;
}
