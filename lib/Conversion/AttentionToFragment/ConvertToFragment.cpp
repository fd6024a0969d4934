// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-convert-to-fragment: the kernel function is copied op by op into one without tensors. What a tensor stands for
// decides what it becomes: arguments and slices of them are views, accumulator and state are fragments, scratch tiles
// are not made at all.
#include "FragmentConverter.h"
#include "attn/Conversion/AttentionToFragment/AttentionToFragment.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace attn {
#define GEN_PASS_DEF_ATTNCONVERTTOFRAGMENTPASS
#include "attn/Conversion/AttentionToFragment/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {

static StringRef getRole(Operation *op) {
  auto role = op->getAttrOfType<StringAttr>(kRoleName);
  return role ? role.getValue() : StringRef();
}

OpFoldResult FragmentConverter::get(OpFoldResult value) {
  if (auto dynamic = dyn_cast<Value>(value))
    return get(dynamic);
  return value;
}

SmallVector<Value> FragmentConverter::get(ValueRange range) {
  return llvm::map_to_vector(range, [&](Value value) { return get(value); });
}

fragment::TileType FragmentConverter::getAccumulatorType(int64_t columns, Type type) {
  return fragment::TileType::get(b.getContext(), plan.getRows(), llvm::alignTo(columns, fragment::kDepth), type,
                                 fragment::Layout::Accumulator);
}

fragment::TileType FragmentConverter::getRowsType(Type type) {
  return fragment::TileType::get(b.getContext(), plan.getRows(), 1, type, fragment::Layout::Rows);
}

Type FragmentConverter::getType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return type;
  if (tensor.getRank() == 1)
    return getRowsType(tensor.getElementType());
  return getAccumulatorType(tensor.getShape().back(), tensor.getElementType());
}

Value FragmentConverter::number(Type type, double value) {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
}

Value FragmentConverter::splat(fragment::TileType type, double value) {
  return fragment::SplatOp::create(b, loc, type, number(type.getElementType(), value));
}

OperandView FragmentConverter::getOperand(Value tensor, AffineMap map) {
  auto it = packs.find(tensor);
  if (it == packs.end())
    return {get(tensor), map};
  return {it->second.view, it->second.map.compose(map)};
}

Value FragmentConverter::getMatrix(Operation *op, StringRef name, const OperandView &operand, int outer, int inner) {
  SmallVector<unsigned> order;
  for (int loop : {outer, inner})
    for (auto [dim, expr] : llvm::enumerate(operand.map.getResults()))
      if (int(cast<AffineDimExpr>(expr).getPosition()) == loop)
        order.push_back(dim);
  if (order.size() != 2 || operand.map.getNumResults() != 2) {
    op->emitError("cannot be written as fragments: expects '")
        << name << "' on a tile to have two dimensions, got map " << AffineMapAttr::get(operand.map);
    return {};
  }
  if (order[0] == 0)
    return operand.view;
  return memref::TransposeOp::create(b, loc, operand.view,
                                     AffineMapAttr::get(AffineMap::getPermutationMap(order, b.getContext())));
}

Value FragmentConverter::getSize(const OperandView &operand, unsigned loop) {
  unsigned dim = *operand.map.getResultPosition(b.getAffineDimExpr(loop));
  return memref::DimOp::create(b, loc, operand.view, dim);
}

LogicalResult FragmentConverter::convertBlock(Block &block) {
  for (Operation &op : block.without_terminator())
    if (failed(convert(&op)))
      return failure();
  return success();
}

