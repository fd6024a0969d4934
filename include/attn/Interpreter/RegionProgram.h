// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Scalar code (arith, math, tensor.extract, attn.index) turned into a list of instructions, because regions of
// attention ops run once per pair of a query and a key.
#ifndef ATTN_INTERPRETER_REGIONPROGRAM_H
#define ATTN_INTERPRETER_REGIONPROGRAM_H

#include "attn/Interpreter/Values.h"

#include "mlir/IR/Operation.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"

namespace attn {

struct Instruction;
/// Computes one instruction from the values of all slots.
using InstructionFn = Scalar (*)(const Instruction &, const Scalar *slots, const int64_t *position);

struct Instruction {
  InstructionFn run;
  /// Slots of result and operands.
  unsigned result, operands[3];
  unsigned numOperands = 0;
  /// How many roundings a kernel adds here, each relative to the result.
  double roundings = 0;
  /// Width of the integers it works on, in bits; the loop of attn.index; the predicate of a comparison.
  unsigned width = 64, number = 0;
  /// For tensor.extract: the table, and the slots of its indices.
  const TensorValue *table = nullptr;
  /// How far the elements of the table may be off, as a table; null: not at all.
  std::shared_ptr<const TensorValue> tableErrors;
  llvm::SmallVector<unsigned, 4> indices;
};

/// `instruction` for `op`, with operands in slots `slots` and no result slot; failure() for ops it does not know.
mlir::FailureOr<Instruction> encodeScalarOp(mlir::Operation *op, llvm::ArrayRef<unsigned> slots);

/// The value of an attribute of arith.constant: a number, or failure().
mlir::FailureOr<Scalar> getScalar(mlir::Attribute attribute);

/// A block of scalar code that ends in a yield.
class RegionProgram {
public:
  /// Compiles `block`. Arguments in `bound`, and values from outside of it, have the values given there for good; the
  /// other arguments are passed to run() in order. Emits an error and fails on ops it does not know. Tensors in `bound`
  /// must outlive the program.
  static mlir::FailureOr<RegionProgram> compile(mlir::Block &block,
                                                const llvm::DenseMap<mlir::Value, RuntimeValue> &bound);

  /// The yielded value number `result`, after run().
  Scalar getResult(unsigned result = 0) const { return slots[results[result]]; }
  unsigned getNumResults() const { return results.size(); }

  /// The slot of argument number `argument` among those that are not bound.
  Scalar &getArgument(unsigned argument) { return slots[argument]; }
  unsigned getNumArguments() const { return numArguments; }

  /// Runs on the arguments stored before. `position` holds the position along each loop, for attn.index.
  void run(const int64_t *position);

  /// As run(), and says how far a kernel's values may be off whose arguments are off by what getArgumentError() was set
  /// to and whose every rounding errs by `unit`, relative to its result. Each instruction is tried with its operands at
  /// the ends of their ranges: exact for what is monotonic in each operand, else to first order. A comparison that may
  /// turn out either way makes a selection cover both sides; where one end is NaN or infinite alone, the error is
  /// infinite.
  void runWithErrors(const int64_t *position, double unit);
  double &getArgumentError(unsigned argument) { return errors[argument]; }
  /// Of the yielded value number `result`, after runWithErrors().
  double getError(unsigned result = 0) const { return errors[results[result]]; }

  /// How many roundings a value goes through at most on its way: one for each float operation, five for a function.
  double countRoundings() const { return roundings; }

private:
  std::vector<Instruction> instructions;
  enum class Kind : char { Float, Bool, Integer };
  double getDeviation(const Instruction &instruction, Scalar exact, const int64_t *position);

  std::vector<Scalar> slots;
  /// By slot.
  std::vector<Kind> kinds;
  std::vector<double> errors;
  llvm::SmallVector<unsigned> results;
  unsigned numArguments = 0;
  double roundings = 0;
};

} // namespace attn

#endif // ATTN_INTERPRETER_REGIONPROGRAM_H
