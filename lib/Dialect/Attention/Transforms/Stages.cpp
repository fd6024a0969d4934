// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Stages.h"

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace attn {

linalg::GenericOp getGenericProducer(Value value) { return value.getDefiningOp<linalg::GenericOp>(); }

SmallVector<OpOperand *> getReaders(linalg::GenericOp op) {
  SmallVector<OpOperand *> readers;
  for (OpOperand &use : op->getResult(0).getUses())
    if (!isa<tensor::DimOp>(use.getOwner()))
      readers.push_back(&use);
  return readers;
}

static Value skipWidening(Value value) {
  auto extension = value.getDefiningOp<arith::ExtFOp>();
  return extension ? extension.getIn() : value;
}

std::optional<Contraction> getContraction(linalg::GenericOp op) {
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  if (reductions.size() != 1 || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return std::nullopt;
  Block &body = *op.getBody();
  auto add = body.getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add)
    return std::nullopt;
  Value sum = body.getArgument(2);
  Value term = add.getLhs() == sum ? add.getRhs() : add.getRhs() == sum ? add.getLhs() : Value();
  auto product = term ? term.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  if (!product)
    return std::nullopt;
  Value left = skipWidening(product.getLhs()), right = skipWidening(product.getRhs());
  bool readsBoth = (left == body.getArgument(0) && right == body.getArgument(1)) ||
                   (left == body.getArgument(1) && right == body.getArgument(0));
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!readsBoth || out.getNumResults() == 0 || !out.isProjectedPermutation())
    return std::nullopt;
  unsigned columns = getLoops(out).back();
  OpOperand *first = op.getDpsInputOperand(0), *second = op.getDpsInputOperand(1);
  for (OpOperand *input : {first, second}) {
    AffineMap map = op.getMatchingIndexingMap(input);
    if (!isa<RankedTensorType>(input->get().getType()) || !map.isProjectedPermutation() ||
        !map.isFunctionOfDim(reductions[0]))
      return std::nullopt;
  }
  bool firstHas = op.getMatchingIndexingMap(first).isFunctionOfDim(columns);
  bool secondHas = op.getMatchingIndexingMap(second).isFunctionOfDim(columns);
  if (firstHas == secondHas)
    return std::nullopt;
  return Contraction{firstHas ? second : first, firstHas ? first : second, columns, reductions[0]};
}

bool canMultiplyPairs(linalg::GenericOp op, const Contraction &contraction) {
  auto isBf16 = [](OpOperand *operand) { return getElementTypeOrSelf(operand->get().getType()).isBF16(); };
  if (!isBf16(contraction.left) || !isBf16(contraction.right) ||
      !getElementTypeOrSelf(op.getResult(0).getType()).isF32())
    return false;
  AffineMap left = op.getMatchingIndexingMap(contraction.left);
  if (left.getResults().back() != getAffineDimExpr(contraction.reduction, op.getContext()))
    return false;
  // Loops over rows may index both operands; they are the last of the output's but the columns.
  SmallVector<unsigned> out = getLoops(op.getMatchingIndexingMap(op.getDpsInitOperand(0)));
  AffineMap right = op.getMatchingIndexingMap(contraction.right);
  return out.size() < 2 || !right.isFunctionOfDim(out[out.size() - 2]);
}

LoopPlaces placeProducer(linalg::GenericOp producer, ArrayRef<int> places, AffineMap map) {
  LoopPlaces result(producer.getNumLoops(), -1);
  AffineMap out = producer.getMatchingIndexingMap(producer.getDpsInitOperand(0));
  for (auto [mine, its] : llvm::zip_equal(getLoops(out), getLoops(map)))
    result[mine] = places[its];
  return result;
}

static bool isElementwise(linalg::GenericOp op) { return op.getNumParallelLoops() == op.getNumLoops(); }

Stage::Stage(linalg::GenericOp last) : root(last), tiled(last.getNumLoops()) {
  LoopPlaces places;
  for (unsigned loop = 0; loop < last.getNumLoops(); ++loop)
    places.push_back(loop);
  ops.emplace_back(last, places);
  SmallVector<unsigned> loops = getLoops(last.getMatchingIndexingMap(last.getDpsInitOperand(0)));
  for (unsigned loop : loops)
    tiled.set(loop);
  // Lanes stay whole unless there is nothing else to cut.
  if (isElementwise(last) && loops.size() > 1)
    tiled.reset(loops.back());
}

bool Stage::hasContraction() const {
  return llvm::any_of(ops, [](const auto &op) { return getContraction(op.first).has_value(); });
}

const LoopPlaces *Stage::find(linalg::GenericOp op) const {
  const auto *it = llvm::find_if(ops, [&](const auto &entry) { return entry.first == op; });
  return it == ops.end() ? nullptr : &it->second;
}

bool Stage::join(linalg::GenericOp op) {
  // Every reader wants the same part.
  std::optional<LoopPlaces> places;
  for (OpOperand *use : getReaders(op)) {
    auto user = cast<linalg::GenericOp>(use->getOwner());
    AffineMap map = user.getMatchingIndexingMap(use);
    // An operand of a contraction is read by many tiles: it is computed before.
    if (!map.isProjectedPermutation() || user.isDpsInit(use) || getContraction(user))
      return false;
    LoopPlaces wanted = placeProducer(op, *find(user), map);
    if (places && *places != wanted)
      return false;
    places = wanted;
  }
  llvm::SmallBitVector used(tiled.size());
  for (int place : *places)
    if (place >= 0)
      used.set(place);
  if (getContraction(op) || hasContraction()) {
    // Tiles of a product are cut along all loops, so nothing in them may be a sum but the products themselves.
    auto isAllowed = [](linalg::GenericOp member) { return isElementwise(member) || getContraction(member); };
    if (!isAllowed(op) || used.count() != used.size() || root.getNumLoops() != root.getNumParallelLoops() ||
        !llvm::all_of(ops, [&](const auto &member) { return isAllowed(member.first); }))
      return false;
    // The innermost dimension is the same all the way.
    AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
    AffineMap last = root.getMatchingIndexingMap(root.getDpsInitOperand(0));
    if ((*places)[getLoops(out).back()] != int(getLoops(last).back()))
      return false;
    tiled.set();
  } else {
    llvm::SmallBitVector both = tiled;
    both &= used;
    if (both.none())
      return false;
    tiled = both;
  }
  ops.emplace_back(op, *places);
  return true;
}

Stage findStage(linalg::GenericOp root) {
  Stage stage(root);
  for (size_t next = 0; next < stage.ops.size(); ++next) {
    linalg::GenericOp op = stage.ops[next].first;
    for (OpOperand *input : op.getDpsInputOperands()) {
      linalg::GenericOp producer = getGenericProducer(input->get());
      // A producer comes after all its users: it may be found by the last of them only.
      if (!producer || producer->hasAttr(kPlanName) || stage.find(producer))
        continue;
      bool isComplete = llvm::all_of(getReaders(producer), [&](OpOperand *use) {
        auto user = dyn_cast<linalg::GenericOp>(use->getOwner());
        return user && stage.find(user);
      });
      if (isComplete)
        stage.join(producer);
    }
  }
  return stage;
}

} // namespace attn
