// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-prepare-abi: from tensors to views that the caller owns.
//
// The memory of a result must be known where the loop starts, or bufferisation allocates one of its own and copies.
// So each result is followed back to an scf.forall, and the output's view is reshaped the opposite way: what
// tensor.collapse_shape joins behind the loop, memref.expand_shape splits before it. What one loop makes for another is
// no result: it stays a tensor, which becomes a buffer in the workspace.
#include "attn/Conversion/PrepareAbi/PrepareAbi.h"

#include "attn-c/Abi.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Dialect/Attention/IR/Storage.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

namespace attn {
#define GEN_PASS_DEF_ATTNPREPAREABIPASS
#include "attn/Conversion/PrepareAbi/Passes.h.inc"
} // namespace attn

using namespace mlir;

namespace attn {
namespace {

/// How a result of the function comes out of a loop.
struct Destination {
  scf::ForallOp loop;
  /// Result number of the scf.forall.
  unsigned number;
  /// tensor.collapse_shape and tensor.cast between the loop and the return, in program order.
  SmallVector<Operation *> reshapes;
  /// The argument whose memory the loop updates; null where it fills memory that nobody has written yet.
  BlockArgument updated;
};

/// What the rewrite needs to know; found before anything is changed.
struct Kernel {
  /// One for each stage, in order.
  SmallVector<scf::ForallOp> loops;
  func::ReturnOp terminator;
  /// One per result of the function.
  SmallVector<Destination> destinations;
};

/// A view of a tensor: strides and offset are the caller's, elements of the last dimension are adjacent.
MemRefType getViewType(RankedTensorType type) {
  if (type.getRank() == 0)
    return MemRefType::get({}, type.getElementType());
  SmallVector<int64_t> strides(type.getRank(), ShapedType::kDynamic);
  strides.back() = 1;
  auto layout = StridedLayoutAttr::get(type.getContext(), ShapedType::kDynamic, strides);
  return MemRefType::get(type.getShape(), type.getElementType(), layout);
}

/// A loop that looks at elements of arguments for what an assertion says of them: reads and arithmetic, to scalars.
bool isCheckLoop(Operation &op) {
  auto loop = dyn_cast<scf::ForOp>(op);
  return loop && llvm::none_of(loop.getResultTypes(), llvm::IsaPred<ShapedType>) &&
         llvm::all_of(*loop.getBody(), [](Operation &nested) {
           return isa<scf::YieldOp, tensor::ExtractOp>(nested) ||
                  isa_and_present<arith::ArithDialect>(nested.getDialect());
         });
}

/// Ops that cost nothing: sizes, checks and views, and the question how many parts keys are divided into.
bool isAllowedBesideLoop(Operation &op) {
  if (isCheckLoop(op))
    return true;
  if (op.getName().getStringRef() == kNumSplitsOpName)
    return true;
  if (isa_and_present<arith::ArithDialect, affine::AffineDialect>(op.getDialect()))
    return op.getNumRegions() == 0 && llvm::none_of(op.getResultTypes(), llvm::IsaPred<ShapedType>);
  return isa<cf::AssertOp, func::ReturnOp, tensor::CastOp, tensor::CollapseShapeOp, tensor::DimOp, tensor::EmptyOp,
             tensor::ExpandShapeOp, tensor::ExtractSliceOp>(op);
}

/// Whether `value` is memory that nobody has written yet.
bool isUnwritten(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (isa<tensor::EmptyOp>(op))
      return true;
    if (!isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::ExtractSliceOp>(op))
      return false;
    value = op->getOperand(0);
  }
  return false;
}

FailureOr<Destination> findDestination(func::ReturnOp terminator, unsigned number, ArrayRef<scf::ForallOp> loops) {
  Destination destination;
  Value value = terminator.getOperand(number);
  while (auto *op = value.getDefiningOp()) {
    if (auto loop = dyn_cast<scf::ForallOp>(op); loop && llvm::is_contained(loops, loop)) {
      destination.loop = loop;
      destination.number = cast<OpResult>(value).getResultNumber();
      std::reverse(destination.reshapes.begin(), destination.reshapes.end());
      return destination;
    }
    if (!isa<tensor::CastOp, tensor::CollapseShapeOp>(op))
      break;
    destination.reshapes.push_back(op);
    value = op->getOperand(0);
  }
  InFlightDiagnostic diag = terminator.emitError("result #")
                            << number << " is not written by an scf.forall of this kernel, so it has no place in an "
                            << "output of the caller";
  diag.attachNote(value.getLoc()) << "it comes from here; only tensor.collapse_shape and tensor.cast may stand between";
  return failure();
}

/// What a stage hands to later ones lies in the workspace.
LogicalResult checkBetweenStages(scf::ForallOp loop, unsigned number) {
  Value result = loop.getResult(number);
  if (result.use_empty())
    return loop.emitError("result #") << number << " is neither returned nor read, so it has no memory";
  if (!isUnwritten(loop.getOutputs()[number]))
    return loop.emitError("expects output #") << number << " to start from tensor.empty";
  return success();
}

/// A result starts in memory that nobody has written yet, or, where the loop says so, from an argument, which it
/// updates: nobody else may read that, for which bufferisation would copy the whole.
LogicalResult checkUpdate(Destination &destination) {
  OpOperand &output = destination.loop.getOutputsMutable()[destination.number];
  if (!destination.loop->hasAttr(kInPlaceName)) {
    if (isUnwritten(output.get()))
      return success();
    return destination.loop.emitError("expects output #")
           << destination.number << " to start from tensor.empty, so that it can start from the caller's memory";
  }
  auto argument = dyn_cast<BlockArgument>(output.get());
  if (!argument || argument.getOwner() != destination.loop->getBlock())
    return destination.loop.emitError("expects output #")
           << destination.number << " to start from an argument, which the loop is to update in place";
  if (!destination.reshapes.empty())
    return destination.reshapes.front()->emitError("expects what updates argument #")
           << argument.getArgNumber() << " in place to be returned as it is";
  for (OpOperand &use : argument.getUses()) {
    if (&use == &output || isa<tensor::DimOp>(use.getOwner()))
      continue;
    InFlightDiagnostic diag = destination.loop.emitError("cannot update argument #")
                              << argument.getArgNumber() << " in place: it is used beside the loop that writes into it";
    diag.attachNote(use.getOwner()->getLoc()) << "it is used here; read what the loop leaves";
    return diag;
  }
  destination.updated = argument;
  return success();
}

FailureOr<Kernel> analyze(func::FuncOp function) {
  for (Type type : llvm::concat<const Type>(function.getArgumentTypes(), function.getResultTypes()))
    if (!type.isIntOrIndexOrFloat() && !isa<RankedTensorType>(type))
      return function.emitError("expects tensors, integers, floats and indices in the signature of a kernel, got ")
             << type;
  // No call could pass the checks of such a kernel, whose index arithmetic relies on them.
  for (Type type : llvm::concat<const Type>(function.getArgumentTypes(), function.getResultTypes()))
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      for (int64_t size : tensor.getShape())
        if (!ShapedType::isDynamic(size) && size > ATTN_MAX_SIZE)
          return function.emitError("expects sizes of at most ")
                 << ATTN_MAX_SIZE << " (ATTN_MAX_SIZE) in the signature of a kernel, got " << size << " in " << tensor
                 << "; compile for a part of it, with offsets";
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError("expects one block in a kernel, got ") << function.getBody().getBlocks().size();

  Kernel kernel;
  for (Operation &op : function.getBody().front()) {
    if (auto loop = dyn_cast<scf::ForallOp>(op); loop && loop->hasAttr(kPlanName)) {
      auto plan = loop->getAttrOfType<PlanAttr>(kPlanName);
      if (!kernel.loops.empty() && plan && plan.getWarps()) {
        InFlightDiagnostic diag = loop.emitError("a kernel of a GPU holds one attention: expects one scf.forall with "
                                                 "'attn.plan', got a second one");
        diag.attachNote(kernel.loops.front().getLoc()) << "the first one is here; give each a function of its own";
        return diag;
      }
      kernel.loops.push_back(loop);
    } else if (!isAllowedBesideLoop(op)) {
      return op.emitError(
                 "a compiled kernel holds attention and stages of linalg ops: expects nothing but sizes, checks "
                 "and views beside them, got '")
             << op.getName() << "'; move it to the caller, or write it as a linalg.generic before attn-plan-stages";
    }
  }
  if (kernel.loops.empty())
    return function.emitError("a compiled kernel holds attention or other stages: expects an scf.forall with "
                              "'attn.plan', got none; attn-tile-and-fuse and attn-tile-stages make it");

  kernel.terminator = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  llvm::DenseSet<Value> used;
  for (unsigned number = 0; number < kernel.terminator.getNumOperands(); ++number) {
    if (!isa<RankedTensorType>(kernel.terminator.getOperand(number).getType()))
      return kernel.terminator.emitError("expects results of a kernel to be tensors, got ")
             << kernel.terminator.getOperand(number).getType();
    FailureOr<Destination> destination = findDestination(kernel.terminator, number, kernel.loops);
    if (failed(destination))
      return failure();
    if (!used.insert(destination->loop.getResult(destination->number)).second)
      return kernel.terminator.emitError("result #") << number << " is the same tensor as another result";
    if (failed(checkUpdate(*destination)))
      return failure();
    kernel.destinations.push_back(std::move(*destination));
  }
  for (scf::ForallOp loop : kernel.loops)
    for (auto [number, result] : llvm::enumerate(loop.getResults()))
      if (!used.contains(result) && failed(checkBetweenStages(loop, number)))
        return failure();
  return kernel;
}

/// The sizes of a tensor that nobody has written yet. A tensor.dim of it would keep it alive, and allocated.
SmallVector<OpFoldResult> getSizes(OpBuilder &builder, Value value);

SmallVector<OpFoldResult> collapseSizes(OpBuilder &builder, Location loc, ArrayRef<OpFoldResult> sizes,
                                        ArrayRef<ReassociationIndices> groups) {
  SmallVector<OpFoldResult> collapsed;
  for (const ReassociationIndices &group : groups) {
    OpFoldResult product = builder.getIndexAttr(1);
    for (int64_t dim : group) {
      std::optional<int64_t> left = getConstantIntValue(product), right = getConstantIntValue(sizes[dim]);
      if (left && right)
        product = builder.getIndexAttr(*left * *right);
      else if (left == 1)
        product = sizes[dim];
      else if (right != 1)
        product = arith::MulIOp::create(builder, loc, getValueOrCreateConstantIndexOp(builder, loc, product),
                                        getValueOrCreateConstantIndexOp(builder, loc, sizes[dim]))
                      .getResult();
    }
    collapsed.push_back(product);
  }
  return collapsed;
}

SmallVector<OpFoldResult> getSizes(OpBuilder &builder, Value value) {
  Operation *op = value.getDefiningOp();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return empty.getMixedSizes();
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return expand.getMixedOutputShape();
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return getSizes(builder, cast.getSource());
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return collapseSizes(builder, op->getLoc(), getSizes(builder, collapse.getSrc()),
                         collapse.getReassociationIndices());
  auto slice = cast<tensor::ExtractSliceOp>(op);
  SmallVector<OpFoldResult> sizes;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
    if (!dropped.test(dim))
      sizes.push_back(size);
  return sizes;
}

/// `view`, reshaped from what the function returned to what the loop writes.
Value reshapeForLoop(OpBuilder &builder, scf::ForallOp loop, const Destination &destination, Value view) {
  if (destination.reshapes.empty())
    return view;
  Location loc = loop.getLoc();
  // Sizes before each reshape.
  SmallVector<SmallVector<OpFoldResult>> sizes = {getSizes(builder, loop.getOutputs()[destination.number])};
  for (Operation *op : ArrayRef(destination.reshapes).drop_back()) {
    auto collapse = dyn_cast<tensor::CollapseShapeOp>(op);
    sizes.push_back(collapse ? collapseSizes(builder, loc, sizes.back(), collapse.getReassociationIndices())
                             : sizes.back());
  }
  for (auto [op, size] : llvm::reverse(llvm::zip_equal(destination.reshapes, sizes))) {
    ArrayRef<int64_t> shape = cast<RankedTensorType>(op->getOperand(0).getType()).getShape();
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
      // A size that is constant but not in the type must not be constant in the op either.
      SmallVector<OpFoldResult> outputShape;
      for (auto [dim, dimSize] : llvm::enumerate(size))
        outputShape.push_back(ShapedType::isDynamic(shape[dim])
                                  ? OpFoldResult(getValueOrCreateConstantIndexOp(builder, loc, dimSize))
                                  : OpFoldResult(builder.getIndexAttr(shape[dim])));
      view = memref::ExpandShapeOp::create(builder, loc, shape, view, collapse.getReassociationIndices(), outputShape);
    } else {
      auto type = cast<MemRefType>(view.getType());
      view =
          memref::CastOp::create(builder, loc, MemRefType::get(shape, type.getElementType(), type.getLayout()), view);
    }
  }
  return view;
}

