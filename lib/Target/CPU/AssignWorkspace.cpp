// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-assign-workspace: every buffer of a task becomes a piece of the scratch memory its caller passes.
//
// Takes task functions with memref.alloc of constant size; leaves memref.view of the last argument and the number of
// bytes in attn.kernel. Buffers live as long as the block they stand in, so sibling blocks share bytes: the loops over
// whole and over partial key tiles use one score tile.
#include "attn/Target/CPU/KernelSignature.h"
#include "attn/Target/CPU/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "attn-assign-workspace"

namespace attn {
#define GEN_PASS_DEF_ATTNASSIGNWORKSPACEPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

/// Buffers start on cache lines.
constexpr int64_t kAlignment = 64;

/// Whether a terminator hands `buffer`, or a view of it, out of its block.
bool escapes(Value buffer) {
  for (Operation *user : buffer.getUsers()) {
    if (user->hasTrait<OpTrait::IsTerminator>())
      return true;
    if (isa<ViewLikeOpInterface>(user) && llvm::any_of(user->getResults(), escapes))
      return true;
  }
  return false;
}

struct AssignWorkspace : impl::AttnAssignWorkspacePassBase<AssignWorkspace> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    auto kernel = function->getAttrOfType<DictionaryAttr>(kKernelAttrName);
    if (!kernel)
      return;
    // A pass object serves several functions.
    scratch = function.getArguments().back();
    // What has a place keeps it: buffers that come later lie behind.
    auto placed = kernel.getAs<IntegerAttr>("workspace");
    bytesNeeded = placed ? llvm::alignTo(placed.getInt(), kAlignment) : 0;
    if (failed(assign(function.getBody().front(), bytesNeeded)))
      return signalPassFailure();
    NamedAttrList entries(kernel);
    entries.set("workspace", IntegerAttr::get(IntegerType::get(&getContext(), 64), bytesNeeded));
    function->setAttr(kKernelAttrName, entries.getDictionary(&getContext()));
  }

  LogicalResult assign(Block &block, int64_t used) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
        MemRefType type = alloc.getType();
        if (!type.hasStaticShape() || !type.getLayout().isIdentity())
          return alloc.emitError("a task may only allocate buffers of constant size, got ") << type;
        if (escapes(alloc))
          return alloc.emitError(
              "a buffer that leaves its block cannot live in the workspace: bufferisation should have "
              "updated the loop's buffer in place");
        int64_t bits = type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth();
        IRRewriter rewriter(alloc);
        Value offset = arith::ConstantIndexOp::create(rewriter, alloc.getLoc(), used);
        rewriter.replaceOpWithNewOp<memref::ViewOp>(alloc, type, scratch, offset, ValueRange());
        used += llvm::alignTo(type.getNumElements() * llvm::divideCeil(bits, 8), kAlignment);
        bytesNeeded = std::max(bytesNeeded, used);
        continue;
      }
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          if (failed(assign(inner, used)))
            return failure();
    }
    return success();
  }

  Value scratch;
  int64_t bytesNeeded = 0;
};

} // namespace
} // namespace attn
