// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.finalize and attn.merge with softmax.
#include "Scores.h"
#include "attn/Conversion/AttentionToLinalg/AttentionToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace attn {
namespace {

Value compare(OpBuilder &builder, Location loc, arith::CmpFPredicate predicate, Value a, Value b) {
  return arith::CmpFOp::create(builder, loc, predicate, a, b);
}

} // namespace

LogicalResult convertToLinalg(RewriterBase &rewriter, FinalizeOp op) {
  if (failed(checkNormalizer(op, op.getNormalizer())))
    return failure();
  Location loc = op.getLoc();
  ArrayAttr maps = op.getIndexingMaps();
  Type type = getElementTypeOrSelf(op.getAcc());
  rewriter.setInsertionPoint(op);
  GenericBuilder linalg(rewriter, loc);
  Value zero = linalg.constant(type, 0.0), one = linalg.constant(type, 1.0);
  Value minusInfinity = linalg.negativeInfinity(type), ln2 = linalg.constant(type, llvm::numbers::ln2);
  MappedTensor acc = {op.getAcc(), getMap(maps, 0)};
  MappedTensor m = {op.getState()[0], getMap(maps, 1)}, l = {op.getState()[1], getMap(maps, 1)};
  unsigned firstOut = maps.size() - op.getInits().size();
  auto getOut = [&](size_t index) { return MappedTensor{op.getInits()[index], getMap(maps, firstOut + index)}; };

  // The factor comes first: out needs it.
  SmallVector<Value> results(op.getInits().size());
  MappedTensor factor = getOut(results.size() - 1);
  factor.value =
      linalg.generic("finalize", LoopOrder(getLoops(factor.map)), l, factor, [&](OpBuilder &nested, ValueRange args) {
        Value inverse = arith::DivFOp::create(nested, loc, one, args[0]);
        Value empty = compare(nested, loc, arith::CmpFPredicate::OEQ, args[0], zero);
        return SmallVector<Value>{arith::SelectOp::create(nested, loc, empty, zero, inverse)};
      })[0];
  results.back() = factor.value;

  for (auto [index, attr] : llvm::enumerate(op.getResultKinds())) {
    MappedTensor out = getOut(index);
    LoopOrder order(getLoops(out.map));
    switch (cast<ResultKindAttr>(attr).getValue()) {
    case ResultKind::Out:
      out.value = linalg.generic("unpack", order, {acc, factor}, out, [&](OpBuilder &nested, ValueRange args) {
        Value product = arith::MulFOp::create(nested, loc, args[0], args[1]);
        // A row without keys is 0 even where acc is not: a masked row of V may have left a NaN there.
        Value empty = compare(nested, loc, arith::CmpFPredicate::OEQ, args[1], zero);
        Value value = arith::SelectOp::create(nested, loc, empty, zero, product);
        if (args[2].getType() != type)
          value = arith::TruncFOp::create(nested, loc, args[2].getType(), value);
        return SmallVector<Value>{value};
      })[0];
      break;
    case ResultKind::Lse:
      out.value = linalg.generic("finalize", order, {m, l}, out, [&](OpBuilder &nested, ValueRange args) {
        Value sum = arith::AddFOp::create(nested, loc, args[0], math::Log2Op::create(nested, loc, args[1]));
        Value natural = arith::MulFOp::create(nested, loc, sum, ln2);
        Value empty = compare(nested, loc, arith::CmpFPredicate::OEQ, args[1], zero);
        return SmallVector<Value>{arith::SelectOp::create(nested, loc, empty, minusInfinity, natural)};
      })[0];
      break;
    case ResultKind::Max:
      // m passes NaN scores over (cmpf ogt), l does not.
      out.value = linalg.generic("finalize", order, {m, l}, out, [&](OpBuilder &nested, ValueRange args) {
        Value natural = arith::MulFOp::create(nested, loc, args[0], ln2);
        Value isNan = compare(nested, loc, arith::CmpFPredicate::UNO, args[1], args[1]);
        return SmallVector<Value>{arith::SelectOp::create(nested, loc, isNan, args[1], natural)};
      })[0];
      break;
    default:
      llvm_unreachable("attn.finalize C3 allows out, lse and max");
    }
    results[index] = out.value;
  }
  rewriter.replaceOp(op, results);
  return success();
}

LogicalResult convertToLinalg(RewriterBase &rewriter, MergeOp op) {
  if (failed(checkNormalizer(op, op.getNormalizer())))
    return failure();
  Location loc = op.getLoc();
  ArrayAttr maps = op.getIndexingMaps();
  Type type = getElementTypeOrSelf(op.getInits()[0]);
  auto rowType = cast<RankedTensorType>(op.getInits()[1].getType());
  if (!rowType.hasStaticShape())
    return op->emitError("cannot convert a row tile of unknown size, got ")
           << rowType << ": attn-tile-and-fuse makes row tiles of the plan's size";
  rewriter.setInsertionPoint(op);
  GenericBuilder linalg(rewriter, loc);
  AffineMap accMap = getMap(maps, 0), rowMap = getMap(maps, 1);
  auto partial = [&](size_t index) { return MappedTensor{op.getPartial()[index], index == 0 ? accMap : rowMap}; };
  auto init = [&](size_t index) { return MappedTensor{op.getInits()[index], index == 0 ? accMap : rowMap}; };
  Value lowest = linalg.lowest(type);
  MappedTensor a = {linalg.empty(rowType.getShape(), type), rowMap};
  MappedTensor b = {linalg.empty(rowType.getShape(), type), rowMap};
  SmallVector<Value> state = linalg.generic(
      "merge", LoopOrder(getLoops(rowMap)), partial(1), {init(1), a, b}, [&](OpBuilder &nested, ValueRange args) {
        Value newMax = selectMax(nested, loc, args[0], args[1]);
        Value safe = selectMax(nested, loc, newMax, lowest);
        Value differenceA = arith::SubFOp::create(nested, loc, args[1], safe);
        Value differenceB = arith::SubFOp::create(nested, loc, args[0], safe);
        return SmallVector<Value>{newMax, math::Exp2Op::create(nested, loc, differenceA),
                                  math::Exp2Op::create(nested, loc, differenceB)};
      });
  a.value = state[1];
  b.value = state[2];
  auto combine = [&](size_t index) {
    MappedTensor out = init(index);
    return linalg.generic("merge", LoopOrder(getLoops(out.map)), {partial(index), a, b}, out,
                          [&](OpBuilder &nested, ValueRange args) {
                            Value fromA = arith::MulFOp::create(nested, loc, args[1], args[3]);
                            Value fromB = arith::MulFOp::create(nested, loc, args[2], args[0]);
                            return SmallVector<Value>{arith::AddFOp::create(nested, loc, fromA, fromB)};
                          })[0];
  };
  Value l = combine(2), acc = combine(0);
  rewriter.replaceOp(op, {acc, state[0], l});
  return success();
}

} // namespace attn
