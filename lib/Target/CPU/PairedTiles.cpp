// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "PairedTiles.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;

namespace attn {
namespace {

/// The loop of result `index` of a map, or -1.
int getLoop(AffineMap map, unsigned index) {
  auto dim = index < map.getNumResults() ? dyn_cast<AffineDimExpr>(map.getResult(index)) : AffineDimExpr(nullptr);
  return dim ? int(dim.getPosition()) : -1;
}

/// `value` is argument `number` of `block`, extended.
bool isExtendedArgument(Value value, Block *block, unsigned &number) {
  auto extend = value.getDefiningOp<arith::ExtFOp>();
  auto argument = extend ? dyn_cast<BlockArgument>(extend.getIn()) : BlockArgument();
  if (!argument || argument.getOwner() != block || !argument.getType().isBF16())
    return false;
  number = argument.getArgNumber();
  return true;
}

/// acc + extf(a) * extf(b) with a and b the inputs 0 and 1.
bool isProductOfTwo(linalg::GenericOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return false;
  Block *body = op.getBody();
  auto add = cast<linalg::YieldOp>(body->getTerminator()).getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add || !add.getType().isF32())
    return false;
  for (auto [acc, term] : {std::pair(add.getLhs(), add.getRhs()), std::pair(add.getRhs(), add.getLhs())}) {
    auto product = term.getDefiningOp<arith::MulFOp>();
    unsigned a, b;
    if (acc == body->getArgument(2) && product && isExtendedArgument(product.getLhs(), body, a) &&
        isExtendedArgument(product.getRhs(), body, b) && a + b == 1)
      return true;
  }
  return false;
}

/// How `op` would multiply pairs, whatever tiles are paired.
std::optional<PairProduct> match(linalg::GenericOp op) {
  std::optional<unsigned> pairLoop = getPairLoop(op);
  if (!pairLoop)
    return std::nullopt;
  int loop = *pairLoop;
  AffineMap out = op.getIndexingMapsArray().back();
  int lanes = getLoop(out, out.getNumResults() - 1);
  if (lanes < 0)
    return std::nullopt;
  for (unsigned number : {0, 1}) {
    OpOperand *operand = op.getDpsInputOperand(number), *other = op.getDpsInputOperand(1 - number);
    AffineMap map = op.getMatchingIndexingMap(operand), otherMap = op.getMatchingIndexingMap(other);
    if (!PairedTiles::getBase(operand->get()) || map.getNumResults() != 2 || getLoop(map, 0) != loop ||
        getLoop(map, 1) != lanes)
      continue;
    bool isNatural = getLoop(otherMap, otherMap.getNumResults() - 1) == loop;
    if (isNatural) {
      // Pairs may not reach beyond a row.
      int64_t size = cast<MemRefType>(other->get().getType()).getShape().back();
      if (!ShapedType::isDynamic(size) && size % 2 == 0 &&
          cast<MemRefType>(other->get().getType()).areTrailingDimsContiguous(1))
        return PairProduct{operand, other, *pairLoop};
    } else if (PairedTiles::getBase(other->get()) && otherMap.getNumResults() == 2 && getLoop(otherMap, 0) == loop) {
      return PairProduct{operand, other, *pairLoop};
    }
  }
  return std::nullopt;
}

/// Whether `op` writes the tile `memref`, and in a way that can be done pair by pair.
bool canWrite(linalg::GenericOp op, Value memref) {
  for (OpOperand *input : op.getDpsInputOperands())
    if (PairedTiles::getBase(input->get()) == PairedTiles::getBase(memref))
      return false;
  for (OpOperand &output : op.getDpsInitsMutable()) {
    if (output.get() != memref)
      continue;
    AffineMap map = op.getMatchingIndexingMap(&output);
    if (map.getNumResults() != 2 || getLoop(map, 0) < 0 || getLoop(map, 1) < 0 ||
        !op.getMatchingBlockArgument(&output).use_empty())
      return false;
    // Transposed inputs are moved as pairs of bits: nothing may be computed on the way.
    for (OpOperand *input : op.getDpsInputOperands()) {
      AffineMap inputMap = op.getMatchingIndexingMap(input);
      bool isTransposed = inputMap.isFunctionOfDim(getLoop(map, 1)) &&
                          getLoop(inputMap, inputMap.getNumResults() - 1) != getLoop(map, 1);
      if (isTransposed && !isa<BlockArgument>(op.getBody()->getTerminator()->getOperand(0)))
        return false;
    }
    return true;
  }
  return false;
}

} // namespace

