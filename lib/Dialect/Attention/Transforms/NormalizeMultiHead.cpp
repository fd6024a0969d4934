// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.multi_head as what it is made of: contractions for the projections, reductions and elementwise ops for norms,
// attn.rope and attn.sdpa over [B,N,H,D], which are normalised in turn. Heads are split and joined by views.
#include "SizeChecks.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace attn;

namespace {

class MultiHeadNormalizer {
public:
  MultiHeadNormalizer(RewriterBase &rewriter, MultiHeadOp op)
      : rewriter(rewriter), op(op), loc(op.getLoc()), element(op.getInput().getType().getElementType()),
        accumulator(element.isF64() ? element : Type(rewriter.getF32Type())) {}

  void run() {
    if (op.getMemory())
      assertSameSize(rewriter, loc, {{"input", op.getInput(), 0}, {"memory", op.getMemory(), 0}}, "B");
    assertSameSize(rewriter, loc, {{"input", op.getInput(), 2}, {"weights", op.getWeights().front(), inDim()}}, "E");
    if (op.getMemory())
      assertSameSize(rewriter, loc, {{"memory", op.getMemory(), 2}, {"weights", op.getWeights()[1], inDim()}}, "Em");
    SmallVector<Value> parts = projectAll();
    for (int number : {0, 1}) {
      if (op.getNorm())
        parts[number] = normalizeRows(parts[number], op.getGains()[number]);
      if (op.getCos())
        parts[number] = turn(parts[number]);
    }
    Value joined = join(attend(parts));
    Value result = project(joined, op.getOutWeight(), op.getOutBias());
    if (result.getType() != op.getType())
      result = tensor::CastOp::create(rewriter, loc, op.getType(), result);
    rewriter.replaceOp(op, result);
  }

private:
  unsigned inDim() { return op.getTransposed() ? 1 : 0; }

  Value empty(ArrayRef<OpFoldResult> sizes, Type type) { return tensor::EmptyOp::create(rewriter, loc, sizes, type); }

  Value widen(OpBuilder &b, Value value) {
    return convertScalarToDtype(b, loc, value, accumulator, /*isUnsignedCast=*/false);
  }

  Value narrow(OpBuilder &b, Value value) {
    return convertScalarToDtype(b, loc, value, element, /*isUnsignedCast=*/false);
  }

  Value number(OpBuilder &b, double value) {
    return arith::ConstantOp::create(b, loc, b.getFloatAttr(accumulator, value));
  }

  /// A linalg.generic with loops called `loops`, one letter each, of which `reduced` are reductions; `dims` name those
  /// of each input and of `init`.
  Value generic(StringRef loops, StringRef reduced, ValueRange inputs, Value init, ArrayRef<StringRef> dims,
                llvm::function_ref<Value(OpBuilder &, ValueRange)> body) {
    SmallVector<AffineMap> maps = llvm::map_to_vector(dims, [&](StringRef letters) {
      SmallVector<AffineExpr> exprs =
          llvm::map_to_vector(letters, [&](char letter) { return rewriter.getAffineDimExpr(loops.find(letter)); });
      return AffineMap::get(loops.size(), 0, exprs, op.getContext());
    });
    SmallVector<utils::IteratorType> iterators = llvm::map_to_vector(loops, [&](char letter) {
      return reduced.contains(letter) ? utils::IteratorType::reduction : utils::IteratorType::parallel;
    });
    auto build = [&](OpBuilder &b, Location, ValueRange args) { linalg::YieldOp::create(b, loc, body(b, args)); };
    return linalg::GenericOp::create(rewriter, loc, init.getType(), inputs, ValueRange{init}, maps, iterators, build)
        .getResult(0);
  }

  Value zeros(ArrayRef<OpFoldResult> sizes) {
    Value zero = arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(accumulator));
    return linalg::FillOp::create(rewriter, loc, zero, empty(sizes, accumulator)).getResult(0);
  }

