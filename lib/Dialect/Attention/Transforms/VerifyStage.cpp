// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-verify-stage: what a stage promises to the next one, checked on the IR it leaves.
//
// Dialects of later stages are recognised by name: this room does not know them.
#include "attn/Dialect/Attention/IR/Storage.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

namespace attn {
#define GEN_PASS_DEF_ATTNVERIFYSTAGEPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

/// The loop over tiles that `op` stands in, or null.
scf::ForallOp getTileLoop(Operation *op) {
  for (auto loop = op->getParentOfType<scf::ForallOp>(); loop; loop = loop->getParentOfType<scf::ForallOp>())
    if (loop->getAttrOfType<PlanAttr>(kPlanName))
      return loop;
  return {};
}

bool isTileOp(Operation *op) { return isa<OnlineOp, WeightsOp, MergeOp, FinalizeOp>(op); }

/// Checks ops one by one, so that every breach is reported.
class StageVerifier {
public:
  explicit StageVerifier(StageContract stage) : stage(stage) {}

  LogicalResult verify(Operation *op) {
    switch (stage) {
    case StageContract::Normalize:
      return verifyNormalize(op);
    case StageContract::Plan:
      return failure(failed(verifyNormalize(op)) || failed(verifyPlan(op)));
    case StageContract::Tile:
      return verifyTile(op);
    case StageContract::Linalg:
      return verifyLinalg(op);
    case StageContract::Target:
      return verifyTarget(op);
    }
    llvm_unreachable("covered switch");
  }

private:
  InFlightDiagnostic breach(Operation *op) { return op->emitError("stage '") << stringifyStageContract(stage) << "' "; }

  /// Named ops are attn.generic.
  LogicalResult verifyNormalize(Operation *op) {
    if (isNamedOp(op) || isNamedStorageOp(op)) {
      InFlightDiagnostic diag = breach(op) << "allows no named attention op";
      diag.attachNote() << "attn-normalize should have replaced this";
      return diag;
    }
    if (isTileOp(op)) {
      InFlightDiagnostic diag = breach(op) << "allows no attention op on tiles";
      diag.attachNote() << "attn-tile-and-fuse makes these two stages later";
      return diag;
    }
    return success();
  }

  /// Each op carries one plan.
  LogicalResult verifyPlan(Operation *op) {
    if (!isa<GenericOp>(op) || op->getAttrOfType<PlanAttr>(kPlanName))
      return success();
    InFlightDiagnostic diag = breach(op) << "expects an attribute 'attn.plan' of type #attn.plan";
    diag.attachNote() << "attn-select-plan should have chosen one";
    return diag;
  }

  /// Attention only on tiles, in a loop that says how large those are.
  LogicalResult verifyTile(Operation *op) {
    if (isa<AppendKvOp>(op)) {
      InFlightDiagnostic diag = breach(op) << "allows no append as a whole";
      diag.attachNote() << "attn-tile-stages should have replaced this";
      return diag;
    }
    bool isNamed = isNamedOp(op) || isNamedStorageOp(op);
    if (isNamed || isa<GenericOp>(op)) {
      InFlightDiagnostic diag = breach(op) << "allows attention ops on tiles only";
      diag.attachNote() << (isNamed ? "attn-normalize" : "attn-tile-and-fuse") << " should have replaced this";
      return diag;
    }
    if (!isTileOp(op))
      return success();
    if (!getTileLoop(op)) {
      InFlightDiagnostic diag = breach(op) << "expects attention ops inside an scf.forall with 'attn.plan'";
      diag.attachNote() << "attn-tile-and-fuse should have made that loop and put the plan on it";
      return diag;
    }
    if (auto scored = dyn_cast<ScoredOpInterface>(op))
      if (auto type = cast<RankedTensorType>(scored.getQuery().getType()); !type.hasStaticShape()) {
        InFlightDiagnostic diag = breach(op) << "expects row tiles of known size, got 'query' of type " << type;
        diag.attachNote() << "attn-tile-and-fuse should have packed the rows of this tile";
        return diag;
      }
    return success();
  }

  /// No attention op; what was one says what for; the caller owns every buffer.
  LogicalResult verifyLinalg(Operation *op) {
    // Only the target knows who calls.
    if (op->getName().getDialectNamespace() == "attn" && !isa<NumSplitsOp>(op)) {
      InFlightDiagnostic diag = breach(op) << "allows no attn op";
      diag.attachNote() << "attn-convert-to-linalg should have replaced this";
      return diag;
    }
    if (isa<linalg::GenericOp>(op) && getTileLoop(op) && !op->hasAttr(kRoleName)) {
      InFlightDiagnostic diag = breach(op) << "expects an attribute 'attn.role' on linalg ops in a loop over tiles";
      diag.attachNote() << "the pass that made this should have said what it is for";
      return diag;
    }
    auto loop = dyn_cast<scf::ForallOp>(op);
    auto function = loop && loop->getAttr(kPlanName) ? op->getParentOfType<FunctionOpInterface>() : nullptr;
    if (function && (llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<TensorType>) ||
                     llvm::any_of(function.getResultTypes(), llvm::IsaPred<TensorType>))) {
      InFlightDiagnostic diag = breach(function) << "allows no tensor in the signature of a kernel";
      diag.attachNote() << "attn-prepare-abi should have made views of them";
      return diag;
    }
    return success();
  }

  /// Code of the machine only.
  LogicalResult verifyTarget(Operation *op) {
    StringRef dialect = op->getName().getDialectNamespace();
    StringRef name = op->getName().getStringRef();
    if (dialect == "llvm" || isa<ModuleOp>(op) || name == "gpu.binary" || name == "gpu.module")
      return success();
    // Instructions of a GPU, in the functions that are for it.
    Operation *function = op->getParentOfType<FunctionOpInterface>();
    Operation *device = function ? function->getParentOp() : nullptr;
    if (dialect == "nvvm" && device && device->getName().getStringRef() == "gpu.module")
      return success();
    InFlightDiagnostic diag = breach(op) << "allows llvm ops, and nvvm ops in a gpu.module, only";
    diag.attachNote() << "the conversion of '" << dialect << "' to llvm should have replaced this";
    return diag;
  }

  StageContract stage;
};

struct AttnVerifyStagePass : impl::AttnVerifyStagePassBase<AttnVerifyStagePass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(verifyStage(getOperation(), stage)))
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace

StringRef stringifyStageContract(StageContract stage) {
  switch (stage) {
  case StageContract::Normalize:
    return "normalize";
  case StageContract::Plan:
    return "plan";
  case StageContract::Tile:
    return "tile";
  case StageContract::Linalg:
    return "linalg";
  case StageContract::Target:
    return "target";
  }
  llvm_unreachable("covered switch");
}

LogicalResult verifyStage(Operation *root, StageContract stage) {
  StageVerifier verifier(stage);
  bool anyFailed = false;
  root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (succeeded(verifier.verify(op)))
      return WalkResult::advance();
    anyFailed = true;
    // What stands inside an attention op at fault is not another fault; loops and functions may hold more.
    return op->getName().getDialectNamespace() == "attn" ? WalkResult::skip() : WalkResult::advance();
  });
  return failure(anyFailed);
}

} // namespace attn
