// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-convert-to-linalg: each attention op on tiles is replaced where it stands. Plain replacement in order instead of
// a dialect conversion: no type changes, and an op that cannot be converted should say so itself.
#include "attn/Conversion/AttentionToLinalg/AttentionToLinalg.h"
#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

namespace attn {
#define GEN_PASS_DEF_ATTNCONVERTTOLINALGPASS
#include "attn/Conversion/AttentionToLinalg/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace {

struct AttnConvertToLinalgPass : attn::impl::AttnConvertToLinalgPassBase<AttnConvertToLinalgPass> {
  void runOnOperation() override {
    SmallVector<Operation *> tileOps;
    getOperation()->walk([&](Operation *op) {
      if (isa<attn::OnlineOp, attn::WeightsOp, attn::MergeOp, attn::FinalizeOp>(op))
        tileOps.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    bool anyFailed = false;
    for (Operation *op : tileOps) {
      LogicalResult result = llvm::TypeSwitch<Operation *, LogicalResult>(op)
                                 .Case<attn::OnlineOp, attn::WeightsOp, attn::MergeOp, attn::FinalizeOp>(
                                     [&](auto tileOp) { return attn::convertToLinalg(rewriter, tileOp); })
                                 .Default(success());
      anyFailed |= failed(result);
    }
    if (anyFailed)
      signalPassFailure();
  }
};

} // namespace
