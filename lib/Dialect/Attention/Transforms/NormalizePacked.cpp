// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.packed as attn.generic: attn.sdpa of one batch with all rows and keys, and a mask that keeps what is of one
// sequence. Which keys these are is a range for each row, so that the mask, causal or not, is two comparisons, and
// tiles of keys that no row of a tile looks at are seen by the ends of the ranges.
#include "NamedOps.h"
#include "SizeChecks.h"
#include "StorageOps.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

namespace {

class PackedNormalizer {
public:
  PackedNormalizer(RewriterBase &rewriter, PackedOp op) : b(rewriter), op(op), loc(op.getLoc()) {}

  GenericOp run() {
    assertSequences();
    Value sequences = makeSequences();
    Value begins = makeRange(sequences, /*ofEnds=*/false), ends = makeRange(sequences, /*ofEnds=*/true);
    return addMask(normalize(b, makeSdpa()), begins, ends);
  }

private:
  Value index(OpFoldResult value) { return getValueOrCreateConstantIndexOp(b, loc, value); }
  Value constant(int64_t value) { return arith::ConstantIndexOp::create(b, loc, value); }
  Value size(Value tensor, unsigned dim) { return index(tensor::getMixedSize(b, loc, tensor, dim)); }
  Value add(Value left, Value right) { return arith::AddIOp::create(b, loc, left, right); }
  Value subtract(Value left, Value right) { return arith::SubIOp::create(b, loc, left, right); }
  Value compare(arith::CmpIPredicate predicate, Value left, Value right) {
    return arith::CmpIOp::create(b, loc, predicate, left, right);
  }
  /// An element of `sums`.
  Value read(Value sums, Value at) {
    Value element = tensor::ExtractOp::create(b, loc, sums, at);
    return element.getType().isIndex() ? element : arith::IndexCastOp::create(b, loc, b.getIndexType(), element);
  }

  void assertSequences() {
    assertSameSize(b, loc, {{"rows", op.getRows(), 0}, {"keys", op.getKeys(), 0}}, "S + 1");
    assertAtLeast(b, loc, op.getRows(), 0, b.getIndexAttr(1), "'rows' has the sum 0");
    if (op.getRows().getType().isDynamicDim(0)) {
      Value isFew = compare(arith::CmpIPredicate::ule, size(op.getRows(), 0), constant(kMostSequences + 1));
      cf::AssertOp::create(b, loc, isFew, "there are at most " + std::to_string(kMostSequences) + " sequences");
    }
  }

  /// How many of rows[1..S] are at most `row`, where `last` is S: the number of the row's sequence, or S behind them
  /// all. By bisection of a fixed number of steps: tiles are made by code without loops.
  Value findSequence(Value row, Value last) {
    int64_t sums = op.getRows().getType().getDimSize(0);
    int64_t most = ShapedType::isDynamic(sums) ? kMostSequences : sums - 1;
    Value found = constant(0);
    for (int64_t step = llvm::bit_floor(uint64_t(most)); step > 0; step /= 2) {
      Value candidate = add(found, constant(step));
      Value isSequence = compare(arith::CmpIPredicate::sle, candidate, last);
      Value start = read(op.getRows(), arith::MinSIOp::create(b, loc, candidate, last));
      Value isBefore = compare(arith::CmpIPredicate::sle, start, row);
      Value isTaken = arith::AndIOp::create(b, loc, isSequence, isBefore);
      found = arith::SelectOp::create(b, loc, isTaken, candidate, found);
    }
    return found;
  }

  /// Behind which key row `row` of sequence `sequence` looks no further.
  Value getEnd(Value row, Value sequence, Value last) {
    Value next = arith::MinSIOp::create(b, loc, add(sequence, constant(1)), last);
    Value end = read(op.getKeys(), next);
    if (!op.getCausal())
      return end;
    bool isTopLeft = op.getCausal() == CausalKind::TopLeft;
    // The first rows see the first keys, or the last rows the last.
    Value keys = isTopLeft ? read(op.getKeys(), sequence) : end;
    Value rows = read(op.getRows(), isTopLeft ? sequence : next);
    Value diagonal = add(subtract(row, rows), keys);
    return arith::MinSIOp::create(b, loc, end, add(diagonal, constant(1)));
  }

  /// An integer for each row, made element by element of `inputs`, which are over rows too.
  Value makeOfRows(ValueRange inputs, llvm::function_ref<Value(Value row, ValueRange elements)> make) {
    Value init = tensor::EmptyOp::create(b, loc, {tensor::getMixedSize(b, loc, op.getQuery(), 0)}, b.getI32Type());
    auto body = [&](OpBuilder &nested, Location, ValueRange args) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToStart(nested.getInsertionBlock());
      SmallVector<Value> elements;
      for (Value element : args.drop_back())
        elements.push_back(arith::IndexCastOp::create(b, loc, b.getIndexType(), element));
      Value made = make(linalg::IndexOp::create(b, loc, 0), elements);
      linalg::YieldOp::create(b, loc, arith::IndexCastOp::create(b, loc, b.getI32Type(), made).getResult());
    };
    SmallVector<AffineMap> maps(inputs.size() + 1, b.getMultiDimIdentityMap(1));
    return linalg::GenericOp::create(b, loc, init.getType(), inputs, init, maps, utils::IteratorType::parallel, body)
        .getResult(0);
  }

  /// For each row the number of its sequence: tiling finds it once for both ends of the range.
  Value makeSequences() {
    Value last = subtract(size(op.getRows(), 0), constant(1));
    return makeOfRows({}, [&](Value row, ValueRange) { return findSequence(row, last); });
  }

  /// For each row the first key that it looks at, or the one behind the last.
  Value makeRange(Value sequences, bool ofEnds) {
    Value last = subtract(size(op.getRows(), 0), constant(1)), numKeys = size(op.getKey(), 0);
    return makeOfRows(sequences, [&](Value row, ValueRange elements) {
      Value key = ofEnds ? getEnd(row, elements[0], last) : read(op.getKeys(), elements[0]);
      return arith::MinSIOp::create(b, loc, arith::MaxSIOp::create(b, loc, key, constant(0)), numKeys).getResult();
    });
  }

  /// One batch: views.
  SdpaOp makeSdpa() {
    SmallVector<ReassociationIndices> groups{{0, 1}, {2}, {3}};
    auto expand = [&](Value tensor) -> Value {
      SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, tensor);
      sizes.insert(sizes.begin(), b.getIndexAttr(1));
      return tensor::ExpandShapeOp::create(b, loc, addBatch(tensor.getType()), tensor, groups, sizes);
    };
    SmallVector<Type> types = llvm::map_to_vector(op.getResultTypes(), [&](Type type) { return addBatch(type); });
    auto sdpa =
        SdpaOp::create(b, loc, types, expand(op.getQuery()), expand(op.getKey()), expand(op.getValue()),
                       /*bias=*/Value(), /*mask=*/Value(), /*causal=*/CausalKindAttr(),
                       LayoutAttr::get(op.getContext(), Layout::BNHD), op.getScaleAttr(), op.getResultKindsAttr());
    sdpa->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    SmallVector<Value> results;
    for (Value result : sdpa.getResults()) {
      bool isOut = cast<RankedTensorType>(result.getType()).getRank() == 4;
      SmallVector<ReassociationIndices> joined{{0, 1}, {2}};
      results.push_back(tensor::CollapseShapeOp::create(b, loc, result, isOut ? groups : joined));
    }
    b.replaceOp(op, results);
    return sdpa;
  }

  static Type addBatch(Type type) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(tensor.getShape());
    shape.insert(shape.begin(), 1);
    return tensor.clone(shape);
  }

  /// `generic` with the ranges of keys as its mask.
  GenericOp addMask(GenericOp generic, Value begins, Value ends) {
    b.setInsertionPoint(generic);
    auto maps = llvm::map_to_vector(generic.getIndexingMaps().getAsValueRange<AffineMapAttr>(),
                                    [](AffineMap map) { return map; });
    // Rows follow the batch in Q, keys do in K.
    AffineExpr rowLoop = maps[0].getResult(1), keyLoop = maps[1].getResult(1);
    maps.insert(maps.begin() + 3, 2, AffineMap::get(maps[0].getNumDims(), 0, rowLoop));
    auto masked = GenericOp::create(b, loc, generic.getResultTypes(), generic.getQuery(), generic.getKey(),
                                    generic.getValue(), /*similarity_operands=*/ValueRange{},
                                    /*score_operands=*/ValueRange{}, /*mask_operands=*/ValueRange{begins, ends},
                                    /*normalizer_operands=*/ValueRange{}, /*captures=*/ValueRange{},
                                    /*offsets=*/ValueRange{}, generic.getInits(), generic.getResultKinds(),
                                    b.getAffineMapArrayAttr(maps), generic.getScale(), generic.getNormalizer());
    masked->setDiscardableAttrs(generic->getDiscardableAttrDictionary());
    Type i32 = b.getI32Type();
    Block *block = b.createBlock(&masked.getMask(), {}, {i32, i32}, {loc, loc});
    Value key = IndexOp::create(b, loc, cast<AffineDimExpr>(keyLoop).getPosition());
    auto toIndex = [&](Value value) { return arith::IndexCastOp::create(b, loc, b.getIndexType(), value); };
    Value isBehind = compare(arith::CmpIPredicate::sge, key, toIndex(block->getArgument(0)));
    Value isBefore = compare(arith::CmpIPredicate::slt, key, toIndex(block->getArgument(1)));
    YieldOp::create(b, loc, arith::AndIOp::create(b, loc, isBehind, isBefore).getResult());
    b.replaceOp(generic, masked);
    return masked;
  }

  RewriterBase &b;
  PackedOp op;
  Location loc;
};

} // namespace

GenericOp attn::normalize(RewriterBase &rewriter, PackedOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  return PackedNormalizer(rewriter, op).run();
}
