// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-verify-target: nothing that a kernel must not do is left when it becomes LLVM code.
//
// A copy or an allocation here is never wrong, only slow, so nothing else would notice: bufferisation inserts them
// where it cannot prove that an update may happen in place. A whole cache was once copied for reading it after an
// append.
#include "attn/Target/CPU/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringSwitch.h"

namespace attn {
#define GEN_PASS_DEF_ATTNVERIFYTARGETPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace {

/// The pass that should have replaced every op of a dialect, or empty where ops of the dialect may be here.
StringRef getDebtor(StringRef dialect) {
  return llvm::StringSwitch<StringRef>(dialect)
      .Case("attn", "attn-convert-to-linalg")
      .Case("linalg", "attn-vectorize-tiles")
      .Cases({"tensor", "bufferization"}, "one-shot-bufferize")
      .Default("");
}

/// Where to look for the reason of a copy or of an allocation of unknown size.
constexpr StringLiteral kNotInPlace =
    "one-shot-bufferize made this because an update could not happen in place: look for a tensor that is read after it "
    "was overwritten, for two destinations that cse made one between attn-tile-and-fuse and bufferisation, or for a "
    "result that attn-prepare-abi did not connect to an output";

/// Emits what is wrong with `op`, if anything is.
LogicalResult verify(Operation *op) {
  if (StringRef debtor = getDebtor(op->getName().getDialectNamespace()); !debtor.empty()) {
    InFlightDiagnostic diag = op->emitError("stage 'target' allows no ")
                              << op->getName().getDialectNamespace() << " op";
    diag.attachNote() << debtor << " should have replaced this";
    return diag;
  }
  if (isa<memref::AllocOp, memref::AllocaOp, memref::ReallocOp>(op)) {
    auto type = cast<MemRefType>(op->getResult(0).getType());
    InFlightDiagnostic diag = op->emitError("stage 'target' allows no allocation, got one of ") << type;
    if (type.hasStaticShape())
      diag.attachNote() << "attn-assign-workspace should have placed this in the workspace";
    else
      diag.attachNote() << kNotInPlace;
    return diag;
  }
  // The list of copies that are meant: none. Tile code moves its data with vectors.
  if (isa<memref::CopyOp>(op)) {
    InFlightDiagnostic diag = op->emitError("stage 'target' allows no copy of a buffer, got one of ")
                              << op->getOperand(0).getType();
    diag.attachNote() << kNotInPlace;
    return diag;
  }
  return success();
}

struct VerifyTarget : attn::impl::AttnVerifyTargetPassBase<VerifyTarget> {
  void runOnOperation() override {
    bool anyFailed = false;
    // What stands inside an op at fault is not another fault.
    getOperation()->walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (succeeded(verify(op)))
        return WalkResult::advance();
      anyFailed = true;
      return WalkResult::skip();
    });
    if (anyFailed)
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
