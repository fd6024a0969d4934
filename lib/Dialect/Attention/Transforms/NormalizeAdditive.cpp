// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.additive as attn.generic: the similarity region says weight * tanh(q + k), everything else is as in any
// attention.
#include "NamedOps.h"
#include "SizeChecks.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace attn;

/// Loops, one letter each: batch, query row, key row, D, Dv.
static constexpr llvm::StringLiteral kLoops = "bijde";

/// Fills a region with one block: `body` makes the value that it yields of its arguments.
static void fillRegion(RewriterBase &rewriter, Location loc, Region &region, ArrayRef<Type> types,
                       llvm::function_ref<Value(ValueRange)> body) {
  OpBuilder::InsertionGuard guard(rewriter);
  Block *block = rewriter.createBlock(&region, {}, types, SmallVector<Location>(types.size(), loc));
  YieldOp::create(rewriter, loc, body(block->getArguments()));
}

namespace {
/// A tensor, which messages call `name`, and the loops of its dimensions.
struct NamedTensor {
  std::string name;
  Value tensor;
  std::string dims;
};
} // namespace

static void assertSizes(RewriterBase &rewriter, Location loc, ArrayRef<NamedTensor> tensors) {
  for (auto [letter, what] :
       {std::pair('b', "B"), std::pair('i', "N"), std::pair('j', "M"), std::pair('d', "D"), std::pair('e', "Dv")}) {
    SmallVector<NamedSize> sizes;
    for (const NamedTensor &tensor : tensors)
      if (size_t dim = tensor.dims.find(letter); dim != std::string::npos)
        sizes.push_back({tensor.name, tensor.tensor, static_cast<unsigned>(dim)});
    assertSameSize(rewriter, loc, sizes, what);
  }
}

GenericOp attn::normalize(RewriterBase &rewriter, AdditiveOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  MLIRContext *context = op.getContext();
  Type element = op.getQuery().getType().getElementType();
  Type accumulator = element.isF64() ? element : rewriter.getF32Type();
  SmallVector<AffineMap> maps;
  SmallVector<NamedTensor> tensors{{"query", op.getQuery(), "bid"},
                                   {"key", op.getKey(), "bjd"},
                                   {"value", op.getValue(), "bje"},
                                   {"weight", op.getWeight(), "d"}};
  SmallVector<Value> maskOperands;
  if (op.getMask()) {
    auto [mask, dims] = dropRepeated(rewriter, op.getMask(), "bij");
    maskOperands.push_back(mask);
    tensors.push_back({"mask", mask, dims});
  }
  ReifiedRankedShapedTypeDims shapes;
  (void)op.reifyResultShapes(rewriter, shapes);
  SmallVector<Value> inits;
  for (auto [attr, shape, result] :
       llvm::zip_equal(op.getResultKinds().getAsRange<ResultKindAttr>(), shapes, op.getResults())) {
    ResultKind kind = attr.getValue();
    Value init = tensor::EmptyOp::create(rewriter, loc, shape, getElementTypeOrSelf(result));
    inits.push_back(init);
    tensors.push_back({stringifyResultKind(kind).str(), init,
                       kind == ResultKind::Out       ? "bie"
                       : kind == ResultKind::Weights ? "bij"
                                                     : "bi"});
  }
  for (const NamedTensor &tensor : tensors)
    maps.push_back(getLetterMap(context, kLoops, tensor.dims));
  assertSizes(rewriter, loc, tensors);
  auto generic = GenericOp::create(
      rewriter, loc, TypeRange(ValueRange(inits)), op.getQuery(), op.getKey(), op.getValue(),
      /*similarity_operands=*/op.getWeight(), /*score_operands=*/ValueRange{}, maskOperands,
      /*normalizer_operands=*/ValueRange{}, /*captures=*/ValueRange{}, /*offsets=*/ValueRange{}, inits,
      op.getResultKinds(), rewriter.getAffineMapArrayAttr(maps), APFloat(1.0), SoftmaxAttr::get(context));
  generic->setDiscardableAttrs(getCheckedAttrs(op));
  fillRegion(rewriter, loc, generic.getSimilarity(), {accumulator, accumulator, element}, [&](ValueRange args) {
    Value weight = args[2];
    if (element != accumulator)
      weight = arith::ExtFOp::create(rewriter, loc, accumulator, weight);
    Value sum = arith::AddFOp::create(rewriter, loc, args[0], args[1]);
    return arith::MulFOp::create(rewriter, loc, weight, math::TanhOp::create(rewriter, loc, sum)).getResult();
  });
  if (op.getMask())
    fillRegion(rewriter, loc, generic.getMask(), {rewriter.getI1Type()}, [](ValueRange args) { return args[0]; });
  SmallVector<Value> results;
  rewriter.setInsertionPointAfter(generic);
  for (auto [result, original] : llvm::zip_equal(generic.getResults(), op.getResults()))
    results.push_back(result.getType() == original.getType()
                          ? Value(result)
                          : tensor::CastOp::create(rewriter, loc, original.getType(), result).getResult());
  rewriter.replaceOp(op, results);
  return generic;
}
