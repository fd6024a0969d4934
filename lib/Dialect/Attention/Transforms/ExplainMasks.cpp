// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "ArgumentValues.h"
#include "attn/Analysis/ExplainMask.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/ToolOutputFile.h"

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
    if (failed(explain()))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

  LogicalResult explain() {
    std::string error;
    FailureOr<MaskValues> parsed = parseMaskValues(values, error);
    if (failed(parsed))
      return refuse("values") << error;
    IndexEvaluator arguments;
    if (failed(setArguments(getOperation(), "attn-explain-masks", shapes, scalars, arguments)))
      return failure();
    FailureOr<std::vector<MaskReport>> reports = reportMasks(getOperation(), *parsed, arguments);
    if (failed(reports) || (!svg.empty() && failed(writeSvg(*reports))))
      return failure();
    for (const MaskReport &report : *reports) // nothing is printed unless all is well
      *os << (json ? toJson(report) : toText(report));
    return success();
  }

  /// What is wrong is an option, not an op.
  InFlightDiagnostic refuse(StringRef option) {
    return emitError(UnknownLoc::get(&getContext())) << option << " of attn-explain-masks: ";
  }

  LogicalResult writeSvg(ArrayRef<MaskReport> reports) {
    if (reports.empty())
      return refuse("svg") << "there is no mask to draw";
    for (const MaskReport &report : reports)
      if (!report.picture)
        return refuse("svg") << report.noPicture << ", for the mask of @" << report.function << " at "
                             << report.location;
    std::string error;
    std::unique_ptr<llvm::ToolOutputFile> file = openOutputFile(svg, &error);
    if (!file)
      return refuse("svg") << error;
    file->os() << toSvg(reports);
    file->keep();
    return success();
  }

  llvm::raw_ostream *os = &llvm::outs();
};
} // namespace

std::unique_ptr<Pass> attn::createAttnExplainMasksPass(AttnExplainMasksPassOptions options, llvm::raw_ostream &os) {
  return std::make_unique<ExplainMasks>(std::move(options), os);
}