LogicalResult FragmentConverter::convert(Operation *op) {
  loc = op->getLoc();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<scf::ForallOp, scf::ForOp, scf::IfOp, linalg::GenericOp, linalg::FillOp, tensor::ExtractSliceOp,
            tensor::ExtractOp, OnlineOp, FinalizeOp, MergeOp>([&](auto typed) { return convert(typed); })
      .Case<bufferization::ToTensorOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
          [&](Operation *view) { return convertView(view); })
      .Case([&](tensor::DimOp dim) {
        values.map(dim.getResult(),
                   memref::DimOp::create(b, loc, get(dim.getSource()), get(dim.getIndex())).getResult());
        return success();
      })
      .Case([&](tensor::InsertSliceOp insert) {
        // Into a scratch tile: what was packed there lies where it was.
        auto it = packs.find(insert.getSource());
        if (it == packs.end())
          return LogicalResult(op->emitError("cannot be written as fragments: expects it to fill a scratch tile"));
        packs[insert.getResult()] = OperandView(it->second);
        return success();
      })
      .Case([&](NumSplitsOp splits) {
        b.clone(*splits, values);
        return success();
      })
      .Case([&](tensor::EmptyOp empty) {
        // Scratch is not made; the states of parts of the keys are.
        ValueRange sizes = empty.getDynamicSizes();
        if (sizes.size() == 1 && sizes[0].getDefiningOp<NumSplitsOp>() && isa<scf::ForallOp>(empty->getParentOp())) {
          RankedTensorType type = empty.getType();
          auto memory = MemRefType::get(type.getShape(), type.getElementType());
          values.map(empty.getResult(), memref::AllocOp::create(b, loc, memory, get(sizes)).getResult());
        }
        return success();
      })
      .Case([](bufferization::MaterializeInDestinationOp) { return success(); })
      .Default([&](Operation *other) -> LogicalResult {
        bool isScalar = isa_and_present<arith::ArithDialect, affine::AffineDialect, math::MathDialect,
                                        memref::MemRefDialect, cf::ControlFlowDialect>(other->getDialect()) &&
                        llvm::none_of(other->getOperandTypes(), llvm::IsaPred<TensorType>);
        if (!isScalar)
          return other->emitError("'") << other->getName() << "' cannot be written as fragments";
        b.clone(*other, values);
        return success();
      });
}

LogicalResult FragmentConverter::convertView(Operation *op) {
  Value source = get(op->getOperand(0)), view = source;
  auto type = dyn_cast<MemRefType>(source.getType());
  if (!type)
    return op->emitError("cannot be written as fragments: expects it to change a view");
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    SmallVector<OpFoldResult> sizes =
        llvm::map_to_vector(expand.getMixedOutputShape(), [&](OpFoldResult size) { return get(size); });
    view = memref::ExpandShapeOp::create(b, loc, expand.getResultType().getShape(), source,
                                         expand.getReassociationIndices(), sizes);
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    // Behind the loop nobody reads it; before it, the caller's strides may not allow it, which the memref op says.
    if (op->use_empty())
      return success();
    if (!memref::CollapseShapeOp::isGuaranteedCollapsible(type, collapse.getReassociationIndices()))
      return op->emitError("cannot be compiled for a GPU: joins dimensions whose strides the caller chooses");
    view = memref::CollapseShapeOp::create(b, loc, source, collapse.getReassociationIndices());
  } else if (auto cast = dyn_cast<tensor::CastOp>(op)) {
    auto to = dyn_cast<RankedTensorType>(cast.getType());
    if (!to)
      return op->emitError("cannot be compiled for a GPU: expects a known rank");
    view =
        memref::CastOp::create(b, loc, MemRefType::get(to.getShape(), to.getElementType(), type.getLayout()), source);
  }
  values.map(op->getResult(0), view);
  return success();
}

LogicalResult FragmentConverter::convert(tensor::ExtractSliceOp op) {
  Value tensor = op.getSource();
  if (auto it = packs.find(tensor); it != packs.end()) {
    packs[op.getResult()] = OperandView(it->second);
    return success();
  }
  if (Value state = onlyStates.lookup(tensor)) {
    values.map(op.getResult(), state);
    return success();
  }
  Value source = values.lookupOrNull(tensor);
  if (!source)
    return success(); // of a scratch tile that is not made
  auto type = dyn_cast<MemRefType>(source.getType());
  if (!type) {
    // The rows of a fragment that exist: stores know.
    values.map(op.getResult(), source);
    return success();
  }
  auto remap = [&](ArrayRef<OpFoldResult> range) {
    return llvm::map_to_vector(range, [&](OpFoldResult value) { return get(value); });
  };
  SmallVector<OpFoldResult> offsets = remap(op.getMixedOffsets()), sizes = remap(op.getMixedSizes()),
                            strides = remap(op.getMixedStrides());
  MemRefType result =
      memref::SubViewOp::inferRankReducedResultType(op.getType().getShape(), type, offsets, sizes, strides);
  values.map(op.getResult(), memref::SubViewOp::create(b, loc, result, source, offsets, sizes, strides).getResult());
  return success();
}

