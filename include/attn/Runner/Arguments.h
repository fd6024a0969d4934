// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The arguments of one call: from what the command line says to views and scalars.
#ifndef ATTN_RUNNER_ARGUMENTS_H
#define ATTN_RUNNER_ARGUMENTS_H

#include "attn/Runner/Specs.h"
#include "attn/Runner/TensorBuffer.h"

#include "attn/Compiler/Compiler.h"
#include "attn/Interpreter/Interpreter.h"

#include "llvm/ADT/StringMap.h"

namespace attn {

/// What the command line says about arguments, by name.
struct ArgumentSettings {
  llvm::StringMap<std::vector<int64_t>> shapes;
  llvm::StringMap<ScalarValue> scalars;
  /// Files to read inputs from and to write outputs to.
  llvm::StringMap<std::string> inputs, outputs;
  /// In order: later ones overwrite.
  std::vector<std::pair<std::string, FillSpec>> fills;
  Placement placement = Placement::Dense;
  uint64_t seed = 1;
};

/// Computes the sizes of outputs from arguments that have theirs, or fails with a diagnostic.
using InferOutputSizes =
    llvm::function_ref<mlir::FailureOr<std::vector<std::vector<int64_t>>>(llvm::ArrayRef<RuntimeValue>)>;

/// The arguments of one call, in the order of the kernel's signature.
class Arguments {
public:
  /// Makes all arguments. Sizes come from --shape, --input, the signature and, for outputs, from `inferOutputSizes`
  /// (null: they must be given). Inputs without file or fill are random: floats in [-1, 1), truth values true three
  /// times in four, integers 0 to 3.
  static llvm::Expected<std::unique_ptr<Arguments>>
  create(const KernelSignature &signature, const ArgumentSettings &settings, InferOutputSizes inferOutputSizes);

  /// What LoadedKernel::call() takes.
  llvm::ArrayRef<const void *> getPointers() const { return pointers; }
  /// The buffer of argument `index`; null for scalars.
  TensorBuffer *getBuffer(size_t index) const { return arguments[index].buffer.get(); }
  /// Inputs and scalars as values for the interpreter: what an inout held before the call.
  llvm::SmallVector<RuntimeValue> getInterpreterValues() const;
  /// "q f32 1x12x77x64, off i32 3, .."
  std::string describe() const;
  /// Bytes of all elements of all tensors.
  double countBytes() const;
  /// Names of arguments whose memory was written though it must not be, joined; empty if there is none.
  std::string findDamage();

private:
  struct Argument {
    const KernelArgument *description;
    std::unique_ptr<TensorBuffer> buffer;
    /// Elements of an inout before the call.
    std::vector<double> before;
    ScalarValue number;
    char scalar[8] = {};
  };

  llvm::Error addScalar(const KernelArgument &description, const ArgumentSettings &settings);
  llvm::Error addTensor(const KernelArgument &description, std::vector<int64_t> sizes,
                        const ArgumentSettings &settings);
  llvm::Error fill(TensorBuffer &buffer, const KernelArgument &description, const ArgumentSettings &settings);

  std::vector<Argument> arguments;
  std::vector<const void *> pointers;
};

} // namespace attn

#endif // ATTN_RUNNER_ARGUMENTS_H
