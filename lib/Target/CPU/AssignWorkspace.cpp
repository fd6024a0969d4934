// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-assign-workspace: every buffer of a task becomes a piece of the scratch memory its caller passes.
//
// Takes task functions with memref.alloc of constant size; leaves memref.view of the last argument and the number of
// bytes in attn.kernel. Buffers live as long as the block they stand in, so sibling blocks share bytes: the loops over
// whole and over partial key tiles use one score tile. A buffer over the parts of a row tile's keys is a piece of the
// memory that these share, the argument before the last; attn.kernel then has the bytes of one part as well.
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
    bytesNeeded = placed ? llvm::alignTo(placed.getInt(), kWorkspaceAlignment) : 0;
    partialBytes = 0;
    if (failed(assign(function.getBody().front(), {bytesNeeded, 0})))
      return signalPassFailure();
    NamedAttrList entries(kernel);
    Builder builder(&getContext());
    entries.set("workspace", builder.getI64IntegerAttr(bytesNeeded));
    if (partialBytes)
      entries.set("partials", builder.getI64IntegerAttr(partialBytes));
    function->setAttr(kKernelAttrName, entries.getDictionary(&getContext()));
  }

  /// Bytes in use: of the scratch, and of each part's partial state.
  struct Used {
    int64_t scratch, partials;
  };

  static int64_t getBytes(MemRefType type) {
    int64_t bits = type.getElementType().isIndex() ? 64 : type.getElementTypeBitWidth();
    int64_t elements = 1;
    for (int64_t size : type.getShape())
      elements *= ShapedType::isDynamic(size) ? 1 : size;
    return llvm::alignTo(elements * llvm::divideCeil(bits, 8), kWorkspaceAlignment);
  }

  /// Whether the first dimension of `alloc`, and no other, is over the parts of a row tile's keys.
  bool isOverParts(memref::AllocOp alloc) {
    auto arguments = scratch.getOwner()->getArguments();
    MemRefType type = alloc.getType();
    return type.getNumDynamicDims() == 1 && type.isDynamicDim(0) && type.getLayout().isIdentity() &&
           arguments.size() >= 4 && alloc.getDynamicSizes()[0] == arguments.take_back(3)[0];
  }

  void placePartial(memref::AllocOp alloc, Used &used) {
    IRRewriter rewriter(alloc);
    Location loc = alloc.getLoc();
    auto arguments = scratch.getOwner()->getArguments().take_back(3);
    Value before = arith::ConstantIndexOp::create(rewriter, loc, used.partials);
    Value offset = arith::MulIOp::create(rewriter, loc, arguments[0], before);
    Value header = arith::ConstantIndexOp::create(rewriter, loc, kPartialsHeaderBytes);
    offset = arith::AddIOp::create(rewriter, loc, offset, header);
    used.partials += getBytes(alloc.getType());
    partialBytes = std::max(partialBytes, used.partials);
    rewriter.replaceOpWithNewOp<memref::ViewOp>(alloc, alloc.getType(), arguments[1], offset, ValueRange{arguments[0]});
  }

  LogicalResult assign(Block &block, Used used) {
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (auto alloc = dyn_cast<memref::AllocOp>(op)) {
        MemRefType type = alloc.getType();
        if (isOverParts(alloc)) {
          placePartial(alloc, used);
          continue;
        }
        if (!type.hasStaticShape() || !type.getLayout().isIdentity())
          return alloc.emitError("a task may only allocate buffers of constant size, got ") << type;
        if (escapes(alloc))
          return alloc.emitError(
              "a buffer that leaves its block cannot live in the workspace: bufferisation should have "
              "updated the loop's buffer in place");
        IRRewriter rewriter(alloc);
        Value offset = arith::ConstantIndexOp::create(rewriter, alloc.getLoc(), used.scratch);
        rewriter.replaceOpWithNewOp<memref::ViewOp>(alloc, type, scratch, offset, ValueRange());
        used.scratch += getBytes(type);
        bytesNeeded = std::max(bytesNeeded, used.scratch);
        continue;
      }
      for (Region &region : op.getRegions())
        for (Block &inner : region)
          if (failed(assign(inner, used)))
            return failure();
    }
    return success();
  }

  BlockArgument scratch;
  int64_t bytesNeeded = 0, partialBytes = 0;
};

} // namespace
} // namespace attn
