// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-vectorize-tiles: linalg ops on buffers become loops of vector code, register tile by register tile.
//
// Takes a task function whose linalg ops work on tiles; leaves scf, vector, arith and memref. The shape of the
// registers comes from the function's #attn.plan. Upstream's vectoriser is not used here: it wants static shapes,
// hoists accumulators only through subset analysis, and its result depends on the order of a dozen pattern sets; all a
// tile needs is one loop nest whose lanes are the output's innermost dimension.
#include "TileAccess.h"
#include "TileVectorizer.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Target/CPU/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

#define DEBUG_TYPE "attn-vectorize-tiles"

namespace attn {
#define GEN_PASS_DEF_ATTNVECTORIZETILESPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

struct VectorizeTiles : impl::AttnVectorizeTilesPassBase<VectorizeTiles> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    SmallVector<Operation *> ops;
    function.walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    auto plan = function->getAttrOfType<PlanAttr>(kPlanName);
    if (!plan) {
      function.emitError("expects the attribute 'attn.plan', which says how large the registers are: run "
                         "attn-outline-tasks first");
      return signalPassFailure();
    }
    RegisterTile tile{plan.getLanes(), plan.getRegisterTile()[0], plan.getRegisterTile()[1],
                      hasBf16Dot && plan.getPrecision() == Precision::BF16};
    IRRewriter rewriter(&getContext());
    PairedTiles paired(function, hasBf16Dot);
    DenseSet<Operation *> erased;
    // Backwards, so that an initialiser is still there when its reduction looks for it.
    for (Operation *op : llvm::reverse(ops)) {
      if (erased.contains(op))
        continue;
      rewriter.setInsertionPoint(op);
      auto generic = dyn_cast<linalg::GenericOp>(op);
      if (!generic) {
        FailureOr<linalg::GenericOp> general = linalg::generalizeNamedOp(rewriter, cast<linalg::LinalgOp>(op));
        if (failed(general)) {
          op->emitError("cannot be written as linalg.generic");
          return signalPassFailure();
        }
        generic = *general;
      }
      FailureOr<Operation *> initializer = vectorizeTile(rewriter, generic, tile, paired);
      if (failed(initializer))
        return signalPassFailure();
      erased.insert(*initializer);
    }
    // i1 in memory is a byte: loops that look for the range of a mask operand read bytes, of which LLVM makes vectors.
    function.walk([&](memref::LoadOp load) {
      MemRefType type = load.getMemRefType();
      if (!type.getElementType().isInteger(1))
        return;
      rewriter.setInsertionPoint(load);
      rewriter.replaceOp(load, loadElements(rewriter, load.getLoc(), load.getMemRef(),
                                            rewriter.getMultiDimIdentityMap(type.getRank()), load.getIndices(),
                                            /*lanesLoop=*/-1, /*width=*/1));
    });
    // The plan has been carried out.
    function->removeAttr(kPlanName);
  }
};

} // namespace
} // namespace attn
