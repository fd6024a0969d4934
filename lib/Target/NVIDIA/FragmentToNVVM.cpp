// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-convert-fragment-to-nvvm: from tiles of a block to what one of its threads does.
#include "FragmentPatterns.h"
#include "Lanes.h"
#include "attn/Target/NVIDIA/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/MathExtras.h"

#define DEBUG_TYPE "attn-convert-fragment-to-nvvm"

namespace attn {
#define GEN_PASS_DEF_ATTNCONVERTFRAGMENTTONVVMPASS
#include "attn/Target/NVIDIA/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {

void addFragmentTypes(TypeConverter &types) {
  types.addConversion([](Type type) { return type; });
  types.addConversion([](fragment::TileType type) -> Type {
    int64_t elements = type.getLaneElements();
    if (type.getLayout() == fragment::Layout::Operand)
      return VectorType::get(elements / 2, IntegerType::get(type.getContext(), 32));
    return VectorType::get(elements, type.getElementType());
  });
  types.addConversion(
      [](fragment::SharedType type) -> Type { return LLVM::LLVMPointerType::get(type.getContext(), kSharedSpace); });
}

namespace {

/// 2^x where an approximation is allowed: one instruction.
struct LowerApproximateExp2 : OpConversionPattern<math::Exp2Op> {
  using OpConversionPattern::OpConversionPattern;

  LogicalResult matchAndRewrite(math::Exp2Op op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    if (!isApproximate(op))
      return failure();
    b.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(op, b.getF32Type(), b.getStringAttr("llvm.nvvm.ex2.approx.ftz.f32"),
                                                adaptor.getOperand());
    return success();
  }

  static bool isApproximate(math::Exp2Op op) {
    return op.getType().isF32() && bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn);
  }
};

/// Gives each alloc that is used its place, one after the other, and returns the bytes of all.
int64_t placeShared(func::FuncOp function) {
  // Swizzles repeat every 1024 bytes.
  constexpr int64_t alignment = 1024;
  int64_t end = 0;
  Builder b(function.getContext());
  function.walk([&](fragment::AllocOp op) {
    if (op->use_empty()) {
      op.erase();
      return;
    }
    end = llvm::alignTo(end, alignment);
    op->setAttr(kOffsetName, b.getI64IntegerAttr(end));
    end += op.getShared().getType().getBytes();
  });
  return end;
}

struct FragmentToNVVM : impl::AttnConvertFragmentToNVVMPassBase<FragmentToNVVM> {
  void runOnOperation() override {
    gpu::GPUModuleOp device = getOperation();
    OpBuilder b(&getContext());
    bool usesShared = false;
    for (auto function : device.getOps<func::FuncOp>()) {
      auto launch = function->getAttrOfType<DictionaryAttr>(kLaunchName);
      if (!launch)
        continue;
      int64_t bytes = placeShared(function);
      usesShared |= bytes > 0;
      NamedAttrList list(launch);
      list.set("shared_bytes", b.getI64IntegerAttr(bytes));
      function->setAttr(kLaunchName, list.getDictionary(&getContext()));
    }
    if (usesShared && !device.lookupSymbol(kSharedGlobal)) {
      // Without a size: the launch says how much there is, up to more than a kernel may declare by itself.
      b.setInsertionPointToStart(device.getBody());
      LLVM::GlobalOp::create(b, device.getLoc(), LLVM::LLVMArrayType::get(b.getI8Type(), 0), /*isConstant=*/false,
                             LLVM::Linkage::External, kSharedGlobal, Attribute(), /*alignment=*/1024, kSharedSpace);
    }

    TypeConverter types;
    addFragmentTypes(types);
    ConversionTarget target(getContext());
    target.addIllegalDialect<fragment::FragmentDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addDynamicallyLegalOp<math::Exp2Op>(
        [](math::Exp2Op op) { return !LowerApproximateExp2::isApproximate(op); });
    RewritePatternSet patterns(&getContext());
    addFragmentMemoryPatterns(patterns, types);
    addFragmentProductPatterns(patterns, types);
    addFragmentElementPatterns(patterns, types);
    patterns.add<LowerApproximateExp2>(types, &getContext());
    scf::populateSCFStructuralTypeConversionsAndLegality(types, patterns, target);
    if (failed(applyPartialConversion(device, target, std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
} // namespace attn
