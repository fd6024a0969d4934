// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.rope as an elementwise linalg.generic. The other element of a pair is read by tensor.extract, so that the op
// makes any part of its result by itself: tiling fuses it into the tiles of the attention that uses it (Producers.h).
#include "SizeChecks.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace attn;

namespace {

class RopeNormalizer {
public:
  RopeNormalizer(RewriterBase &rewriter, RopeOp op)
      : rewriter(rewriter), op(op), loc(op.getLoc()), pairs(op.getNumPairs()),
        accumulator(op.getInput().getType().getElementType()) {
    if (!accumulator.isF64())
      accumulator = rewriter.getF32Type();
  }

  void run() {
    assertSizes();
    Value last = subtract(index(tensor::getMixedSize(rewriter, loc, op.getCos(), 0)), 1);
    MLIRContext *context = op.getContext();
    Value init = tensor::EmptyOp::create(rewriter, loc, tensor::getMixedSizes(rewriter, loc, op.getInput()),
                                         op.getInput().getType().getElementType());
    SmallVector<Value> inputs{op.getInput()};
    SmallVector<AffineMap> maps{rewriter.getMultiDimIdentityMap(4)};
    if (Value positions = op.getPositions()) {
      inputs.push_back(positions);
      AffineExpr batch = rewriter.getAffineDimExpr(0), row = rewriter.getAffineDimExpr(op.getRowDim());
      bool isShared = cast<RankedTensorType>(positions.getType()).getRank() == 1;
      maps.push_back(AffineMap::get(4, 0, isShared ? ArrayRef(row) : ArrayRef({batch, row}), context));
    }
    maps.push_back(rewriter.getMultiDimIdentityMap(4));
    SmallVector<utils::IteratorType> loops(4, utils::IteratorType::parallel);
    auto body = [&](OpBuilder &builder, Location, ValueRange args) {
      OpBuilder::InsertionGuard guard(rewriter);
      rewriter.setInsertionPointToStart(builder.getInsertionBlock());
      linalg::YieldOp::create(rewriter, loc, turn(args.front(), args.size() > 2 ? args[1] : Value(), last));
    };
    auto generic =
        linalg::GenericOp::create(rewriter, loc, init.getType(), inputs, ValueRange{init}, maps, loops, body);
    generic->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.replaceOp(op, generic);
  }

private:
  Value index(OpFoldResult value) { return getValueOrCreateConstantIndexOp(rewriter, loc, value); }
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(rewriter, loc, value); }
  Value subtract(Value value, int64_t by) { return arith::SubIOp::create(rewriter, loc, value, constant(by)); }
  Value isBelow(Value value, int64_t bound) {
    return arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::ult, value, constant(bound));
  }
  Value select(Value condition, Value yes, Value no) {
    return arith::SelectOp::create(rewriter, loc, condition, yes, no);
  }
  Value widen(Value value) { return convertScalarToDtype(rewriter, loc, value, accumulator, /*isUnsignedCast=*/false); }

  void assertSizes() {
    unsigned row = op.getRowDim();
    assertSameSize(rewriter, loc, {{"cos", op.getCos(), 0}, {"sin", op.getSin(), 0}}, "P");
    assertAtLeast(rewriter, loc, op.getInput(), 3, rewriter.getIndexAttr(2 * pairs),
                  "'input' has the 2 C elements to turn");
    if (Value positions = op.getPositions()) {
      unsigned rank = cast<RankedTensorType>(positions.getType()).getRank();
      assertSameSize(rewriter, loc, {{"input", op.getInput(), row}, {"positions", positions, rank - 1}}, "N");
      if (rank == 2)
        assertSameSize(rewriter, loc, {{"input", op.getInput(), 0}, {"positions", positions, 0}}, "B");
      assertAtLeast(rewriter, loc, op.getCos(), 0, rewriter.getIndexAttr(1), "'cos' has a position");
    } else {
      assertAtLeast(rewriter, loc, op.getCos(), 0, tensor::getMixedSize(rewriter, loc, op.getInput(), row),
                    "'cos' has a position for each of N");
    }
  }

  /// The element that becomes of `x`. `last` is the last position of the tables.
  Value turn(Value x, Value position, Value last) {
    SmallVector<Value> at;
    for (unsigned dim = 0; dim < 4; ++dim)
      at.push_back(linalg::IndexOp::create(rewriter, loc, dim));
    Value p = at[op.getRowDim()], d = at[3];
    if (position) {
      p = position;
      if (!p.getType().isIndex())
        p = arith::IndexCastOp::create(rewriter, loc, rewriter.getIndexType(), p);
      p = arith::MinSIOp::create(rewriter, loc, arith::MaxSIOp::create(rewriter, loc, p, constant(0)), last);
    }
    // `pair` is below C and `partner` below D also where nothing is turned: both are read there as well.
    bool isPartial = op.getInput().getType().getDimSize(3) != 2 * pairs;
    Value isTurned = isBelow(d, 2 * pairs), isFirst, pair, partner;
    if (op.getInterleaved()) {
      Value one = constant(1);
      isFirst = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq,
                                      arith::AndIOp::create(rewriter, loc, d, one), constant(0));
      pair = arith::ShRUIOp::create(rewriter, loc, d, one);
      partner = arith::XOrIOp::create(rewriter, loc, d, one);
      if (isPartial)
        partner = select(isTurned, partner, d);
    } else {
      isFirst = isBelow(d, pairs);
      Value before = subtract(d, pairs);
      pair = select(isFirst, d, before);
      partner = select(isFirst, arith::AddIOp::create(rewriter, loc, d, constant(pairs)), before);
    }
    if (isPartial)
      pair = arith::MinUIOp::create(rewriter, loc, pair, constant(pairs - 1));
    at[3] = partner;
    Value other = widen(tensor::ExtractOp::create(rewriter, loc, op.getInput(), at));
    Value cos = widen(tensor::ExtractOp::create(rewriter, loc, op.getCos(), ValueRange{p, pair}));
    Value sin = widen(tensor::ExtractOp::create(rewriter, loc, op.getSin(), ValueRange{p, pair}));
    Value across = select(isFirst, arith::NegFOp::create(rewriter, loc, other), other);
    Value sum = arith::AddFOp::create(rewriter, loc, arith::MulFOp::create(rewriter, loc, widen(x), cos),
                                      arith::MulFOp::create(rewriter, loc, across, sin));
    Value turned = convertScalarToDtype(rewriter, loc, sum, x.getType(), /*isUnsignedCast=*/false);
    return isPartial ? select(isTurned, turned, x) : turned;
  }

  RewriterBase &rewriter;
  RopeOp op;
  Location loc;
  int64_t pairs;
  Type accumulator;
};

} // namespace

void attn::normalize(RewriterBase &rewriter, RopeOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  RopeNormalizer(rewriter, op).run();
}