std::optional<unsigned> getPairLoop(linalg::GenericOp op) {
  SmallVector<unsigned> loops;
  op.getReductionDims(loops);
  if (loops.size() != 1 || !isProductOfTwo(op))
    return std::nullopt;
  return loops[0];
}

Value PairedTiles::getBase(Value memref) {
  while (auto view = memref.getDefiningOp<memref::SubViewOp>()) {
    bool isLeading = view.getSourceType().getRank() == view.getType().getRank() &&
                     llvm::all_of(view.getMixedOffsets(), [](OpFoldResult r) { return isZeroInteger(r); }) &&
                     llvm::all_of(view.getMixedStrides(), [](OpFoldResult r) { return isOneInteger(r); });
    if (!isLeading)
      return {};
    memref = view.getSource();
  }
  auto type = dyn_cast<MemRefType>(memref.getType());
  bool isTile = type && memref.getDefiningOp<memref::ViewOp>() && type.getRank() == 2 && type.hasStaticShape() &&
                type.getLayout().isIdentity() && type.getElementType().isBF16() && type.getDimSize(0) % 2 == 0;
  return isTile ? memref : Value();
}

PairedTiles::PairedTiles(func::FuncOp function, bool hasBf16Dot) {
  if (!hasBf16Dot)
    return;
  SmallVector<PairProduct> products;
  function.walk([&](linalg::GenericOp op) {
    if (std::optional<PairProduct> product = match(op))
      products.push_back(*product);
  });
  // A tile with a use that does not know pairs takes its products with it, and those their other tiles.
  for (bool changed = true; changed;) {
    changed = false;
    bases.clear();
    DenseSet<Operation *> readers;
    for (const PairProduct &product : products) {
      readers.insert(product.lanes->getOwner());
      for (OpOperand *operand : {product.lanes, product.broadcast})
        if (Value base = getBase(operand->get()))
          bases.insert(base);
    }
    auto isUsedInPairsOnly = [&](Value base) {
      SmallVector<Value> views = {base};
      while (!views.empty()) {
        Value view = views.pop_back_val();
        for (Operation *user : view.getUsers()) {
          if (auto subview = dyn_cast<memref::SubViewOp>(user)) {
            if (getBase(subview) != base)
              return false;
            views.push_back(subview);
          } else if (auto generic = dyn_cast<linalg::GenericOp>(user)) {
            if (!readers.contains(generic) && !canWrite(generic, view))
              return false;
          } else if (!isa<linalg::FillOp>(user)) {
            return false;
          }
        }
      }
      return true;
    };
    llvm::erase_if(products, [&](const PairProduct &product) {
      bool isBad = llvm::any_of(ArrayRef<OpOperand *>{product.lanes, product.broadcast}, [&](OpOperand *operand) {
        Value base = getBase(operand->get());
        return base && !isUsedInPairsOnly(base);
      });
      changed |= isBad;
      return isBad;
    });
  }
}

std::optional<PairProduct> PairedTiles::getProduct(linalg::GenericOp op) const {
  std::optional<PairProduct> product = match(op);
  if (!product || !contains(product->lanes->get()))
    return std::nullopt;
  return product;
}

/// The tile as one row, and where its pair (row, column) begins: row is even, hence (row / 2) * 2 C = row * C.
static std::pair<Value, Value> getPlace(OpBuilder &b, Location loc, Value memref, Value row, Value column) {
  Value base = PairedTiles::getBase(memref);
  int64_t columns = cast<MemRefType>(base.getType()).getDimSize(1);
  Value flat = memref::CollapseShapeOp::create(b, loc, base, ArrayRef<ReassociationIndices>{{0, 1}});
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  OpFoldResult index = affine::makeComposedFoldedAffineApply(
      b, loc, s0 * columns + s1 * 2, ArrayRef<OpFoldResult>{getAsOpFoldResult(row), getAsOpFoldResult(column)});
  return {flat, getValueOrCreateConstantIndexOp(b, loc, index)};
}