LogicalResult FragmentConverter::convert(tensor::ExtractOp op) {
  Value source = values.lookupOrNull(op.getTensor());
  if (!source)
    return op.emitError("cannot be written as fragments: reads a scratch tile");
  // The sum of a check is a number already.
  if (isa<MemRefType>(source.getType()))
    source = memref::LoadOp::create(b, loc, source, get(op.getIndices()));
  values.map(op.getResult(), source);
  return success();
}

LogicalResult FragmentConverter::convert(linalg::FillOp op) {
  if (getRole(op) != "init" && getRole(op) != "redo" && getRole(op) != "merge")
    return success(); // of a scratch tile that is not made
  auto type = cast<fragment::TileType>(getType(op.getResult(0).getType()));
  values.map(op.getResult(0), fragment::SplatOp::create(b, loc, type, get(op.getInputs().front())).getResult());
  return success();
}

LogicalResult FragmentConverter::convert(linalg::GenericOp op) {
  StringRef role = getRole(op);
  Value input = op.getInputs().empty() ? Value() : op.getInputs().front();
  if (role == "pack") {
    bool isCopy = llvm::all_of(op.getBody()->without_terminator(), llvm::IsaPred<arith::ExtFOp>);
    if (op.getInputs().size() != 1 || !isCopy || !isa<MemRefType>(get(input).getType()))
      return op.emitError("cannot be written as fragments: expects a copy of a view to a scratch tile");
    OperandView source{get(input), op.getIndexingMapsArray().front()};
    packs[op.getResult(0)] = source;
    // Q as it is goes to shared memory now, for all key tiles; a wider copy is read where it lies.
    auto operand = op->getAttrOfType<IntegerAttr>("attn.operand");
    bool isQuery = operand && operand.getInt() == 0 && queries &&
                   getElementTypeOrSelf(op.getResult(0).getType()) == getElementTypeOrSelf(source.view.getType());
    if (!isQuery)
      return success();
    Value matrix = getMatrix(op, "query", source, 0, 1);
    if (!matrix)
      return failure();
    fragment::FetchOp::create(b, loc, matrix, queries, index(0));
    fragment::CommitOp::create(b, loc);
    return success();
  }
  if (role == "check") {
    Value source = get(input);
    auto type = dyn_cast<fragment::TileType>(source.getType());
    if (type && type.getLayout() == fragment::Layout::Rows) {
      values.map(op.getResult(0), fragment::SumRowsOp::create(b, loc, b.getF32Type(), source).getResult());
      return success();
    }
    if (type) {
      // x * 0 is 0 for a finite x and NaN else.
      auto map = fragment::MapOp::create(
          b, loc, TypeRange(type), source, [](OpBuilder &nested, Location at, ValueRange elements, Value, Value) {
            Value zero = arith::ConstantOp::create(nested, at, nested.getF32FloatAttr(0));
            return SmallVector<Value>{arith::MulFOp::create(nested, at, elements[0], zero)};
          });
      Value zero = splat(getRowsType(b.getF32Type()), 0);
      values.map(op.getResult(0),
                 fragment::ReduceOp::create(b, loc, fragment::Reduction::Add, map.getResult(0), zero).getResult());
      return success();
    }
  }
  return op.emitError("cannot be written as fragments: unknown role '") << role << "'";
}

LogicalResult FragmentConverter::convert(scf::ForOp op) {
  auto loop = scf::ForOp::create(b, loc, get(op.getLowerBound()), get(op.getUpperBound()), get(op.getStep()),
                                 get(op.getInitArgs()));
  OpBuilder::InsertionGuard guard(b);
  values.map(op.getInductionVar(), loop.getInductionVar());
  values.map(op.getRegionIterArgs(), loop.getRegionIterArgs());
  // Without values the builder has made the terminator.
  if (op.getNumResults() == 0)
    loop.getBody()->getTerminator()->erase();
  b.setInsertionPointToEnd(loop.getBody());
  if (failed(convertBlock(*op.getBody())))
    return failure();
  scf::YieldOp::create(b, op.getLoc(), get(op.getBody()->getTerminator()->getOperands()));
  values.map(op.getResults(), loop.getResults());
  return success();
}

