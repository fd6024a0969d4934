// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What attn-compile and attn-run share beside the compiler: messages, files and the command line.
#ifndef ATTN_COMPILER_TOOL_H
#define ATTN_COMPILER_TOOL_H

#include "attn/Pipelines/Pipelines.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

namespace attn {

/// Prints "TOOL: error: message" and returns 1, the exit status.
int reportError(llvm::StringRef tool, const llvm::Twine &message);

/// Writes a file in one step: on failure, which is reported, it is as it was before.
mlir::LogicalResult writeFile(llvm::StringRef tool, llvm::StringRef path, llvm::StringRef contents);

/// Takes these names from options that LLVM's libraries registered for themselves ("stop-after" belongs to its code
/// generator): two options of one name abort the program.
void releaseOptionNames(llvm::ArrayRef<llvm::StringRef> names);

/// An option whose value is a stage.
struct StageOption : llvm::cl::opt<Stage> {
  StageOption(llvm::StringRef name, llvm::StringRef description, Stage initial, llvm::cl::OptionCategory &category);
};

/// Parses the command line. `--help` lists only options of `category`, `--version` names `tool`.
void parseCommandLine(int argc, char **argv, llvm::StringRef tool, llvm::cl::OptionCategory &category,
                      llvm::StringRef overview);

/// A parsed input file with the context that it lives in and diagnostics that quote it.
struct Input {
  explicit Input(const mlir::DialectRegistry &registry) : context(registry) {
    // Errors quote the line of the input instead; late in compilation an op is pages long.
    context.printOpOnDiagnostic(false);
  }
  /// Reads and parses `path` ("-" is standard input); errors are reported.
  mlir::LogicalResult parse(llvm::StringRef tool, llvm::StringRef path);

  mlir::MLIRContext context;
  llvm::SourceMgr sources;
  std::unique_ptr<mlir::SourceMgrDiagnosticHandler> diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

} // namespace attn

#endif // ATTN_COMPILER_TOOL_H
