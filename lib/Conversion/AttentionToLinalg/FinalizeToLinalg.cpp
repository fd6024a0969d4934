// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.finalize and attn.merge.
#include "Scores.h"
#include "attn/Conversion/AttentionToLinalg/AttentionToLinalg.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace attn {
LogicalResult convertToLinalg(RewriterBase &rewriter, FinalizeOp op) {
  Location loc = op.getLoc();
  ArrayAttr maps = op.getIndexingMaps();
  auto type = cast<FloatType>(getElementTypeOrSelf(op.getAcc()));
  NormalizerInterface normalizer = op.getNormalizer();
  rewriter.setInsertionPoint(op);
  GenericBuilder linalg(rewriter, loc);
  Value zero = linalg.constant(type, 0.0);
  MappedTensor acc = {op.getAcc(), getMap(maps, 0)};
  SmallVector<MappedTensor> ins;
  for (Value state : op.getState())
    ins.push_back({state, getMap(maps, 1)});
  size_t numStates = ins.size();
  for (auto [number, operand] : llvm::enumerate(op.getNormalizerOperands()))
    ins.push_back({operand, getMap(maps, 2 + number)});
  unsigned firstOut = maps.size() - op.getInits().size();
  auto finish = [&](size_t number, unsigned which) {
    MappedTensor out = {op.getInits()[number], getMap(maps, firstOut + number)};
    out.value =
        linalg.generic("finalize", LoopOrder(getLoops(out.map)), ins, out, [&](OpBuilder &nested, ValueRange args) {
          SmallVector<Value> operands;
          for (Value operand : args.drop_front(numStates).drop_back())
            operands.push_back(convertScalarToDtype(nested, loc, operand, type, /*isUnsignedCast=*/false));
          return SmallVector<Value>{normalizer.finish(nested, loc, type, normalizer.getTileBase(),
                                                      args.take_front(numStates), operands)[which]};
        })[0];
    return out;
  };

  // The factor comes first: out needs it.
  SmallVector<Value> results(op.getInits().size());
  MappedTensor factor = finish(results.size() - 1, 0);
  results.back() = factor.value;
  for (auto [number, attr] : llvm::enumerate(op.getResultKinds().getAsRange<ResultKindAttr>())) {
    if (attr.getValue() != ResultKind::Out) {
      results[number] = finish(number, getFinishIndex(attr.getValue())).value;
      continue;
    }
    MappedTensor out = {op.getInits()[number], getMap(maps, firstOut + number)};
    results[number] = linalg.generic(
        "unpack", LoopOrder(getLoops(out.map)), {acc, factor}, out, [&](OpBuilder &nested, ValueRange args) {
          Value product = arith::MulFOp::create(nested, loc, args[0], args[1]);
          // A row without keys is 0 even where acc is not: a masked row of V may have left a NaN there.
          Value empty = arith::CmpFOp::create(nested, loc, arith::CmpFPredicate::OEQ, args[1], zero);
          Value value = arith::SelectOp::create(nested, loc, empty, zero, product);
          if (args[2].getType() != type)
            value = arith::TruncFOp::create(nested, loc, args[2].getType(), value);
          return SmallVector<Value>{value};
        })[0];
  }
  rewriter.replaceOp(op, results);
  return success();
}

LogicalResult convertToLinalg(RewriterBase &rewriter, MergeOp op) {
  Location loc = op.getLoc();
  ArrayAttr maps = op.getIndexingMaps();
  NormalizerInterface normalizer = op.getNormalizer();
  unsigned numStates = normalizer.getNumStates();
  auto accType = cast<RankedTensorType>(op.getInits()[0].getType());
  auto type = cast<FloatType>(accType.getElementType());
  AffineMap accMap = getMap(maps, 0), rowMap = getMap(maps, 1);
  SmallVector<int64_t> rowShape;
  for (AffineExpr expr : rowMap.getResults())
    rowShape.push_back(accType.getDimSize(*accMap.getResultPosition(expr)));
  if (ShapedType::isDynamicShape(rowShape))
    return op->emitError("cannot convert a row tile of unknown size, got ")
           << accType << ": attn-tile-and-fuse makes row tiles of the plan's size";
  rewriter.setInsertionPoint(op);
  GenericBuilder linalg(rewriter, loc);
  // The states and the two factors of acc come from one op: they need the states as they were.
  SmallVector<MappedTensor> partial, outs;
  for (Value state : op.getPartial().drop_front())
    partial.push_back({state, rowMap});
  for (Value state : op.getInits().drop_front())
    outs.push_back({state, rowMap});
  for (int k = 0; k < 2; ++k)
    outs.push_back({linalg.empty(rowShape, type), rowMap});
  SmallVector<Value> state =
      linalg.generic("merge", LoopOrder(getLoops(rowMap)), partial, outs, [&](OpBuilder &nested, ValueRange args) {
        return normalizer.combine(nested, loc, type, normalizer.getTileBase(), args.slice(numStates, numStates),
                                  args.take_front(numStates));
      });
  MappedTensor there = {state.pop_back_val(), rowMap}, here = {state.pop_back_val(), rowMap};
  MappedTensor acc = {op.getInits()[0], accMap};
  acc.value = linalg.generic("merge", LoopOrder(getLoops(accMap)), {{op.getPartial()[0], accMap}, there, here}, acc,
                             [&](OpBuilder &nested, ValueRange args) {
                               Value fromThere = arith::MulFOp::create(nested, loc, args[1], args[0]);
                               Value fromHere = arith::MulFOp::create(nested, loc, args[2], args[3]);
                               return SmallVector<Value>{arith::AddFOp::create(nested, loc, fromThere, fromHere)};
                             })[0];
  SmallVector<Value> results{acc.value};
  llvm::append_range(results, state);
  rewriter.replaceOp(op, results);
  return success();
}

} // namespace attn
