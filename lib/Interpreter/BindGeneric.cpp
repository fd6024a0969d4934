// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From an attn.generic to the problem that lib/Reference states: maps become loops, regions become callbacks.
#include "attn/Interpreter/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace attn;

namespace {
/// Runs one region with its leading arguments, then the values of its element operands; captures are bound.
struct RegionCallback {
  RegionProgram program;
  /// Whether each of the arguments that run() takes is a float.
  SmallVector<bool> isFloat;

  Scalar operator()(std::initializer_list<double> leading, reference::Values values, reference::Position position) {
    pass(leading, values);
    program.run(position.begin());
    return program.getResult();
  }

  /// Result, and how far roundings of `unit` may move it where all arguments are exact.
  reference::Approximate runWithErrors(std::initializer_list<double> leading, reference::Values values,
                                       reference::Position position, double unit) {
    pass(leading, values);
    program.runWithErrors(position.begin(), unit);
    return {program.getResult().f, program.getError()};
  }

private:
  void pass(std::initializer_list<double> leading, reference::Values values) {
    unsigned argument = 0;
    auto pass = [&](double value) {
      program.getArgument(argument) =
          isFloat[argument] ? Scalar::ofFloat(value) : Scalar::ofInteger(static_cast<int64_t>(value));
      ++argument;
    };
    for (double value : leading)
      pass(value);
    for (double value : values)
      pass(value);
  }
};

/// Collects operands of `op` in its order: each role takes the next ones.
class Binder {
public:
  Binder(GenericOp op, ArrayRef<RuntimeValue> operands) : op(op), operands(operands) {}

  /// The next operand, whose dimensions run over the loops of the next map.
  reference::Operand takeOperand() {
    const RuntimeValue &value = operands[nextOperand++];
    return {value.tensor->view(), takeLoops()};
  }

  /// Loops of the dimensions in the next map.
  std::vector<unsigned> takeLoops() {
    AffineMap map = cast<AffineMapAttr>(op.getIndexingMaps()[nextMap++]).getValue();
    std::vector<unsigned> loops;
    for (unsigned i = 0; i < map.getNumResults(); ++i)
      loops.push_back(map.getDimPosition(i));
    return loops;
  }

  std::vector<reference::Operand> takeOperands(unsigned count) {
    std::vector<reference::Operand> result;
    for (unsigned i = 0; i < count; ++i)
      result.push_back(takeOperand());
    return result;
  }

  ArrayRef<RuntimeValue> takeValues(unsigned count) {
    ArrayRef<RuntimeValue> values = operands.slice(nextOperand, count);
    nextOperand += count;
    return values;
  }

private:
  GenericOp op;
  ArrayRef<RuntimeValue> operands;
  unsigned nextOperand = 0, nextMap = 0;
};
} // namespace

/// The program of a region whose last arguments are `captures`; null for an empty region.
static FailureOr<std::shared_ptr<RegionCallback>> compileRegion(mlir::Region &region, ArrayRef<RuntimeValue> captures) {
  if (region.empty())
    return std::shared_ptr<RegionCallback>();
  Block &block = region.front();
  DenseMap<Value, RuntimeValue> bound;
  for (auto [argument, value] : llvm::zip_equal(block.getArguments().take_back(captures.size()), captures))
    bound[argument] = value;
  FailureOr<RegionProgram> program = RegionProgram::compile(block, bound);
  if (failed(program))
    return failure();
  auto result = std::make_shared<RegionCallback>(RegionCallback{std::move(*program), {}});
  for (BlockArgument argument : block.getArguments().drop_back(captures.size()))
    result->isFloat.push_back(isa<FloatType>(argument.getType()));
  return result;
}

/// The similarity region with 1 for each tanh: kernels make tanh of exponentials, with an error relative to that. Null
/// for a region without tanh.
static FailureOr<std::shared_ptr<RegionCallback>> compileMagnitude(GenericOp op, ArrayRef<RuntimeValue> captures) {
  if (!op.getSimilarity().walk([](math::TanhOp) { return WalkResult::interrupt(); }).wasInterrupted())
    return std::shared_ptr<RegionCallback>();
  OwningOpRef<GenericOp> copy(op.clone());
  SmallVector<math::TanhOp> found;
  copy->getSimilarity().walk([&](math::TanhOp tanh) { found.push_back(tanh); });
  for (math::TanhOp tanh : found) {
    OpBuilder builder(tanh);
    Value one = arith::ConstantOp::create(builder, tanh.getLoc(), builder.getFloatAttr(tanh.getType(), 1.0));
    tanh.getResult().replaceAllUsesWith(one);
  }
  return compileRegion(copy->getSimilarity(), captures);
}

