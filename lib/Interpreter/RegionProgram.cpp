// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Interpreter/RegionProgram.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

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
    }
    program.roundings += getRoundings(op);
    instruction->result = addSlot(op.getResult(0));
    program.instructions.push_back(std::move(*instruction));
  }
  return program;
}

void RegionProgram::run(const int64_t *position) {
  for (const Instruction &instruction : instructions)
    slots[instruction.result] = instruction.run(instruction, slots.data(), position);
}