Value PairedTiles::load(OpBuilder &b, Location loc, Value memref, Value row, Value column, int64_t width) {
  auto [flat, index] = getPlace(b, loc, memref, row, column);
  return vector::LoadOp::create(b, loc, VectorType::get({2 * width}, b.getBF16Type()), flat, index);
}

Value PairedTiles::multiply(OpBuilder &b, Location loc, Value lanes, Value broadcast, Value acc) {
  int64_t width = cast<VectorType>(lanes.getType()).getNumElements() / 2;
  if (width >= 4)
    return x86vector::DotBF16Op::create(b, loc, acc.getType(), acc, lanes, broadcast);
  // What is left of columns is less than any register: one product after the other, in the same order.
  auto getHalf = [&](Value pairs, int64_t which) -> Value {
    Value wide = arith::ExtFOp::create(b, loc, VectorType::get({2 * width}, b.getF32Type()), pairs);
    if (!isa<VectorType>(acc.getType()))
      return vector::ExtractOp::create(b, loc, wide, which);
    SmallVector<int64_t> order;
    for (int64_t lane = 0; lane < width; ++lane)
      order.push_back(2 * lane + which);
    return vector::ShuffleOp::create(b, loc, wide, wide, order);
  };
  for (int64_t which : {1, 0}) {
    Value term = arith::MulFOp::create(b, loc, getHalf(lanes, which), getHalf(broadcast, which));
    acc = arith::AddFOp::create(b, loc, acc, term);
  }
  return acc;
}

void PairedTiles::storePairs(OpBuilder &b, Location loc, Value pairs, Value memref, Value row, Value column) {
  auto [flat, index] = getPlace(b, loc, memref, row, column);
  vector::StoreOp::create(b, loc, pairs, flat, index);
}

/// a0 b0 a1 b1 .. of two vectors. Two that come from f32 are rounded together, by one instruction that puts `odd`
/// behind `even`; it flushes subnormal weights, which are below every budget.
static Value interleave(OpBuilder &b, Location loc, Value even, Value odd) {
  int64_t width = cast<VectorType>(even.getType()).getNumElements();
  auto evenWide = even.getDefiningOp<arith::TruncFOp>(), oddWide = odd.getDefiningOp<arith::TruncFOp>();
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < width; ++lane)
    order.append({lane, width + lane});
  if (width != 16 || !evenWide || !oddWide)
    return vector::ShuffleOp::create(b, loc, even, odd, order);
  auto type = VectorType::get({32}, b.getBF16Type()), bits = VectorType::get({32}, b.getI16Type());
  Value both = LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
                                             ValueRange{oddWide.getIn(), evenWide.getIn()})
                   .getResults();
  both = vector::BitCastOp::create(b, loc, bits, both);
  return vector::BitCastOp::create(b, loc, type, vector::ShuffleOp::create(b, loc, both, both, order));
}

void PairedTiles::store(OpBuilder &b, Location loc, Value even, Value odd, Value memref, Value row, Value column) {
  if (isa<VectorType>(even.getType()))
    return storePairs(b, loc, interleave(b, loc, even, odd), memref, row, column);
  auto [flat, index] = getPlace(b, loc, memref, row, column);
  memref::StoreOp::create(b, loc, even, flat, index);
  Value next = arith::AddIOp::create(b, loc, index, arith::ConstantIndexOp::create(b, loc, 1));
  memref::StoreOp::create(b, loc, odd, flat, next);
}

Value broadcastPair(OpBuilder &b, Location loc, Value memref, ValueRange indices, int64_t lanes) {
  Value pair = vector::LoadOp::create(b, loc, VectorType::get({2}, b.getBF16Type()), memref, indices);
  Value bits = vector::BitCastOp::create(b, loc, VectorType::get({1}, b.getI32Type()), pair);
  Value scalar = vector::ExtractOp::create(b, loc, bits, 0);
  Value all = vector::BroadcastOp::create(b, loc, VectorType::get({lanes}, b.getI32Type()), scalar);
  return vector::BitCastOp::create(b, loc, VectorType::get({2 * lanes}, b.getBF16Type()), all);
}

Value PairedTiles::broadcast(OpBuilder &b, Location loc, Value memref, Value row, Value column, int64_t lanes) {
  auto [flat, index] = getPlace(b, loc, memref, row, column);
  return broadcastPair(b, loc, flat, index, lanes);
}

} // namespace attn
