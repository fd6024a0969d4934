// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A kernel that the compiler wrote, stopped at two stages on its way so that tests can change it there.
#ifndef ATTN_UNITTESTS_EMULATOR_COMPILEDKERNEL_H
#define ATTN_UNITTESTS_EMULATOR_COMPILEDKERNEL_H

#include "attn/Compiler/Compiler.h"
#include "attn/Emulator/Emulator.h"

#include "mlir/IR/MLIRContext.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace attn::test {

/// Where a kernel is changed: as tiles of a block in the fragment dialect, before fetches are pipelined, or as what one
/// thread does, in the llvm and nvvm dialects.
enum class Level { Tiles, Thread };

/// Changes a kernel; false where it found nothing to change.
using Change = bool (*)(mlir::ModuleOp kernel);

/// What calls of a kernel came to.
struct Outcome {
  /// What went wrong on the way to a kernel, or in calling it; empty where calls were made.
  std::string error;
  /// Names of detectors, "numbers" where a result is beyond the error budget, "bank conflicts", and "element loads"
  /// where a kernel that should copy tiles reads global memory element by element.
  std::set<std::string> caught;
  /// For people: reports of the emulator, and the comparison with float64.
  std::string text;
};

class CompiledKernel {
public:
  /// Compiles the function of `text` for an emulated GPU.
  explicit CompiledKernel(const std::string &text);
  ~CompiledKernel();
  /// What went wrong on the way, if anything did.
  const std::string &getError() const { return error; }

  /// Changes a copy of the kernel, if `change` is given, and makes the call that `words` describe as the command line
  /// of attn-run does: with copies that land late and at once, in two orders of threads.
  Outcome run(const std::vector<std::string> &words, Level level = Level::Tiles, Change change = nullptr);

private:
  struct Loaded;
  bool load(Level level, Change change, Loaded &loaded, std::string &problem);
  void call(const Loaded &loaded, const std::vector<std::string> &words, emulator::Landing landing, uint64_t seed,
            Outcome &outcome);

  mlir::MLIRContext context;
  CompileOptions options;
  std::string error, diagnostics;
  /// What is judged by, and the kernel at both levels.
  mlir::OwningOpRef<mlir::ModuleOp> meaning, tiles, thread;
};

} // namespace attn::test

#endif // ATTN_UNITTESTS_EMULATOR_COMPILEDKERNEL_H
