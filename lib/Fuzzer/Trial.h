// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A kernel on trial: compiled stage by stage, called, judged, and where it fails traced back to a stage. Everything
// here runs in a process of its own that may crash or never end.
#ifndef ATTN_LIB_FUZZER_TRIAL_H
#define ATTN_LIB_FUZZER_TRIAL_H

#include "NaiveKernel.h"

#include "attn/Compiler/Compiler.h"
#include "attn/Emulation/EmulatedModule.h"
#include "attn/Runner/CallSettings.h"
#include "attn/Runner/KernelLoader.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <map>

namespace attn {

/// What a trial starts from.
struct TrialInput {
  std::string text;
  /// The same function in attn.generic; empty where `text` is that already.
  std::string reference;
};

/// A fault to put into a kernel, so that tests see it found.
enum class Fault { None, Normalize, Plan, Tile, Linalg, Target, Emit, Crash, Hang };

/// Says where a trial is: the stage that is about to run.
using Progress = llvm::function_ref<void(llvm::StringRef stage)>;

class Trial {
public:
  Trial(const mlir::DialectRegistry &registry, const CompileOptions &options, Fault fault);

  /// Compiles `input`. False if the compiler refuses; getDiagnostics() then says why.
  bool compile(const TrialInput &input, Progress progress);
  const std::string &getDiagnostics() const { return diagnostics; }

  /// Makes the arguments of a call. Returns what is wrong, empty if nothing is.
  std::string prepare(const CallSettings &settings);

  /// Calls the kernel as prepared. Returns what is wrong with its results, empty if nothing is.
  std::string run();

  /// Makes the call with mistakes in it, kSpoiltCalls times. Returns what is wrong with how the kernel refuses them,
  /// empty if nothing is. Kernels for a GPU have another C interface, and no such calls.
  std::string runSpoilt();
  static constexpr int kSpoiltCalls = 2;

  /// Makes the call on what each stage left, in order, and returns the first stage that is wrong with what it got
  /// wrong; empty strings if none is. `progress` says which stage is next. Of a kernel for a GPU, only stages up to
  /// tile have a meaning for naive decomposition.
  std::pair<std::string, std::string> findStage(Progress progress);

private:
  mlir::LogicalResult compileStages(mlir::ModuleOp module, Progress progress);
  mlir::LogicalResult prepareMeaning(const TrialInput &input);
  std::string judge(Arguments &arguments);
  std::string runNaively(Stage stage);

  mlir::MLIRContext context;
  CompileOptions options;
  Fault fault;
  std::string diagnostics;
  /// What each stage left.
  std::map<Stage, mlir::OwningOpRef<mlir::ModuleOp>> stages;
  std::map<Stage, std::unique_ptr<NaiveKernel>> naive;
  /// The function that says what the kernel computes.
  mlir::OwningOpRef<mlir::ModuleOp> meaning;
  KernelSignature signature;
  std::unique_ptr<LoadedKernel> kernel;
  /// The device's half of a kernel for a GPU.
  std::unique_ptr<EmulatedModule> device;
  /// Of the call.
  std::unique_ptr<Arguments> arguments;
  CallSettings settings;
};

/// The name of a stage as a command line has it.
llvm::StringRef getStageName(Stage stage);

/// Changes what `module`, which `stage` left, computes.
void injectFault(mlir::ModuleOp module, Stage stage);

} // namespace attn

#endif // ATTN_LIB_FUZZER_TRIAL_H