/// Our own by name, judged by formulas of the reference; all others by their own scalar code.
static LogicalResult bindNormalizer(GenericOp op, reference::Problem &problem) {
  problem.normalizer = llvm::TypeSwitch<Attribute, reference::Normalizer>(op.getNormalizer())
                           .Case<SoftmaxAttr>([](auto) { return reference::Normalizer::Softmax; })
                           .Case<SoftmaxSinkAttr>([](auto) { return reference::Normalizer::SoftmaxSink; })
                           .Case<SigmoidAttr>([](auto) { return reference::Normalizer::Sigmoid; })
                           .Case<IdentityAttr>([](auto) { return reference::Normalizer::Identity; })
                           .Default([](auto) { return reference::Normalizer::Custom; });
  if (problem.normalizer != reference::Normalizer::Custom)
    return success();
  FailureOr<reference::CustomNormalizer> custom = interpretNormalizer(op);
  if (failed(custom))
    return failure();
  problem.custom = std::move(*custom);
  return success();
}

static reference::FloatFormat getFormat(Type tensor) {
  Type type = getElementTypeOrSelf(tensor);
  return type.isBF16()  ? reference::kBF16
         : type.isF16() ? reference::kF16
         : type.isF64() ? reference::kF64
                        : reference::kF32;
}

static reference::KernelModel getModel(GenericOp op, int64_t numKeys, const InterpreterOptions &options) {
  reference::KernelModel model;
  if (op.getAccumulatorType().isF64()) {
    model.accumulator = reference::kF64;
    model.exp2Error = 4e-16; // two units: as good as a maths library
  }
  // Weights meet V in the format of Q; out may be stored in another.
  model.weight = op.getAccumulatorType().isF64() ? reference::kF64 : getFormat(op.getQuery().getType());
  model.out = getFormat(op.getInits().front().getType());
  model.confidence = options.confidence;
  if (auto plan = op->getAttrOfType<PlanAttr>(kPlanName)) {
    model.keyTile = plan.getKeys();
    // As many as a call can have.
    if (plan.getSplitKeys())
      model.splits = std::max<int64_t>(1, numKeys / plan.getSplitKeys());
  }
  return model;
}