  /// rows [B,N,in] times a weight, plus a bias that may be null.
  Value project(Value rows, Value weight, Value bias) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, rows);
    sizes.back() = rewriter.getIndexAttr(op.getOutSize(weight));
    Value product = generic("bnok", "k", {rows, weight}, zeros(sizes), {"bnk", op.getTransposed() ? "ok" : "ko", "bno"},
                            [&](OpBuilder &b, ValueRange args) {
                              Value term = arith::MulFOp::create(b, loc, widen(b, args[0]), widen(b, args[1]));
                              return arith::AddFOp::create(b, loc, args[2], term);
                            });
    if (!bias && element == accumulator)
      return product;
    SmallVector<Value> inputs{product};
    SmallVector<StringRef> dims{"bno", "bno"};
    if (bias) {
      inputs.push_back(bias);
      dims.insert(dims.begin() + 1, "o");
    }
    return generic("bno", "", inputs, empty(sizes, element), dims, [&](OpBuilder &b, ValueRange args) {
      Value sum = args[0];
      if (bias)
        sum = arith::AddFOp::create(b, loc, sum, widen(b, args[1]));
      return narrow(b, sum);
    });
  }

  /// Columns [first, first + heads * size) of rows [B,N,columns] as [B,N,heads,size].
  Value split(Value rows, int64_t first, int64_t heads, int64_t size) {
    auto type = cast<RankedTensorType>(rows.getType());
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, rows);
    if (type.getDimSize(2) != heads * size) {
      SmallVector<OpFoldResult> offsets(3, rewriter.getIndexAttr(0)), ones(3, rewriter.getIndexAttr(1));
      offsets[2] = rewriter.getIndexAttr(first);
      sizes[2] = rewriter.getIndexAttr(heads * size);
      rows = tensor::ExtractSliceOp::create(rewriter, loc, rows, offsets, sizes, ones);
    }
    sizes[2] = rewriter.getIndexAttr(heads);
    sizes.push_back(rewriter.getIndexAttr(size));
    SmallVector<int64_t> shape{type.getDimSize(0), type.getDimSize(1), heads, size};
    SmallVector<ReassociationIndices> groups{{0}, {1}, {2, 3}};
    return tensor::ExpandShapeOp::create(rewriter, loc, type.clone(shape), rows, groups, sizes);
  }

  Value join(Value heads) {
    SmallVector<ReassociationIndices> groups{{0}, {1}, {2, 3}};
    return tensor::CollapseShapeOp::create(rewriter, loc, heads, groups);
  }

  /// Q, K and V as [B,N,heads,size].
  SmallVector<Value> projectAll() {
    int64_t heads = op.getHeads(), kvHeads = op.getKvHeadCount(), size = op.getHeadSize();
    auto getBias = [&](size_t which) { return op.getBiases().empty() ? Value() : op.getBiases()[which]; };
    if (op.isPacked()) {
      Value rows = project(op.getInput(), op.getWeights()[0], getBias(0));
      return {split(rows, 0, heads, size), split(rows, heads * size, kvHeads, size),
              split(rows, (heads + kvHeads) * size, kvHeads, size)};
    }
    auto part = [&](Value rows, size_t which, int64_t numHeads, int64_t headSize) {
      return split(project(rows, op.getWeights()[which], getBias(which)), 0, numHeads, headSize);
    };
    return {part(op.getInput(), 0, heads, size), part(op.getSource(), 1, kvHeads, size),
            part(op.getSource(), 2, kvHeads, op.getValueHeadSize())};
  }

  /// Each row of a head divided by its root mean square or standard deviation, times gains.
  Value normalizeRows(Value heads, Value gain) {
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, heads);
    SmallVector<OpFoldResult> rowSizes(sizes);
    rowSizes.pop_back();
    bool isLayer = op.getNorm() == Norm::Layer;
    double inverse = 1.0 / static_cast<double>(op.getHeadSize());
    // The mean may be null.
    auto center = [&](OpBuilder &b, Value x, Value sum) -> Value {
      x = widen(b, x);
      if (!isLayer)
        return x;
      return arith::SubFOp::create(b, loc, x, arith::MulFOp::create(b, loc, sum, number(b, inverse)));
    };
    SmallVector<Value> inputs{heads};
    SmallVector<StringRef> dims{"bnhd"};
    if (isLayer) {
      inputs.push_back(
          generic("bnhd", "d", {heads}, zeros(rowSizes), {"bnhd", "bnh"}, [&](OpBuilder &b, ValueRange args) -> Value {
            return arith::AddFOp::create(b, loc, args[1], widen(b, args[0]));
          }));
      dims.push_back("bnh");
    }
    SmallVector<StringRef> squareDims(dims);
    squareDims.push_back("bnh");
    Value squares =
        generic("bnhd", "d", inputs, zeros(rowSizes), squareDims, [&](OpBuilder &b, ValueRange args) -> Value {
          Value x = center(b, args[0], args[1]);
          return arith::AddFOp::create(b, loc, args.back(), arith::MulFOp::create(b, loc, x, x));
        });
    inputs.append({squares, gain});
    dims.append({"bnh", "d", "bnhd"});
    return generic("bnhd", "", inputs, empty(sizes, element), dims, [&](OpBuilder &b, ValueRange args) {
      Value square = args[isLayer ? 2 : 1], factor = args[isLayer ? 3 : 2];
      Value mean = arith::AddFOp::create(b, loc, arith::MulFOp::create(b, loc, square, number(b, inverse)),
                                         number(b, op.getEpsilon().convertToDouble()));
      Value inverseRoot = arith::DivFOp::create(b, loc, number(b, 1.0), math::SqrtOp::create(b, loc, mean));
      Value x = arith::MulFOp::create(b, loc, center(b, args[0], args[1]), inverseRoot);
      return narrow(b, arith::MulFOp::create(b, loc, x, widen(b, factor)));
    });
  }

  Value turn(Value heads) {
    auto layout = LayoutAttr::get(op.getContext(), Layout::BNHD);
    auto rope = RopeOp::create(rewriter, loc, heads.getType(), heads, op.getCos(), op.getSin(), op.getPositions(),
                               op.getInterleavedAttr(), layout);
    Value result = rope.getResult();
    // A handle on what takes its place.
    auto keep = tensor::CastOp::create(rewriter, loc, result.getType(), result);
    normalize(rewriter, rope);
    result = keep.getSource();
    rewriter.eraseOp(keep);
    rewriter.setInsertionPoint(op);
    return result;
  }

  Value attend(ArrayRef<Value> parts) {
    auto queryType = cast<RankedTensorType>(parts[0].getType());
    SmallVector<int64_t> shape(queryType.getShape());
    shape.back() = op.getValueHeadSize();
    auto sdpa = SdpaOp::create(rewriter, loc, TypeRange{queryType.clone(shape)}, parts[0], parts[1], parts[2],
                               /*bias=*/Value(), op.getMask(), op.getCausalAttr(),
                               LayoutAttr::get(op.getContext(), Layout::BNHD), op.getScaleAttr(),
                               rewriter.getArrayAttr(ResultKindAttr::get(op.getContext(), ResultKind::Out)));
    sdpa->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    auto keep = tensor::CastOp::create(rewriter, loc, queryType.clone(shape), sdpa.getResult(0));
    normalize(rewriter, sdpa);
    Value result = keep.getSource();
    rewriter.eraseOp(keep);
    rewriter.setInsertionPoint(op);
    return result;
  }

  RewriterBase &rewriter;
  MultiHeadOp op;
  Location loc;
  Type element, accumulator;
};

} // namespace

void attn::normalize(RewriterBase &rewriter, MultiHeadOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  MultiHeadNormalizer(rewriter, op).run();
}
