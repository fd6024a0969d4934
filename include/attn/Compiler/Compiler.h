// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The compiler as a library: from a module of any stage to text, an object or a shared library. attn-compile writes
// what these functions return; attn-run loads it. There is no second way to an object.
#ifndef ATTN_COMPILER_COMPILER_H
#define ATTN_COMPILER_COMPILER_H

#include "attn/Compiler/TargetMachine.h"
#include "attn/Target/CPU/KernelSignature.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/LLVM.h"

#include <functional>
#include <string>
#include <vector>

namespace attn {

/// What is made of a module.
enum class Emit { Mlir, Llvm, Asm, Object, Shared, Header, Ptx, Cubin };

struct CompileOptions {
  Target target;
  /// With a chip, kernels are for this GPU, and what the host runs of them for `target`.
  GPUDescription gpu;
  /// When there are several, an object or LLVM IR holds the kernels once for each of them instead of for `gpu`, and
  /// each call asks its caller which of them the device is to run.
  std::vector<GPUDescription> chips;
  /// Whether objects for a GPU hold its code, or only what the host does.
  bool embedImages = true;
  /// Whether that is machine code (which needs ptxas) instead of PTX.
  bool embedMachineCode = false;
  /// When there are several, an object, assembly or LLVM IR holds the kernels once for each of them instead of for
  /// `target`, and each call goes to the last of them that the machine can run.
  std::vector<Target> levels;
  /// The stage that the module is in: those up to it are not run, and its promise is checked.
  Stage startAfter = Stage::Import;
  /// LLVM's optimisation level, 0 to 3.
  unsigned optLevel = 3;
  /// Line tables that point into the MLIR source.
  bool debugInfo = false;
  /// Adds the MLIR timing and IR printing of the command line to pass managers.
  bool applyCommandLine = false;
};

/// A compiled module: machine code in ELF, and the kernels in it.
struct CompiledModule {
  std::string object;
  std::vector<KernelSignature> kernels;
  /// Kernels of a GPU: a module of gpu.modules in the nvvm dialect; null for a CPU.
  mlir::OwningOpRef<mlir::ModuleOp> device;
};

/// Runs the stages after options.startAfter up to `last` on `module`. A module that is already in the llvm dialect is
/// left as it is.
mlir::LogicalResult lowerToStage(mlir::ModuleOp module, Stage last, const CompileOptions &options);

/// Runs the stages up to `plan`, then prints to `os` what `what` asks for (addExplanation()).
mlir::LogicalResult explain(mlir::ModuleOp module, const Explain &what, const CompileOptions &options,
                            llvm::raw_ostream &os);

/// Lowers `module` to an ELF object whose only global symbols are the entry points of its
/// kernels. Fails with a diagnostic on `module`, also when it has no kernel or the object would need other symbols.
mlir::FailureOr<CompiledModule> compileToObject(mlir::ModuleOp module, const CompileOptions &options);

/// As compileToObject(), but returns the text of LLVM IR after optimisation (Emit::Llvm) or assembly (Emit::Asm).
mlir::FailureOr<std::string> compileToText(mlir::ModuleOp module, Emit kind, const CompileOptions &options);

/// For a GPU: PTX (Emit::Ptx), machine code (Emit::Cubin) or LLVM IR (Emit::Llvm) of the one kernel of `module`.
mlir::FailureOr<std::string> compileForDevice(mlir::ModuleOp module, Emit kind, const CompileOptions &options);

/// The C header of the kernels: self-contained, documented, with an example call of each.
std::string makeHeader(llvm::ArrayRef<KernelSignature> kernels, const CompileOptions &options);

/// Links an object into a shared library at `path`, by ld.lld or else a C compiler found on PATH. Nothing is at `path`
/// unless all went well.
llvm::Error linkSharedLibrary(llvm::StringRef object, llvm::StringRef path);

} // namespace attn

#endif // ATTN_COMPILER_COMPILER_H