FailureOr<BoundGeneric> attn::bindGeneric(GenericOp op, ArrayRef<RuntimeValue> operands,
                                          const InterpreterOptions &options) {
  BoundGeneric bound;
  reference::Problem &problem = bound.problem;
  Binder binder(op, operands);
  problem.query = binder.takeOperand();
  problem.key = binder.takeOperand();
  problem.value = binder.takeOperand();
  problem.similarityOperands = binder.takeOperands(op.getSimilarityOperands().size());
  problem.scoreOperands = binder.takeOperands(op.getScoreOperands().size());
  problem.maskOperands = binder.takeOperands(op.getMaskOperands().size());
  problem.normalizerOperands = binder.takeOperands(op.getNormalizerOperands().size());
  ArrayRef<RuntimeValue> captures = binder.takeValues(op.getCaptures().size());
  ArrayRef<RuntimeValue> offsets = binder.takeValues(op.getOffsets().size());
  ArrayRef<RuntimeValue> inits = binder.takeValues(op.getInits().size());
  problem.scale = op.getScale().convertToDouble();
  if (failed(bindNormalizer(op, problem)))
    return failure();

  auto info = getLoopInfo(op);
  problem.loops.resize(info.getNumLoops());
  for (auto [index, offset] : llvm::enumerate(offsets))
    problem.loops[index].offset = offset.scalar.i;
  for (const reference::Operand *operand : {&problem.query, &problem.key, &problem.value})
    for (auto [size, loop] : llvm::zip_equal(operand->view.sizes, operand->loops))
      problem.loops[loop].extent = size;

  for (auto [init, kindAttr] : llvm::zip_equal(inits, op.getResultKinds())) {
    std::vector<unsigned> loops = binder.takeLoops();
    switch (cast<ResultKindAttr>(kindAttr).getValue()) {
    case ResultKind::Out:
      problem.outLoops = loops;
      break;
    case ResultKind::Lse:
      problem.lse = loops;
      break;
    case ResultKind::Max:
      problem.max = loops;
      break;
    case ResultKind::Entropy:
      problem.entropy = loops;
      break;
    case ResultKind::Weights:
      problem.weights = loops;
      break;
    case ResultKind::TopkValues:
    case ResultKind::TopkIndices:
      problem.topK = reference::TopKRequest{init.tensor->sizes.back(), loops};
      break;
    }
  }
  // The comparison of top-k needs the weights it ranks.
  if (problem.topK && !problem.weights) {
    problem.weights = problem.topK->loops;
    problem.weights->push_back(info.key);
  }

  FailureOr<std::shared_ptr<RegionCallback>> similarity = compileRegion(op.getSimilarity(), captures);
  FailureOr<std::shared_ptr<RegionCallback>> magnitude = compileMagnitude(op, captures);
  FailureOr<std::shared_ptr<RegionCallback>> score = compileRegion(op.getScore(), captures);
  FailureOr<std::shared_ptr<RegionCallback>> mask = compileRegion(op.getMask(), captures);
  if (failed(similarity) || failed(magnitude) || failed(score) || failed(mask))
    return failure();
  bound.model = getModel(op, problem.loops[info.key].extent, options);
  if (auto region = *similarity) {
    problem.similarity = [region](double q, double k, reference::Values values, reference::Position position) {
      return (*region)({q, k}, values, position).f;
    };
    if (auto largest = *magnitude)
      problem.similarityMagnitude = [largest](double q, double k, reference::Values values,
                                              reference::Position position) {
        return (*largest)({q, k}, values, position).f;
      };
    // The first rounding is the product's, which the model counts anyway.
    bound.model.similarityRoundings = std::max(0.0, region->program.countRoundings() - 1);
  }
  bound.scoreGain = std::make_shared<double>(1);
  if (auto region = *score) {
    auto gain = bound.scoreGain;
    problem.score = [region, gain](double s, reference::Values values, reference::Position position) {
      double step = 1e-6 * std::max(1.0, std::fabs(s));
      double moved = (*region)({s + step}, values, position).f;
      double result = (*region)({s}, values, position).f;
      double slope = std::fabs(moved - result) / step;
      if (std::isfinite(slope))
        *gain = std::max(*gain, slope);
      return result;
    };
    double roundings = 3 + region->program.countRoundings(), unit = bound.model.accumulator.unit();
    bound.model.scoreRoundings = roundings;
    problem.scoreExcess = [region, roundings, unit](double s, reference::Values values, reference::Position position) {
      auto [result, error] = region->runWithErrors({s}, values, position, unit);
      return std::max(0.0, error / unit - roundings * (std::fabs(s) + std::fabs(result)));
    };
  }
  llvm::SetVector<unsigned> maskLoops;
  for (const reference::Operand &operand : problem.maskOperands)
    maskLoops.insert(operand.loops.begin(), operand.loops.end());
  op.getMask().walk([&](IndexOp index) { maskLoops.insert(index.getLoop()); });
  bound.maskLoops = maskLoops.takeVector();
  if (auto region = *mask)
    problem.mask = [region](reference::Values values, reference::Position position) {
      return (*region)({}, values, position).i != 0;
    };

  std::string error;
  if (!reference::classifyLoops(problem, error))
    return op.emitError() << error;
  return bound;
}

/// Points of the loops that the mask depends on where it holds.
static int64_t countKept(const BoundGeneric &bound) {
  const reference::Problem &problem = bound.problem;
  int64_t points = 1;
  for (unsigned loop : bound.maskLoops)
    points *= problem.loops[loop].extent;
  if (!problem.mask)
    return points;
  std::vector<int64_t> index(problem.loops.size(), 0);
  std::vector<int64_t> position(problem.loops.size(), reference::kNoPosition);
  std::vector<double> values(problem.maskOperands.size());
  int64_t kept = 0;
  for (int64_t point = 0; point < points; ++point) {
    for (unsigned loop : bound.maskLoops)
      position[loop] = problem.loops[loop].offset + index[loop];
    for (auto [value, operand] : llvm::zip_equal(values, problem.maskOperands)) {
      int64_t offset = 0;
      for (auto [stride, loop] : llvm::zip_equal(operand.view.strides, operand.loops))
        offset += stride * index[loop];
      value = operand.view.data[offset];
    }
    kept += problem.mask(values, position);
    for (unsigned loop : llvm::reverse(bound.maskLoops)) {
      if (++index[loop] < problem.loops[loop].extent)
        break;
      index[loop] = 0;
    }
  }
  return kept;
}

double attn::countUsefulFlops(const BoundGeneric &bound) {
  std::string error;
  std::optional<reference::LoopClasses> classes = reference::classifyLoops(bound.problem, error);
  if (!classes)
    return 0;
  SmallVector<unsigned> loops(classes->batch.begin(), classes->batch.end());
  loops.append(classes->row.begin(), classes->row.end());
  loops.push_back(classes->key);
  // Batches and heads that share a mask are not counted one by one.
  double others = 1;
  for (unsigned loop : loops)
    if (!llvm::is_contained(bound.maskLoops, loop))
      others *= static_cast<double>(bound.problem.loops[loop].extent);
  auto depth = static_cast<double>(bound.problem.loops[classes->d].extent + bound.problem.loops[classes->e].extent);
  return 2 * depth * others * static_cast<double>(countKept(bound));
}
