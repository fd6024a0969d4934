// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Takes attn.generic with a plan, leaves it, and prints why the plan is what it is and what it costs. Visits are not
// calculated by a second model of masks: a copy of the module is tiled and the integer arithmetic of its loops run, so
// that what is said cannot differ from what is done.

#include "ArgumentValues.h"
#include "PlanExplanation.h"
#include "attn/Analysis/LoopSizes.h"
#include "attn/Dialect/Attention/IR/Storage.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"

namespace attn {
#define GEN_PASS_DEF_ATTNEXPLAINPLANPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Tiles `copy`, a copy of the explained op, and counts what the loops do.
static void addCosts(PlanExplanation &explanation, GenericOp copy, IndexEvaluator evaluator) {
  SmallVector<int64_t> sizes;
  for (const LoopSource &source : getLoopSources(copy)) {
    explanation.sizes.push_back(evaluator.evaluateDim(source.tensor, source.dim));
    sizes.push_back(explanation.sizes.back().value_or(ShapedType::kDynamic));
  }
  std::string refusal;
  ScopedDiagnosticHandler handler(copy.getContext(), [&](Diagnostic &diagnostic) { refusal = diagnostic.str(); });
  IRRewriter rewriter(copy.getContext());
  FailureOr<scf::ForallOp> tiled = tileAttention(rewriter, copy);
  if (failed(tiled)) {
    explanation.unknown = refusal;
    return;
  }
  std::optional<TileCounts> counts;
  if (!llvm::is_contained(explanation.sizes, std::nullopt))
    counts = countTiles(*tiled, sizes[explanation.tiledRows], evaluator);
  if (counts)
    explanation.setCosts(*counts, sizes);
  else
    explanation.unknown = "they depend on " + evaluator.getUnknown().str() + " (see the options shape and arg)";
}

namespace {
struct ExplainPlan : attn::impl::AttnExplainPlanPassBase<ExplainPlan> {
  using AttnExplainPlanPassBase::AttnExplainPlanPassBase;
  ExplainPlan(AttnExplainPlanPassOptions options, llvm::raw_ostream &os)
      : AttnExplainPlanPassBase(std::move(options)), os(&os) {}

  void runOnOperation() override {
    if (failed(explain()))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

  LogicalResult explain() {
    ModuleOp module = getOperation();
    OwningOpRef<ModuleOp> copy = module.clone();
    IndexEvaluator evaluator;
    if (failed(setArguments(*copy, "attn-explain-plan", shapes, scalars, evaluator)))
      return failure();

    WalkResult named = module.walk([](Operation *op) {
      if (!isNamedOp(op) && !isNamedStorageOp(op))
        return WalkResult::advance();
      op->emitOpError("has no plan to explain: run attn-normalize and attn-select-plan first");
      return WalkResult::interrupt();
    });
    if (named.wasInterrupted())
      return failure();
    SmallVector<GenericOp> ops, copies;
    module.walk([&](GenericOp op) { ops.push_back(op); });
    copy->walk([&](GenericOp op) { copies.push_back(op); });
    TargetDescription target{vectorBits, vectorRegisters, l1Bytes, l2Bytes, hasBf16Dot, sharedBytes};
    std::string text; // nothing is printed unless all is well
    llvm::raw_string_ostream textStream(text);
    for (auto [op, copied] : llvm::zip_equal(ops, copies)) {
      auto plan = op->getAttrOfType<PlanAttr>(kPlanName);
      if (!plan)
        return op.emitOpError("has no plan to explain: run attn-select-plan first");
      FailureOr<PlanChoice> choice = choosePlan(op, target);
      if (failed(choice))
        return failure();
      PlanExplanation explanation(op, plan, std::move(*choice));
      explanation.addAlternatives(target);
      addCosts(explanation, copied, evaluator);
      json ? explanation.printJson(textStream) : explanation.print(textStream);
    }
    *os << text;
    return success();
  }

  llvm::raw_ostream *os = &llvm::outs();
};
} // namespace

std::unique_ptr<Pass> attn::createAttnExplainPlanPass(AttnExplainPlanPassOptions options, llvm::raw_ostream &os) {
  return std::make_unique<ExplainPlan>(std::move(options), os);
}
