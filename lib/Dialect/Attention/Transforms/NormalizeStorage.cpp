// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Named ops of storage. attn.gather_pages is an elementwise linalg.generic that reads pages by tensor.extract, so that
// tiling reads just the rows of a tile where the tile is computed (Producers.h). attn.append_kv stays what it is: as a
// function of its operands it makes a whole cache, which must not be computed anywhere.
#include "NamedOps.h"
#include "SizeChecks.h"
#include "StorageOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace attn;

void attn::assertAppendSizes(RewriterBase &rewriter, AppendKvOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  Value rows = op.getRows(), cache = op.getCache();
  assertSameSize(rewriter, loc, {{"rows", rows, 0}, {"cache", cache, 0}, {"positions", op.getPositions(), 0}}, "B");
  unsigned head = op.getHeadDim();
  assertSameSize(rewriter, loc, {{"rows", rows, head}, {"cache", cache, head}}, "Hkv");
  assertSameSize(rewriter, loc, {{"rows", rows, 3}, {"cache", cache, 3}}, "D");
  rewriter.modifyOpInPlace(op, [&] { op->setAttr(kCheckedName, rewriter.getUnitAttr()); });
}

Value attn::getPosition(OpBuilder &builder, AppendKvOp op, Value batch) {
  Value position = tensor::ExtractOp::create(builder, op.getLoc(), op.getPositions(), batch);
  if (position.getType().isIndex())
    return position;
  return arith::IndexCastOp::create(builder, op.getLoc(), builder.getIndexType(), position);
}

void attn::assertPositionsFit(OpBuilder &builder, AppendKvOp op) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = op.getLoc();
  auto index = [&](OpFoldResult value) { return getValueOrCreateConstantIndexOp(builder, loc, value); };
  auto size = [&](Value tensor, unsigned dim) { return index(tensor::getMixedSize(builder, loc, tensor, dim)); };
  Value zero = index(builder.getIndexAttr(0)), one = index(builder.getIndexAttr(1));
  Value yes = arith::ConstantOp::create(builder, loc, builder.getBoolAttr(true));
  // Below 0 where there are more new rows than the cache can have: then nothing fits.
  Value last =
      arith::SubIOp::create(builder, loc, size(op.getCache(), op.getRowDim()), size(op.getRows(), op.getRowDim()));
  auto loop = scf::ForOp::create(builder, loc, zero, size(op.getPositions(), 0), one, yes);
  builder.setInsertionPointToStart(loop.getBody());
  Value position = getPosition(builder, op, loop.getInductionVar());
  Value isInside = arith::AndIOp::create(
      builder, loc, arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, position, zero),
      arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sle, position, last));
  Value all = arith::AndIOp::create(builder, loc, loop.getRegionIterArgs()[0], isInside);
  scf::YieldOp::create(builder, loc, all);
  builder.setInsertionPointAfter(loop);
  cf::AssertOp::create(builder, loc, loop.getResult(0), "rows at 'positions' fit into 'cache'");
}

Value attn::insertRows(RewriterBase &rewriter, AppendKvOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  assertPositionsFit(rewriter, op);
  auto index = [&](OpFoldResult value) { return getValueOrCreateConstantIndexOp(rewriter, loc, value); };
  OpFoldResult zero = rewriter.getIndexAttr(0), one = rewriter.getIndexAttr(1);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, op.getRows()), ones(4, one);
  Value batches = index(sizes[0]);
  sizes[0] = one;
  auto loop = scf::ForOp::create(rewriter, loc, index(zero), batches, index(one), op.getCache());
  rewriter.setInsertionPointToStart(loop.getBody());
  Value batch = loop.getInductionVar();
  SmallVector<OpFoldResult> from(4, zero), to(4, zero);
  from[0] = to[0] = batch;
  to[op.getRowDim()] = getPosition(rewriter, op, batch);
  Value rows = tensor::ExtractSliceOp::create(rewriter, loc, op.getRows(), from, sizes, ones);
  Value grown = tensor::InsertSliceOp::create(rewriter, loc, rows, loop.getRegionIterArgs()[0], to, sizes, ones);
  scf::YieldOp::create(rewriter, loc, grown);
  return loop.getResult(0);
}

/// The type of the result may know more than those of the operands.
static void assertResultSizes(RewriterBase &rewriter, GatherPagesOp op) {
  Location loc = op.getLoc();
  RankedTensorType type = op.getResult().getType();
  auto require = [&](StringRef name, Value tensor, unsigned dim, int64_t size, StringRef what) {
    OpFoldResult actual = tensor::getMixedSize(rewriter, loc, tensor, dim);
    if (ShapedType::isDynamic(size) || getConstantIntValue(actual))
      return;
    Value expected = arith::ConstantIndexOp::create(rewriter, loc, size);
    Value equal = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, cast<Value>(actual), expected);
    cf::AssertOp::create(rewriter, loc, equal, ("'" + name + "' and the result agree on " + what).str());
  };
  unsigned head = op.getHeadDim();
  int64_t keys = type.getDimSize(op.getRowDim());
  require("table", op.getTable(), 0, type.getDimSize(0), "B");
  require("table", op.getTable(), 1, ShapedType::isDynamic(keys) ? keys : keys / op.getPageRows(), "M");
  require("pages", op.getPages(), head, type.getDimSize(head), "Hkv");
  require("pages", op.getPages(), 3, type.getDimSize(3), "D");
  assertAtLeast(rewriter, loc, op.getPages(), 0, rewriter.getIndexAttr(1), "'pages' has a page");
}

void attn::normalize(RewriterBase &rewriter, GatherPagesOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  assertResultSizes(rewriter, op);
  ReifiedRankedShapedTypeDims shapes;
  (void)op.reifyResultShapes(rewriter, shapes);
  auto constant = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(rewriter, loc, value); };
  Value pages = getValueOrCreateConstantIndexOp(rewriter, loc, tensor::getMixedSize(rewriter, loc, op.getPages(), 0));
  Value zero = constant(0), last = arith::SubIOp::create(rewriter, loc, pages, constant(1));
  Value pageRows = constant(op.getPageRows());
  Value init = tensor::EmptyOp::create(rewriter, loc, shapes[0], op.getResult().getType().getElementType());
  auto body = [&](OpBuilder &b, Location, ValueRange) {
    SmallVector<Value> at;
    for (unsigned dim = 0; dim < 4; ++dim)
      at.push_back(linalg::IndexOp::create(b, loc, dim));
    Value key = at[op.getRowDim()];
    Value entry = arith::DivUIOp::create(b, loc, key, pageRows);
    Value page = tensor::ExtractOp::create(b, loc, op.getTable(), ValueRange{at[0], entry});
    if (!page.getType().isIndex())
      page = arith::IndexCastOp::create(b, loc, b.getIndexType(), page);
    at[0] = arith::MinSIOp::create(b, loc, arith::MaxSIOp::create(b, loc, page, zero), last);
    at[op.getRowDim()] = arith::RemUIOp::create(b, loc, key, pageRows);
    linalg::YieldOp::create(b, loc, tensor::ExtractOp::create(b, loc, op.getPages(), at).getResult());
  };
  SmallVector<utils::IteratorType> loops(4, utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(rewriter, loc, init.getType(), ValueRange{}, ValueRange{init},
                                           rewriter.getMultiDimIdentityMap(4), loops, body);
  generic->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  rewriter.replaceOp(op, generic);
}