/// Asserts that `view`, which a caller passes for a result, has the sizes the loop will write.
void assertOutputSizes(OpBuilder &builder, scf::ForallOp loop, const Destination &destination, Value view,
                       StringRef name) {
  Location loc = loop.getLoc();
  SmallVector<OpFoldResult> sizes = getSizes(builder, loop.getOutputs()[destination.number]);
  for (Operation *op : destination.reshapes)
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
      sizes = collapseSizes(builder, loc, sizes, collapse.getReassociationIndices());
  for (auto [dim, size] : llvm::enumerate(sizes)) {
    // Static sizes of a view are checked against its type where it enters.
    if (!cast<MemRefType>(view.getType()).isDynamicDim(dim))
      continue;
    Value have = memref::DimOp::create(builder, loc, view, dim);
    Value equal = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, have,
                                        getValueOrCreateConstantIndexOp(builder, loc, size));
    cf::AssertOp::create(builder, loc, equal,
                         ("'" + name + "' has the size of the result in dimension " + Twine(dim)).str());
  }
}

/// Sizes of tensor.empty are read from its operands: nothing of it shall be left once the outputs take its place.
void forwardSizesOfEmpties(RewriterBase &rewriter, Block &body) {
  for (auto dim : llvm::make_early_inc_range(body.getOps<tensor::DimOp>())) {
    auto empty = dim.getSource().getDefiningOp<tensor::EmptyOp>();
    std::optional<int64_t> index = dim.getConstantIndex();
    if (!empty || !index || *index < 0 || *index >= empty.getType().getRank())
      continue;
    rewriter.setInsertionPoint(dim);
    rewriter.replaceOp(dim, getValueOrCreateConstantIndexOp(rewriter, dim.getLoc(), empty.getMixedSizes()[*index]));
  }
}

