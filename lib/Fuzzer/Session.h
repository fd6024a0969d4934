// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All cases of one run of attn-fuzz: tried in processes of their own, findings traced to a stage, saved and counted.
#ifndef ATTN_LIB_FUZZER_SESSION_H
#define ATTN_LIB_FUZZER_SESSION_H

#include "CaseFile.h"
#include "FuzzKernel.h"
#include "Pool.h"

namespace attn {

struct SessionOptions {
  CompileOptions compile;
  int processes = 2, timeoutSeconds = 120;
  /// Also compares each call at every stage.
  bool allStages = false;
  Fault fault = Fault::None;
  /// Where findings are saved, empty: nowhere.
  std::string saveDirectory;
  /// Shrinks findings by the attn-reduce of this folder; empty: does not.
  std::string programs;
};

/// A kernel with its calls.
struct KernelOnTrial {
  CaseFile file;
  /// Refusals that are none of the compiler's mistakes here.
  std::vector<RefusalKind> expected;
  /// How to repeat a call, and a name for its file: "--seed=7 --case=12", "seed7-case12".
  std::vector<std::string> commands, names;
};

struct Finding {
  std::string command, stage, what, file;
};

struct Summary {
  /// Sound calls, kernels, and calls with mistakes that were refused as they must be.
  int64_t executed = 0, kernels = 0, spoilt = 0;
  /// The kernel that took longest to compile, with what its reference takes to prepare.
  std::string slowest;
  int64_t slowestMilliseconds = 0;
  std::map<RefusalKind, int64_t> refused;
  /// All calls that went wrong, of which `findings` holds one for each kernel.
  int64_t wrong = 0;
  std::vector<Finding> findings;

  std::string print() const;
  std::string printJson() const;
};

class Session {
public:
  Session(const mlir::DialectRegistry &registry, SessionOptions options);

  void add(KernelOnTrial kernel);
  /// Tries all of them; findings are printed as they come.
  Summary run();

private:
  struct State;
  void addTrial(std::shared_ptr<State> state, size_t firstCall);
  void addFinding(const std::shared_ptr<State> &state, size_t call, std::string stage, std::string what);
  void addTrace(std::shared_ptr<State> state, size_t call, std::string what);
  void save(const State &state, size_t call, Finding finding);

  const mlir::DialectRegistry &registry;
  SessionOptions options;
  Pool pool;
  Summary summary;
};

} // namespace attn

#endif // ATTN_LIB_FUZZER_SESSION_H
