// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The compiler as Python sees it. Nothing here touches a Python object, so all of it runs without the interpreter lock.
#ifndef ATTN_PYTHON_MODULE_H
#define ATTN_PYTHON_MODULE_H

#include "Diagnostics.h"
#include "Kernel.h"

#include "attn/Compiler/Compiler.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace attn::python {

/// What compile() makes of a module.
struct Compiled {
  std::string object, header;
  std::vector<std::shared_ptr<Kernel>> kernels;
  std::vector<std::string> descriptions; // JSON, one for each kernel
};

/// A module that never changes: what lowers it works on a copy.
class Module {
public:
  /// Parses and verifies MLIR text; `file` is its name in diagnostics, `stage` the stage that left it.
  static std::shared_ptr<Module> parse(const std::string &text, const std::string &file, const std::string &stage);
  ~Module();

  /// Names of the public functions, which become kernels.
  std::vector<std::string> getFunctions() const;
  std::string toString() const;
  /// The name of the stage that left the module; "import" for what people write.
  std::string getStage() const;
  /// The text after a stage of attn-compile --stop-after, or as "llvm" (LLVM IR) or "asm" (assembly).
  std::string lower(const std::string &stage, const std::string &cpu) const;
  /// A new module: this one after the stages that follow its own, up to and with `stage`.
  std::shared_ptr<Module> runStages(const std::string &stage, const std::string &cpu) const;
  /// A new module of the same stage: this one after "builtin.module(...)".
  std::shared_ptr<Module> runPipeline(const std::string &pipeline) const;
  /// What the plan stage understood and decided for the processor, printed.
  std::string explain(const Explain &what, const std::string &cpu) const;
  /// `cpus` as attn-compile --cpu takes them: of several, each call goes to the last that the machine can run.
  Compiled compile(const std::vector<std::string> &cpus, unsigned optLevel) const;

private:
  /// Modules that came from one another share a context, which one thread at a time may use.
  struct Context {
    Context();
    mlir::MLIRContext mlir;
    std::mutex mutex;
  };
  struct Work;
  Module(std::shared_ptr<Context> context, std::string file, std::string text, Stage stage);
  /// Options for the stages from here to `last`; throws std::invalid_argument if that is before the module's own.
  CompileOptions makeOptions(const std::string &cpu, Stage last) const;

  std::shared_ptr<Context> context;
  std::string file, text;
  Stage stage;
  mutable mlir::OwningOpRef<mlir::ModuleOp> op; // mutable: MLIR knows no const ops
};

/// All kernels of a shared library, by name.
std::vector<std::shared_ptr<Kernel>> loadLibrary(const std::string &path);

/// Links an object of compile() into a shared library at `path`.
void linkLibrary(const std::string &object, const std::string &path);

} // namespace attn::python

#endif // ATTN_PYTHON_MODULE_H
