// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Analysis/ExplainMask.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Pass/Pass.h"

namespace attn {
#define GEN_PASS_DEF_ATTNEXPLAINMASKSPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
struct ExplainMasks : attn::impl::AttnExplainMasksPassBase<ExplainMasks> {
  using AttnExplainMasksPassBase::AttnExplainMasksPassBase;

  void runOnOperation() override {
    std::string error;
    FailureOr<MaskValues> parsed = parseMaskValues(values, error);
    if (failed(parsed)) {
      emitError(UnknownLoc::get(&getContext())) << "values of attn-explain-masks: " << error;
      return signalPassFailure();
    }
    if (failed(explainMasks(getOperation(), *parsed, llvm::outs())))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace
