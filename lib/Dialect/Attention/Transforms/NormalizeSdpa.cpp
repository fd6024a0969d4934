// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn.sdpa as attn.generic. Layouts become indexing maps; heads that share keys become a row loop by splitting H of Q,
// bias, mask and results into [Hkv, G], so that K and V are never repeated.
#include "NamedOps.h"
#include "Producers.h"
#include "SizeChecks.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace attn;

namespace {

/// Rewrites one attn.sdpa. Dimensions of its tensors are named by letters: b batch, h heads, i query rows, j key rows,
/// d and e head sizes; loops are the same with h split into h (heads of K and V) and g (the group) where they differ.
class SdpaNormalizer {
public:
  SdpaNormalizer(RewriterBase &rewriter, SdpaOp op)
      : rewriter(rewriter), op(op), loc(op.getLoc()), isBnhd(op.getLayout() == Layout::BNHD),
        isGrouped(ShapedType::isDynamic(op.getHeads()) || op.getHeads() != op.getKvHeads()),
        loops(isGrouped ? "bhgijde" : "bhijde") {
    if (op.getQuery().getType().getElementType().isF64())
      accumulator = rewriter.getF64Type();
    else
      accumulator = rewriter.getF32Type();
  }

  GenericOp run() {
    assertSizes();
    findSizes();
    StringRef rows = isBnhd ? "bihd" : "bhid", keys = isBnhd ? "bjhd" : "bhjd", values = isBnhd ? "bjhe" : "bhje";
    Value query = op.getQuery();
    std::string queryDims = splitHeads(query, rows);
    maps = {getMap(queryDims), getMap(keys), getMap(values)};
    addBiasAndMask();

    SmallVector<Value> inits;
    SmallVector<std::string> outDims;
    for (auto [attr, result] : llvm::zip_equal(op.getResultKinds().getAsRange<ResultKindAttr>(), op.getResults())) {
      ResultKind kind = attr.getValue();
      auto type = cast<RankedTensorType>(result.getType());
      std::string dims = kind == ResultKind::Out       ? (isBnhd ? "bihe" : "bhie")
                         : kind == ResultKind::Weights ? "bhij"
                                                       : "bhi";
      outDims.push_back(dims);
      if (isGrouped)
        dims.insert(dims.find('h') + 1, "g");
      SmallVector<OpFoldResult> shape = llvm::map_to_vector(dims, [&](char letter) { return getSize(letter); });
      maps.push_back(getMap(dims));
      if (isTopK(kind)) {
        outDims.back() += 'k';
        shape.push_back(rewriter.getIndexAttr(type.getShape().back()));
      }
      inits.push_back(tensor::EmptyOp::create(rewriter, loc, shape, type.getElementType()));
    }
    auto generic = GenericOp::create(rewriter, loc, TypeRange(ValueRange(inits)), query, op.getKey(), op.getValue(),
                                     /*similarity_operands=*/ValueRange{}, scoreOperands, maskOperands,
                                     /*normalizer_operands=*/ValueRange{}, captures, /*offsets=*/ValueRange{}, inits,
                                     op.getResultKinds(), rewriter.getAffineMapArrayAttr(maps),
                                     APFloat(op.getScaleFactor()), SoftmaxAttr::get(op.getContext()));
    generic->setDiscardableAttrs(getCheckedAttrs(op));
    if (!scoreOperands.empty())
      buildScore(generic);
    if (!maskOperands.empty() || op.getCausal())
      buildMask(generic);

    SmallVector<Value> results;
    for (auto [result, dims, original] : llvm::zip(generic.getResults(), outDims, op.getResults()))
      results.push_back(joinHeads(result, dims, original.getType()));
    SmallVector<Value> operands(op->getOperands());
    rewriter.replaceOp(op, results);
    // Those that were split have another in their place.
    eraseProducers(rewriter, operands);
    return generic;
  }

private:
  SmallVector<NamedSize> getSizes(char letter) {
    unsigned head = op.getHeadDim(), row = op.getRowDim();
    Value q = op.getQuery(), k = op.getKey(), v = op.getValue();
    switch (letter) {
    case 'b':
      return {{"query", q, 0}, {"key", k, 0}, {"value", v, 0}};
    case 'H':
      return {{"query", q, head}};
    case 'h':
      return {{"key", k, head}, {"value", v, head}};
    case 'i':
      return {{"query", q, row}};
    case 'j':
      return {{"key", k, row}, {"value", v, row}};
    case 'd':
      return {{"query", q, 3}, {"key", k, 3}};
    default:
      return {{"value", v, 3}};
    }
  }

  void assertSizes() {
    SmallVector<std::pair<char, StringRef>> letters{{'b', "B"}, {'d', "D"}, {'h', "Hkv"},
                                                    {'H', "H"}, {'i', "N"}, {'j', "M"}};
    for (auto [letter, name] : letters) {
      SmallVector<NamedSize> sizes = getSizes(letter);
      // Position in [B,H,N,M] of what bias and mask are aligned to from the right.
      size_t position = StringRef("bHij").find(letter);
      for (auto [operandName, operand] : {std::pair("bias", op.getBias()), std::pair("mask", op.getMask())}) {
        if (!operand || position == StringRef::npos)
          continue;
        auto type = cast<RankedTensorType>(operand.getType());
        int64_t dim = static_cast<int64_t>(position) + type.getRank() - 4;
        if (dim >= 0 && type.getDimSize(dim) != 1)
          sizes.push_back({operandName, operand, static_cast<unsigned>(dim)});
      }
      assertSameSize(rewriter, loc, sizes, name);
    }
  }

  void findSizes() {
    for (char letter : StringRef("bijde"))
      size[letter] = getSharedSize(rewriter, loc, getSizes(letter));
    size['h'] = getSharedSize(rewriter, loc, getSizes('h'));
    OpFoldResult heads = getSharedSize(rewriter, loc, getSizes('H'));
    if (!isGrouped)
      return;
    std::optional<int64_t> all = getConstantIntValue(heads), shared = getConstantIntValue(size['h']);
    if (all && shared) {
      size['g'] = rewriter.getIndexAttr(*shared == 0 ? 1 : *all / *shared);
      return;
    }
    // With Hkv = 0 there must be no head at all, and the division must not trap before the assertion says so.
    Value h = getValueOrCreateConstantIndexOp(rewriter, loc, heads);
    Value hkv = getValueOrCreateConstantIndexOp(rewriter, loc, size['h']);
    Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
    Value group = arith::DivUIOp::create(rewriter, loc, h, arith::MaxUIOp::create(rewriter, loc, hkv, one));
    Value product = arith::MulIOp::create(rewriter, loc, group, hkv);
    Value isMultiple = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq, product, h);
    cf::AssertOp::create(rewriter, loc, isMultiple, "H is a multiple of Hkv");
    size['g'] = group;
  }

  OpFoldResult getSize(char letter) { return size.lookup(letter); }

  AffineMap getMap(StringRef dims) { return getLetterMap(op.getContext(), loops, dims); }

  /// Where dimension h of `dims` is the group [h, g] of dimensions.
  static SmallVector<ReassociationIndices> getReassociation(StringRef dims) {
    SmallVector<ReassociationIndices> groups;
    int64_t next = 0;
    for (char letter : dims) {
      groups.push_back({next++});
      if (letter == 'h')
        groups.back().push_back(next++);
    }
    return groups;
  }

  /// As splitHeads, of what `producer` makes element by element: the producer itself gets a loop more, so that no view
  /// stands between it and the attention.
  Value splitProducer(linalg::GenericOp producer, StringRef dims) {
    AffineMap outMap = producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
    unsigned head = cast<AffineDimExpr>(outMap.getResult(dims.find('h'))).getPosition();
    auto getLoop = [&](unsigned loop) { return rewriter.getAffineDimExpr(loop > head ? loop + 1 : loop); };
    auto splitMap = [&](AffineMap map) {
      SmallVector<AffineExpr> results;
      for (AffineExpr expr : map.getResults()) {
        unsigned loop = cast<AffineDimExpr>(expr).getPosition();
        results.push_back(getLoop(loop));
        if (loop == head)
          results.push_back(rewriter.getAffineDimExpr(head + 1));
      }
      return AffineMap::get(map.getNumDims() + 1, 0, results, op.getContext());
    };
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (OpOperand *input : producer.getDpsInputOperands()) {
      AffineMap map = producer.getMatchingIndexingMap(input);
      std::string letters;
      for (AffineExpr expr : map.getResults())
        letters += cast<AffineDimExpr>(expr).getPosition() == head ? 'h' : '.';
      inputs.push_back(input->get());
      splitHeads(inputs.back(), letters);
      maps.push_back(splitMap(map));
    }
    SmallVector<OpFoldResult> sizes = getSplitSizes(producer.getResult(0), dims);
    Type element = cast<RankedTensorType>(producer.getResult(0).getType()).getElementType();
    Value init = tensor::EmptyOp::create(rewriter, loc, sizes, element);
    maps.push_back(splitMap(outMap));
    SmallVector<utils::IteratorType> iterators(producer.getNumLoops() + 1, utils::IteratorType::parallel);
    Value group = getValueOrCreateConstantIndexOp(rewriter, loc, getSize('g'));
    auto body = [&](OpBuilder &b, Location, ValueRange args) {
      IRMapping mapping;
      mapping.map(producer.getBody()->getArguments(), args);
      for (Operation &nested : producer.getBody()->without_terminator()) {
        auto position = dyn_cast<linalg::IndexOp>(nested);
        if (!position) {
          b.clone(nested, mapping);
          continue;
        }
        unsigned loop = position.getDim();
        Value at = linalg::IndexOp::create(b, loc, loop > head ? loop + 1 : loop);
        if (loop == head) {
          at = arith::MulIOp::create(b, loc, at, group);
          at = arith::AddIOp::create(b, loc, at, linalg::IndexOp::create(b, loc, head + 1));
        }
        mapping.map(position.getResult(), at);
      }
      linalg::YieldOp::create(b, loc, mapping.lookupOrDefault(producer.getBody()->getTerminator()->getOperand(0)));
    };
    return linalg::GenericOp::create(rewriter, producer.getLoc(), init.getType(), inputs, init, maps, iterators, body)
        .getResult(0);
  }

  SmallVector<OpFoldResult> getSplitSizes(Value tensor, StringRef dims) {
    size_t head = dims.find('h');
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, tensor);
    sizes[head] = getSize('h');
    sizes.insert(sizes.begin() + head + 1, getSize('g'));
    return sizes;
  }

  /// Splits h of `tensor`, which has dimensions `dims`, into [h, g]. Returns the new dimensions.
  std::string splitHeads(Value &tensor, StringRef dims) {
    std::string split = dims.str();
    size_t head = dims.find('h');
    if (!isGrouped || head == StringRef::npos)
      return split;
    split.insert(head + 1, "g");
    if (linalg::GenericOp producer = getElementwiseProducer(tensor)) {
      tensor = splitProducer(producer, dims);
      return split;
    }
    auto type = cast<RankedTensorType>(tensor.getType());
    SmallVector<OpFoldResult> sizes = getSplitSizes(tensor, dims);
    bool isOpen = !getConstantIntValue(sizes[head]) || !getConstantIntValue(sizes[head + 1]);
    if (isOpen && !type.isDynamicDim(head)) {
      // expand_shape wants a dimension of unknown size where a part of it is.
      SmallVector<int64_t> shape(type.getShape());
      shape[head] = ShapedType::kDynamic;
      tensor = tensor::CastOp::create(rewriter, loc, type.clone(shape), tensor);
    }
    SmallVector<int64_t> shape = llvm::map_to_vector(
        sizes, [](OpFoldResult size) { return getConstantIntValue(size).value_or(ShapedType::kDynamic); });
    tensor = tensor::ExpandShapeOp::create(rewriter, loc, type.clone(shape), tensor, getReassociation(dims), sizes);
    return split;
  }

  Value joinHeads(Value tensor, StringRef dims, Type type) {
    if (isGrouped)
      tensor = tensor::CollapseShapeOp::create(rewriter, loc, tensor, getReassociation(dims));
    if (tensor.getType() != type)
      tensor = tensor::CastOp::create(rewriter, loc, type, tensor);
    return tensor;
  }

  /// Aligns bias and mask with [B,H,N,M] from the right; a static 1 is no dimension but a repetition.
  void addBiasAndMask() {
    for (auto [operand, operands] : {std::pair(op.getBias(), &scoreOperands), std::pair(op.getMask(), &maskOperands)}) {
      if (!operand)
        continue;
      auto [tensor, letters] = dropRepeated(rewriter, operand, "bhij");
      std::string dims = splitHeads(tensor, letters);
      maps.push_back(getMap(dims));
      operands->push_back(tensor);
    }
    // The diagonal from the bottom right needs M - N where that is not a constant.
    if (op.getCausal() == CausalKind::BottomRight && !getDiagonal()) {
      Value n = getValueOrCreateConstantIndexOp(rewriter, loc, getSize('i'));
      Value m = getValueOrCreateConstantIndexOp(rewriter, loc, getSize('j'));
      captures.push_back(arith::SubIOp::create(rewriter, loc, m, n));
    }
  }

  /// How far right of `j = i` the causal diagonal is, if that is known.
  std::optional<int64_t> getDiagonal() {
    if (op.getCausal() == CausalKind::TopLeft)
      return 0;
    std::optional<int64_t> n = getConstantIntValue(getSize('i')), m = getConstantIntValue(getSize('j'));
    return n && m ? std::optional(*m - *n) : std::nullopt;
  }

  Block *addBlock(Region &region, ArrayRef<Type> types) {
    Block *block = rewriter.createBlock(&region);
    for (Type type : types)
      block->addArgument(type, loc);
    for (Value capture : captures)
      block->addArgument(capture.getType(), loc);
    return block;
  }

  void buildScore(GenericOp generic) {
    OpBuilder::InsertionGuard guard(rewriter);
    auto element = cast<FloatType>(cast<RankedTensorType>(scoreOperands[0].getType()).getElementType());
    Block *block = addBlock(generic.getScore(), {accumulator, element});
    Value bias = convertScalarToDtype(rewriter, loc, block->getArgument(1), accumulator, /*isUnsignedCast=*/false);
    Value sum = arith::AddFOp::create(rewriter, loc, block->getArgument(0), bias);
    YieldOp::create(rewriter, loc, sum);
  }

  void buildMask(GenericOp generic) {
    OpBuilder::InsertionGuard guard(rewriter);
    SmallVector<Type> types(maskOperands.size(), rewriter.getI1Type());
    Block *block = addBlock(generic.getMask(), types);
    Value keep;
    if (op.getCausal()) {
      Value last = IndexOp::create(rewriter, loc, loops.find('i'));
      Value j = IndexOp::create(rewriter, loc, loops.find('j'));
      Value diagonal;
      if (!captures.empty())
        diagonal = block->getArguments().back();
      else if (int64_t constant = *getDiagonal())
        diagonal = arith::ConstantIndexOp::create(rewriter, loc, constant);
      if (diagonal)
        last = arith::AddIOp::create(rewriter, loc, last, diagonal);
      keep = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::sle, j, last);
    }
    if (!maskOperands.empty()) {
      Value element = block->getArgument(0);
      keep = keep ? arith::AndIOp::create(rewriter, loc, keep, element).getResult() : element;
    }
    YieldOp::create(rewriter, loc, keep);
  }

  RewriterBase &rewriter;
  SdpaOp op;
  Location loc;
  bool isBnhd, isGrouped;
  StringRef loops;
  FloatType accumulator;
  llvm::SmallDenseMap<char, OpFoldResult> size;
  SmallVector<AffineMap> maps;
  SmallVector<Value> scoreOperands, maskOperands, captures;
};

} // namespace

GenericOp attn::normalize(RewriterBase &rewriter, SdpaOp op) {
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPoint(op);
  return SdpaNormalizer(rewriter, op).run();
}
