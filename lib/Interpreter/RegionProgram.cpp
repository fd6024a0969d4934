// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Interpreter/RegionProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace attn;

/// Roundings that an op adds to what it computes. Functions count five: an implementation in f32 errs by a few units.
static double getRoundings(Operation &op) {
  if (!isa<FloatType>(op.getResult(0).getType()))
    return 0;
  if (isa<math::AbsFOp, math::CopySignOp, arith::NegFOp, arith::SelectOp, arith::ExtFOp, tensor::ExtractOp,
          arith::MaximumFOp, arith::MinimumFOp, arith::MaxNumFOp, arith::MinNumFOp>(op))
    return 0;
  if (isa<math::FmaOp, math::SqrtOp>(op))
    return 1;
  return isa_and_present<math::MathDialect>(op.getDialect()) ? 5 : 1;
}

FailureOr<RegionProgram> RegionProgram::compile(Block &block, const DenseMap<Value, RuntimeValue> &bound) {
  RegionProgram program;
  DenseMap<Value, unsigned> slotOf;
  auto addSlot = [&](Value value) {
    unsigned slot = program.slots.size();
    program.slots.push_back(Scalar::ofInteger(0));
    program.errors.push_back(0);
    Type type = value.getType();
    program.kinds.push_back(isa<FloatType>(type)        ? Kind::Float
                            : type.isSignlessInteger(1) ? Kind::Bool
                                                        : Kind::Integer);
    slotOf[value] = slot;
    return slot;
  };
  for (BlockArgument argument : block.getArguments())
    if (!bound.contains(argument))
      addSlot(argument);
  program.numArguments = program.slots.size();
  auto getSlot = [&](Value value) -> std::optional<unsigned> {
    if (auto it = slotOf.find(value); it != slotOf.end())
      return it->second;
    auto it = bound.find(value);
    if (it == bound.end())
      return std::nullopt;
    unsigned slot = addSlot(value);
    program.slots[slot] = it->second.scalar;
    return slot;
  };

  for (Operation &op : block) {
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      FailureOr<Scalar> value = getScalar(constant.getValue());
      if (failed(value))
        return op.emitError() << "cannot interpret this constant";
      program.slots[addSlot(constant)] = *value;
      continue;
    }
    SmallVector<unsigned> operands;
    for (Value operand : op.getOperands()) {
      std::optional<unsigned> slot = getSlot(operand);
      if (!slot)
        return op.emitError() << "cannot interpret an operand from outside of the region";
      operands.push_back(*slot);
    }
    if (op.hasTrait<OpTrait::IsTerminator>()) {
      program.results = std::move(operands);
      break;
    }
    FailureOr<Instruction> instruction = encodeScalarOp(&op, operands);
    if (failed(instruction))
      return op.emitError() << "cannot interpret '" << op.getName() << "' in a region";
    if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
      auto it = bound.find(extract.getTensor());
      if (it == bound.end() || !it->second.tensor)
        return op.emitError() << "cannot interpret reads of this tensor";
      instruction->table = it->second.tensor.get();
      if (!instruction->table->tolerances.empty()) {
        auto tableErrors = std::make_shared<TensorValue>(*instruction->table);
        tableErrors->values = tableErrors->tolerances;
        instruction->tableErrors = std::move(tableErrors);
      }
    }
    instruction->roundings = getRoundings(op);
    program.roundings += instruction->roundings;
    instruction->result = addSlot(op.getResult(0));
    program.instructions.push_back(std::move(*instruction));
  }
  return program;
}

void RegionProgram::run(const int64_t *position) {
  for (const Instruction &instruction : instructions)
    slots[instruction.result] = instruction.run(instruction, slots.data(), position);
}

/// How far `moved` is from `exact`; infinite where only one of them is a finite number or a NaN.
static double getDistance(double exact, double moved) {
  if (std::isnan(exact) || std::isnan(moved))
    return std::isnan(exact) == std::isnan(moved) ? 0 : std::numeric_limits<double>::infinity();
  return exact == moved ? 0 : std::fabs(moved - exact);
}

double RegionProgram::getDeviation(const Instruction &instruction, Scalar exact, const int64_t *position) {
  // Slots, not operands: x * x moves both of its operands alike.
  SmallVector<unsigned, 3> uncertain;
  for (unsigned slot : ArrayRef(instruction.operands).take_front(instruction.numOperands))
    if (errors[slot] > 0 && !llvm::is_contained(uncertain, slot))
      uncertain.push_back(slot);
  SmallVector<Scalar, 3> values = llvm::map_to_vector<3>(uncertain, [&](unsigned slot) { return slots[slot]; });
  double deviation = 0;
  for (unsigned corner = 0; !uncertain.empty() && corner < (1u << uncertain.size()); ++corner) {
    for (auto [number, slot] : llvm::enumerate(uncertain)) {
      double sign = corner >> number & 1 ? 1 : -1;
      if (kinds[slot] == Kind::Float)
        slots[slot].f = values[number].f + sign * errors[slot];
      else if (kinds[slot] == Kind::Bool)
        slots[slot].i = sign > 0;
      else
        slots[slot].i = values[number].i + static_cast<int64_t>(sign * errors[slot]);
    }
    Scalar moved = instruction.run(instruction, slots.data(), position);
    deviation = std::max(deviation, kinds[instruction.result] == Kind::Float
                                        ? getDistance(exact.f, moved.f)
                                        : std::fabs(static_cast<double>(moved.i) - static_cast<double>(exact.i)));
  }
  for (auto [slot, value] : llvm::zip_equal(uncertain, values))
    slots[slot] = value;
  return deviation;
}

void RegionProgram::runWithErrors(const int64_t *position, double unit) {
  for (const Instruction &instruction : instructions) {
    Scalar exact = instruction.run(instruction, slots.data(), position);
    double error = getDeviation(instruction, exact, position);
    if (instruction.tableErrors) {
      Instruction look = instruction;
      look.table = instruction.tableErrors.get();
      error += look.run(look, slots.data(), position).f;
    }
    if (kinds[instruction.result] == Kind::Float && std::isfinite(exact.f))
      error += instruction.roundings * unit * std::fabs(exact.f);
    slots[instruction.result] = exact;
    errors[instruction.result] = error;
  }
}
