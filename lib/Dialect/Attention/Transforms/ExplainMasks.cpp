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
  ExplainMasks(AttnExplainMasksPassOptions options, llvm::raw_ostream &os)
      : AttnExplainMasksPassBase(std::move(options)), os(&os) {}

  void runOnOperation() override {
    std::string error;
    FailureOr<MaskValues> parsed = parseMaskValues(values, error);
    if (failed(parsed)) {
      emitError(UnknownLoc::get(&getContext())) << "values of attn-explain-masks: " << error;
      return signalPassFailure();
    }
    if (failed(explainMasks(getOperation(), *parsed, *os)))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

  llvm::raw_ostream *os = &llvm::outs();
};
} // namespace

std::unique_ptr<Pass> attn::createAttnExplainMasksPass(AttnExplainMasksPassOptions options, llvm::raw_ostream &os) {
  return std::make_unique<ExplainMasks>(std::move(options), os);
}