LogicalResult FragmentConverter::convert(scf::IfOp op) {
  if (merges.contains(op))
    return convertMerge(op);
  SmallVector<Type> types = llvm::map_to_vector(op.getResultTypes(), [&](Type type) { return getType(type); });
  bool hasElse = !op.getElseRegion().empty();
  auto branch = scf::IfOp::create(b, loc, types, get(op.getCondition()), /*addThenBlock=*/true, hasElse);
  for (auto [from, to] : llvm::zip(op->getRegions(), branch->getRegions())) {
    if (from.empty())
      continue;
    OpBuilder::InsertionGuard guard(b);
    Block &block = to.front();
    block.clear();
    b.setInsertionPointToEnd(&block);
    if (failed(convertBlock(from.front())))
      return failure();
    scf::YieldOp::create(b, op.getLoc(), get(from.front().getTerminator()->getOperands()));
  }
  values.map(op.getResults(), branch.getResults());
  return success();
}

LogicalResult FragmentConverter::convert(scf::ForallOp op) {
  if (op->hasAttr(kSplitName))
    return convertParts(op);
  auto remap = [&](ArrayRef<OpFoldResult> range) {
    return llvm::map_to_vector(range, [&](OpFoldResult value) { return get(value); });
  };
  auto loop = scf::ForallOp::create(b, loc, remap(op.getMixedLowerBound()), remap(op.getMixedUpperBound()),
                                    remap(op.getMixedStep()), ValueRange(), op.getMapping());
  loop->setAttr(kPlanName, plan);
  values.map(op.getInductionVars(), loop.getInductionVars());
  // Slices of the outputs are slices of the caller's memory, and written where they are made.
  values.map(op.getRegionIterArgs(), get(op.getOutputs()));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getTerminator());
  OnlineOp online;
  op.walk([&](OnlineOp found) {
    if (!found.getGuarded())
      online = found;
  });
  if (online)
    allocate(online);
  return convertBlock(*op.getBody());
}

void FragmentConverter::allocate(OnlineOp op) {
  LoopInfo loops = getLoopInfo(op);
  auto getColumns = [&](Value tensor, int mapNumber, int loop) {
    AffineMap map = cast<AffineMapAttr>(op.getIndexingMaps()[mapNumber]).getValue();
    int64_t size = cast<RankedTensorType>(tensor.getType())
                       .getDimSize(*map.getResultPosition(getAffineDimExpr(loop, op.getContext())));
    return llvm::alignTo(size, fragment::kDepth);
  };
  Type type = getElementTypeOrSelf(op.getKey().getType());
  int64_t headSize = getColumns(op.getKey(), 1, loops.d), valueSize = getColumns(op.getValue(), 2, loops.e);
  auto create = [&](int64_t stages, int64_t rows, int64_t columns) {
    return fragment::AllocOp::create(b, loc, fragment::SharedType::get(b.getContext(), stages, rows, columns, type));
  };
  queries = create(1, plan.getRows(), headSize);
  keys = create(plan.getStages(), plan.getKeys(), headSize);
  valuesShared = create(plan.getStages(), plan.getKeys(), valueSize);
}

LogicalResult convertToFragment(RewriterBase &rewriter, func::FuncOp function) {
  scf::ForallOp loop;
  for (auto forall : function.getBody().getOps<scf::ForallOp>())
    loop = forall;
  auto plan = loop ? loop->getAttrOfType<PlanAttr>(kPlanName) : PlanAttr();
  if (!plan || !plan.getWarps())
    return success();
  if (llvm::any_of(function.getArgumentTypes(), llvm::IsaPred<TensorType>))
    return function.emitError("expects views as arguments: run attn-prepare-abi first");
  Block &old = function.getBody().front();
  Block *fresh = rewriter.createBlock(&function.getBody(), function.getBody().end());
  for (BlockArgument argument : old.getArguments())
    fresh->addArgument(argument.getType(), argument.getLoc());
  rewriter.setInsertionPointToStart(fresh);
  for (auto [from, to] : llvm::zip_equal(old.getArguments(), fresh->getArguments()))
    rewriter.replaceAllUsesWith(from, to);
  FragmentConverter converter(rewriter, plan);
  if (failed(converter.convertBlock(old))) {
    // The function keeps a body that verifies.
    fresh->erase();
    return failure();
  }
  rewriter.setInsertionPointToEnd(fresh);
  func::ReturnOp::create(rewriter, old.getTerminator()->getLoc());
  rewriter.eraseBlock(&old);
  return success();
}

namespace {
struct ConvertToFragment : impl::AttnConvertToFragmentPassBase<ConvertToFragment> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    if (failed(convertToFragment(rewriter, getOperation())))
      signalPassFailure();
  }
};
} // namespace

} // namespace attn
