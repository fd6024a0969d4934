// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-plan-stages: which linalg ops beside attention are computed in one parallel loop, and in what tiles. An op is
// the last of a stage if somebody else reads its result: another stage, an attention, the caller. Everything else joins
// the stage of its readers where it can be computed tile by tile with them.
#include "Producers.h"
#include "RowTile.h"
#include "Stages.h"
#include "StorageOps.h"
#include "attn/Analysis/LoopSizes.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/Pass.h"

#define DEBUG_TYPE "attn-plan-stages"

namespace attn {
#define GEN_PASS_DEF_ATTNPLANSTAGESPASS
#include "attn/Dialect/Attention/Transforms/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Rows of a tile of a product. Each packed block of the right operand serves as many: packing costs 2 element moves
/// for 2 * 128 flops an element.
static constexpr int64_t kProductRows = 128;
/// Steps of the reduction packed at a time: 64 steps of 64 columns in f32 are 16 KB, half of L1, beside the rows' own
/// elements. The accumulators are read and written once for as many steps.
static constexpr int64_t kDepth = 64;
/// Elements of a tile of whole rows: what a task does should take longer than handing it out.
static constexpr int64_t kRowwiseElements = 16384;

/// What `value` is a view of.
static Value getBase(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ExtractSliceOp>(op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

/// Whether `value` lies in memory before the kernel runs, or is made of such element by element.
static bool isStored(Value value) {
  value = getBase(value);
  // What is appended to is in the caller's memory before and after.
  if (value.getDefiningOp<AppendKvOp>())
    return true;
  if (!isa<RankedTensorType>(value.getType()) || isa<BlockArgument>(value) || value.getDefiningOp<arith::ConstantOp>())
    return true;
  linalg::GenericOp producer = getElementwiseProducer(value);
  if (!producer)
    return false;
  WalkResult captures = producer.getBody()->walk([&](tensor::ExtractOp extract) {
    return isStored(extract.getTensor()) ? WalkResult::advance() : WalkResult::interrupt();
  });
  return !captures.wasInterrupted() && llvm::all_of(producer.getInputs(), isStored);
}

/// Whether making an element anew for each row tile costs more than reading it: table look-ups and functions. What
/// reads an element somewhere else and passes it on does what reading a copy would do.
static bool isCostly(linalg::GenericOp op) {
  if (op.getBody()->getTerminator()->getOperand(0).getDefiningOp<tensor::ExtractOp>())
    return false;
  return op.getBody()
      ->walk([](Operation *nested) {
        bool isCheap =
            !isa<tensor::ExtractOp, arith::DivFOp>(nested) && !isa_and_present<math::MathDialect>(nested->getDialect());
        return isCheap ? WalkResult::advance() : WalkResult::interrupt();
      })
      .wasInterrupted();
}

/// Whether attention makes the result of `op` in its own tiles.
static bool belongsToAttention(linalg::GenericOp op) {
  if (getElementwiseProducer(op.getResult(0)) != op || !isStored(op.getResult(0)))
    return false;
  SmallVector<OpOperand *> readers = getReaders(op);
  return !readers.empty() && llvm::all_of(readers, [&](OpOperand *use) {
    if (auto user = dyn_cast<linalg::GenericOp>(use->getOwner()))
      return !user.isDpsInit(use) && belongsToAttention(user);
    auto attention = dyn_cast<GenericOp>(use->getOwner());
    if (!attention || attention.isDpsInit(use))
      return false;
    // K and V are made anew for each row tile, if there are several.
    bool ofKeys = use->get() == attention.getKey() || use->get() == attention.getValue();
    SmallVector<int64_t> sizes = getStaticLoopSizes(attention);
    int64_t rows = sizes[getTiledRowLoop(getLoopInfo(attention), sizes)];
    bool hasOneTile = !ShapedType::isDynamic(rows) && rows <= kMostRows;
    auto type = cast<RankedTensorType>(op.getResult(0).getType());
    return !ofKeys || hasOneTile || !isCostly(op) || !type.hasStaticShape();
  });
}

/// That the cache of `op` can be updated in place.
static LogicalResult checkInPlace(AppendKvOp op) {
  auto function = dyn_cast<FunctionOpInterface>(op->getParentOp());
  if (!function || !getUpdatedArgument(op.getResult()))
    return op.emitError("cannot append in place: expects 'cache' to be an argument of the kernel");
  for (OpOperand &use : op.getCache().getUses()) {
    Operation *user = use.getOwner();
    if (isa<tensor::DimOp>(user) || (user == op && op.isDpsInit(&use)))
      continue;
    InFlightDiagnostic diag = op.emitError("cannot append in place: the cache is used beside the append, which would "
                                           "copy it as a whole");
    diag.attachNote(user->getLoc()) << "it is used here: read the result of the append, and let a mask leave out what "
                                       "is new";
    return diag;
  }
  auto returned = llvm::count_if(op.getResult().getUses(),
                                 [](OpOperand &use) { return use.getOwner()->hasTrait<OpTrait::IsTerminator>(); });
  if (returned != 1)
    return op.emitError("cannot append in place: expects the kernel to return the result once, got ")
           << returned << " times";
  return success();
}

/// Rows are written by the last op of a stage: the op that makes them element by element for nobody else, or a copy.
static void addAppendStage(IRRewriter &rewriter, AppendKvOp op) {
  linalg::GenericOp producer = getGenericProducer(op.getRows());
  if (producer && !producer->hasAttr(kPlanName) && getElementwiseProducer(op.getRows()) == producer &&
      getReaders(producer).size() == 1)
    return;
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(rewriter, loc, op.getRows());
  Value init = tensor::EmptyOp::create(rewriter, loc, sizes, op.getRows().getType().getElementType());
  SmallVector<AffineMap> maps(2, rewriter.getMultiDimIdentityMap(4));
  SmallVector<utils::IteratorType> loops(4, utils::IteratorType::parallel);
  auto copy = linalg::GenericOp::create(
      rewriter, loc, init.getType(), op.getRows(), init, maps, loops,
      [&](OpBuilder &b, Location, ValueRange args) { linalg::YieldOp::create(b, loc, args[0]); });
  rewriter.modifyOpInPlace(op, [&] { op.getRowsMutable().assign(copy.getResult(0)); });
}

static LogicalResult check(linalg::GenericOp op) {
  if (op->getNumResults() != 1)
    return op.emitError("cannot plan a linalg op beside attention: expects one result, got ") << op->getNumResults();
  AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!out.isProjectedPermutation() || out.getNumResults() == 0 || out.getNumResults() != op.getNumParallelLoops())
    return op.emitError("cannot plan a linalg op beside attention: expects a result over all its parallel loops, at "
                        "least one");
  for (OpOperand *input : op.getDpsInputOperands())
    if (isa<RankedTensorType>(input->get().getType()) &&
        !op.getMatchingIndexingMap(input).isProjectedPermutation(/*allowZeroInResults=*/false))
      return op.emitError("cannot plan a linalg op beside attention: expects each dimension of input #")
             << input->getOperandNumber() << " to be a loop of its own";
  // Arithmetic of 16 bits would need a library, or round at each step of a sum.
  for (Operation &nested : *op.getBody()) {
    bool computes = isa<arith::AddFOp, arith::SubFOp, arith::MulFOp, arith::DivFOp>(nested) ||
                    isa_and_present<math::MathDialect>(nested.getDialect());
    if (computes && (nested.getResult(0).getType().isF16() || nested.getResult(0).getType().isBF16()))
      return nested.emitError("cannot compute in ")
             << nested.getResult(0).getType() << " beside attention: extend operands to f32, and round the result";
  }
  return success();
}

/// Whether a contraction of the stage is taken in pairs of bf16, where the machine can.
static bool multipliesPairs(const Stage &stage) {
  return llvm::any_of(stage.ops, [](const auto &member) {
    std::optional<Contraction> contraction = getContraction(member.first);
    return contraction && canMultiplyPairs(member.first, *contraction);
  });
}

static PlanAttr choose(const Stage &stage, int64_t lanes, bool manyRegisters, bool hasBf16Dot) {
  linalg::GenericOp root = stage.root;
  MLIRContext *context = root.getContext();
  // As in attention: 16 accumulators of 32 registers, 12 of 16.
  SmallVector<int64_t> tile = manyRegisters ? SmallVector<int64_t>{4, 4} : SmallVector<int64_t>{6, 2};
  bool isProduct = stage.hasContraction();
  int64_t rows = kProductRows;
  if (!isProduct) {
    int64_t elements = 1;
    for (auto [op, places] : stage.ops)
      for (auto [loop, size] : llvm::enumerate(op.getStaticLoopRanges()))
        if (places[loop] < 0 || !stage.tiled.test(places[loop]))
          elements = std::max(elements, ShapedType::isDynamic(size) ? 1 : size);
    rows = std::clamp<int64_t>(kRowwiseElements / elements, 1, 64);
    if (root.getNumLoops() == 1)
      rows = kRowwiseElements;
  }
  return PlanAttr::get(context, isProduct ? Algorithm::Product : Algorithm::Rowwise, Orientation::RowsMajor, rows,
                       /*shortRows=*/0, isProduct ? kDepth : 1, lanes, tile,
                       isProduct && hasBf16Dot && multipliesPairs(stage) ? Precision::BF16 : Precision::Accumulator);
}

namespace {
struct PlanStages : attn::impl::AttnPlanStagesPassBase<PlanStages> {
  using Base::Base;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> named;
    getOperation()->walk([&](linalg::LinalgOp op) {
      if (!isa<linalg::GenericOp, linalg::FillOp>(op) && op.hasPureTensorSemantics())
        named.push_back(op);
    });
    for (linalg::LinalgOp op : named) {
      rewriter.setInsertionPoint(op);
      if (failed(linalg::generalizeNamedOp(rewriter, op))) {
        op.emitError("cannot be written as linalg.generic");
        return signalPassFailure();
      }
    }
    SmallVector<AppendKvOp> appends;
    getOperation()->walk([&](AppendKvOp op) { appends.push_back(op); });
    for (AppendKvOp op : appends) {
      if (failed(checkInPlace(op)))
        return signalPassFailure();
      addAppendStage(rewriter, op);
    }
    SmallVector<linalg::GenericOp> ops;
    getOperation()->walk([&](linalg::GenericOp op) {
      if (op.hasPureTensorSemantics())
        ops.push_back(op);
    });
    DenseSet<Operation *> placed;
    for (linalg::GenericOp op : llvm::reverse(ops)) {
      if (op->hasAttr(kPlanName) || placed.contains(op) || getReaders(op).empty())
        continue;
      if (belongsToAttention(op))
        continue;
      if (failed(check(op)))
        return signalPassFailure();
      Stage stage = findStage(op);
      for (const auto &[member, places] : stage.ops) {
        placed.insert(member);
        if (failed(check(member)))
          return signalPassFailure();
      }
      auto type = cast<RankedTensorType>(op.getResult(0).getType());
      int64_t bits = type.getElementType().isF64() ? 64 : 32;
      PlanAttr plan = choose(stage, vectorBits / bits, vectorRegisters >= 32, hasBf16Dot);
      op->setAttr(kPlanName, plan);
      remark::passed(op.getLoc(), remark::RemarkOpts::name("stage").category(DEBUG_TYPE))
          << remark::metric("ops", stage.ops.size()) << remark::metric("rows", plan.getRows());
    }
  }
};
} // namespace
