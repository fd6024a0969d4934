// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Any NormalizerInterface as the reference can use it: its scalar code, run in double precision with errors beside it.
#include "attn/Interpreter/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace mlir;
using namespace attn;
using reference::Approximate;

namespace {
/// Builds the yielded values of a program from its arguments, all of them floats.
using BuildFn = llvm::function_ref<SmallVector<Value>(OpBuilder &, ValueRange)>;

/// The programs of one normalizer.
struct NormalizerProgram {
  bool hasMaximum = false;
  unsigned numSums = 0;
  /// Of state in the end: factor, then lse, max and entropy as far as there are.
  RegionProgram finish;
  /// Of maximum (if there is one) and score: what the key adds to each sum.
  RegionProgram terms;
  /// Of state in the end, factor and score: the weight.
  RegionProgram weight;

  reference::CustomRow weigh(ArrayRef<Approximate> scores, ArrayRef<double> operands, reference::Roundings roundings);
};
} // namespace

static FailureOr<RegionProgram> compileProgram(GenericOp op, unsigned numArguments, BuildFn build) {
  Block block;
  SmallVector<Type> types(numArguments, Float64Type::get(op.getContext()));
  block.addArguments(types, SmallVector<Location>(numArguments, op.getLoc()));
  OpBuilder builder(op.getContext());
  builder.setInsertionPointToStart(&block);
  SmallVector<Value> results = build(builder, block.getArguments());
  func::ReturnOp::create(builder, op.getLoc(), results);
  return RegionProgram::compile(block, DenseMap<Value, RuntimeValue>());
}

/// Runs on arguments in order; results are read from `program`.
static void run(RegionProgram &program, ArrayRef<Approximate> arguments, double unit) {
  for (auto [number, argument] : llvm::enumerate(arguments)) {
    program.getArgument(number) = Scalar::ofFloat(argument.value);
    program.getArgumentError(number) = argument.error;
  }
  program.runWithErrors(nullptr, unit);
}

static Approximate getResult(const RegionProgram &program, unsigned result) {
  return {program.getResult(result).f, program.getError(result)};
}

/// The largest score; NaN is passed over, as the interface says.
static Approximate getMaximum(ArrayRef<Approximate> scores) {
  double infinity = std::numeric_limits<double>::infinity(), max = -infinity, low = max, high = max;
  for (const Approximate &score : scores) {
    max = std::fmax(max, score.value);
    low = std::fmax(low, score.value - score.error);
    high = std::fmax(high, score.value + score.error);
  }
  return {max, std::isfinite(max) ? std::max(high - max, max - low) : 0};
}

reference::CustomRow NormalizerProgram::weigh(ArrayRef<Approximate> scores, ArrayRef<double> operands,
                                              reference::Roundings roundings) {
  SmallVector<Approximate> state, known;
  if (hasMaximum)
    known.push_back(getMaximum(scores));
  state = known;
  state.append(numSums, Approximate());
  SmallVector<double> magnitudes(numSums, 0);
  for (const Approximate &score : scores) {
    if (numSums == 0)
      break;
    SmallVector<Approximate> arguments = known;
    arguments.push_back(score);
    run(terms, arguments, roundings.unit);
    for (unsigned sum = 0; sum < numSums; ++sum) {
      Approximate term = getResult(terms, sum), &total = state[hasMaximum + sum];
      total.value += term.value;
      total.error += term.error;
      magnitudes[sum] += std::fabs(term.value);
    }
  }
  for (unsigned sum = 0; sum < numSums; ++sum)
    state[hasMaximum + sum].error += roundings.sum * magnitudes[sum];

  SmallVector<Approximate> arguments = state;
  for (double operand : operands)
    arguments.push_back({operand, roundings.unit * std::fabs(operand)}); // the change of base
  run(finish, arguments, roundings.unit);
  reference::CustomRow row;
  for (auto [kind, result] : {std::pair(ResultKind::Lse, &row.lse), std::pair(ResultKind::Max, &row.max),
                              std::pair(ResultKind::Entropy, &row.entropy)})
    if (getFinishIndex(kind) < finish.getNumResults())
      *result = getResult(finish, getFinishIndex(kind));
  state.push_back(getResult(finish, 0));
  for (const Approximate &score : scores) {
    arguments = state;
    arguments.push_back(score);
    run(weight, arguments, roundings.unit);
    row.weights.push_back(getResult(weight, 0));
  }
  return row;
}

FailureOr<reference::CustomNormalizer> attn::interpretNormalizer(GenericOp op) {
  auto kinds =
      llvm::map_to_vector(op.getResultKinds(), [](Attribute kind) { return cast<ResultKindAttr>(kind).getValue(); });
  NormalizerInterface normalizer = op.getNormalizer().getStreaming(kinds);
  unsigned numStates = normalizer.getNumStates(), numOperands = normalizer.getNumOperands();
  Location loc = op.getLoc();
  auto type = Float64Type::get(op.getContext());
  auto program = std::make_shared<NormalizerProgram>();
  program->hasMaximum = normalizer.hasMaximum();
  program->numSums = normalizer.getNumSums();
  constexpr ExpBase base = ExpBase::E;

  auto finish = compileProgram(op, numStates + numOperands, [&](OpBuilder &builder, ValueRange args) {
    return normalizer.finish(builder, loc, type, base, args.take_front(numStates), args.drop_front(numStates));
  });
  auto terms = compileProgram(op, program->hasMaximum + 1, [&](OpBuilder &builder, ValueRange args) {
    Value max = program->hasMaximum ? args.front() : Value();
    Value weight = normalizer.weight(builder, loc, base, args.drop_back(), buildOne(builder, loc, type), args.back());
    return normalizer.terms(builder, loc, base, max, weight, args.back());
  });
  auto weight = compileProgram(op, numStates + 2, [&](OpBuilder &builder, ValueRange args) {
    return SmallVector<Value>{
        normalizer.weight(builder, loc, base, args.take_front(numStates), args[numStates], args.back())};
  });
  if (failed(finish) || failed(terms) || failed(weight))
    return failure();
  program->finish = std::move(*finish);
  program->terms = std::move(*terms);
  program->weight = std::move(*weight);

  reference::CustomNormalizer custom;
  llvm::raw_string_ostream(custom.name) << op.getNormalizer();
  custom.numOperands = numOperands;
  custom.hasMaximum = program->hasMaximum;
  custom.definesLse = normalizer.defines(ResultKind::Lse);
  custom.definesMax = normalizer.defines(ResultKind::Max);
  custom.definesEntropy = normalizer.defines(ResultKind::Entropy);
  custom.weigh = [program](const std::vector<Approximate> &scores, reference::Span<double> operands,
                           reference::Roundings roundings) {
    return program->weigh(scores, ArrayRef(operands.begin(), operands.size()), roundings);
  };
  return custom;
}