/// `{kind, name, type}` for attn.arguments.
Attribute describe(Builder &builder, StringRef kind, Attribute name, const Twine &defaultName, Type type) {
  return builder.getDictionaryAttr({builder.getNamedAttr("kind", builder.getStringAttr(kind)),
                                    builder.getNamedAttr("name", name ? name : builder.getStringAttr(defaultName)),
                                    builder.getNamedAttr("type", TypeAttr::get(type))});
}

} // namespace

LogicalResult prepareAbi(RewriterBase &rewriter, func::FuncOp function) {
  auto isTensor = llvm::IsaPred<TensorType>;
  if (function.isExternal() ||
      (llvm::none_of(function.getArgumentTypes(), isTensor) && llvm::none_of(function.getResultTypes(), isTensor)))
    return success();
  FailureOr<Kernel> kernel = analyze(function);
  if (failed(kernel))
    return failure();

  Block &body = function.getBody().front();
  SmallVector<Attribute> descriptions;
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  auto takeName = [&](DictionaryAttr dictionary) {
    NamedAttrList list(dictionary);
    Attribute name = list.erase(kArgumentName);
    attributes.push_back(list.getDictionary(rewriter.getContext()));
    return name;
  };

  rewriter.setInsertionPointToStart(&body);
  for (BlockArgument argument : body.getArguments()) {
    Attribute name = takeName(function.getArgAttrDict(argument.getArgNumber()));
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    bool isUpdated = llvm::any_of(kernel->destinations,
                                  [&](const Destination &destination) { return destination.updated == argument; });
    descriptions.push_back(describe(rewriter,
                                    isUpdated ? "inout"
                                    : type    ? "input"
                                              : "scalar",
                                    name, "arg" + Twine(argument.getArgNumber()), argument.getType()));
    if (type) {
      argument.setType(getViewType(type));
      auto tensor = bufferization::ToTensorOp::create(rewriter, argument.getLoc(), type, argument, /*restrict=*/true,
                                                      /*writable=*/isUpdated);
      rewriter.replaceAllUsesExcept(argument, tensor, tensor);
    }
    types.push_back(argument.getType());
  }

  SmallVector<Type> resultTypes(function.getResultTypes());
  auto materialize = [&](Destination &destination, Value view) {
    rewriter.setInsertionPoint(kernel->terminator);
    bufferization::MaterializeInDestinationOp::create(rewriter, kernel->terminator.getLoc(), /*result=*/Type(),
                                                      destination.loop.getResult(destination.number), view,
                                                      /*restrict=*/true, /*writable=*/true);
  };
  size_t numOutputs =
      llvm::count_if(kernel->destinations, [](const Destination &destination) { return !destination.updated; });
  unsigned number = 0;
  for (auto [result, type, destination] : llvm::enumerate(resultTypes, kernel->destinations)) {
    if (destination.updated) {
      // It is in place already: what is said here is that it must be.
      materialize(destination, destination.updated);
      continue;
    }
    Attribute name = takeName(function.getResultAttrDict(result));
    descriptions.push_back(
        describe(rewriter, "output", name, numOutputs == 1 ? Twine("out") : "out" + Twine(number), type));
    ++number;
    Location loc = destination.loop.getLoc();
    types.push_back(getViewType(cast<RankedTensorType>(type)));
    Value view = body.addArgument(types.back(), loc);

    rewriter.setInsertionPoint(destination.loop);
    StringRef argumentName = cast<StringAttr>(cast<DictionaryAttr>(descriptions.back()).get("name"));
    assertOutputSizes(rewriter, destination.loop, destination, view, argumentName);
    view = reshapeForLoop(rewriter, destination.loop, destination, view);
    OpOperand &init = destination.loop.getOutputsMutable()[destination.number];
    Value tensor = bufferization::ToTensorOp::create(rewriter, loc, init.get().getType(), view, /*restrict=*/true,
                                                     /*writable=*/true);
    rewriter.modifyOpInPlace(destination.loop, [&] { init.set(tensor); });
    materialize(destination, view);
  }

  rewriter.modifyOpInPlace(kernel->terminator, [&] { kernel->terminator->setOperands({}); });
  rewriter.modifyOpInPlace(function, [&] {
    function.removeResAttrsAttr();
    function.setFunctionType(rewriter.getFunctionType(types, {}));
    function.setAllArgAttrs(attributes);
    function->setAttr(kArgumentsName, rewriter.getArrayAttr(descriptions));
  });
  forwardSizesOfEmpties(rewriter, body);
  // What held the results until now: an unused tensor.empty would still be allocated.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      rewriter.eraseOp(&op);
  return success();
}

namespace {

struct AttnPrepareAbiPass : impl::AttnPrepareAbiPassBase<AttnPrepareAbiPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    if (failed(prepareAbi(rewriter, getOperation())))
      signalPassFailure();
  }
};

} // namespace
} // namespace attn
