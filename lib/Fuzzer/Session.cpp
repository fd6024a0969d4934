// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Session.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <ctime>

using namespace attn;

/// A kernel while it is tried.
struct Session::State {
  KernelOnTrial kernel;
  /// The stage that runs, and the call; no call while compiling.
  std::string stage;
  std::optional<size_t> call;
  /// Whether a finding of this kernel has been traced and saved.
  bool hasFinding = false;
};

Session::Session(const mlir::DialectRegistry &registry, SessionOptions sessionOptions)
    : registry(registry), options(std::move(sessionOptions)), pool(options.processes, options.timeoutSeconds) {}

void Session::add(KernelOnTrial kernel) {
  auto state = std::make_shared<State>();
  state->kernel = std::move(kernel);
  addTrial(std::move(state), 0);
}

Summary Session::run() {
  pool.run();
  return std::move(summary);
}

/// What is wrong with one call of a compiled kernel; empty if nothing is.
static std::string tryCall(Trial &trial, const std::vector<std::string> &words, bool allStages) {
  llvm::Expected<CallSettings> settings = parseCallSettings(words);
  if (!settings)
    return llvm::toString(settings.takeError());
  std::string wrong = trial.prepare(*settings);
  if (wrong.empty())
    wrong = trial.run();
  if (wrong.empty())
    wrong = trial.runSpoilt();
  if (wrong.empty() && allStages) {
    auto [stage, what] = trial.findStage([](llvm::StringRef) {});
    if (!what.empty())
      wrong = "stage " + stage + " alone: " + what;
  }
  return wrong;
}

// Reports: G stage that begins, R refusal, C compiled in so many milliseconds of the processor, B call that begins, P
// call passed, F call failed, S stage at fault.
void Session::addTrial(std::shared_ptr<State> state, size_t firstCall) {
  Job job;
  job.body = [this, state, firstCall](const Reporter &report) {
    Trial trial(registry, options.compile, options.fault);
    auto progress = [&](llvm::StringRef stage) { report('G', 0, stage.str()); };
    std::clock_t start = std::clock();
    if (!trial.compile(state->kernel.file.input, progress))
      return report('R', 0, trial.getDiagnostics());
    report('C', (std::clock() - start) * 1000 / CLOCKS_PER_SEC, "");
    for (size_t call = firstCall; call < state->kernel.file.calls.size(); ++call) {
      report('B', call, "");
      std::string wrong = tryCall(trial, state->kernel.file.calls[call], options.allStages);
      report(wrong.empty() ? 'P' : 'F', call, wrong);
    }
  };
  job.onReport = [this, state, firstCall](char kind, int64_t number, const std::string &text) {
    if (kind == 'G') {
      state->stage = text;
    } else if (kind == 'C' && firstCall == 0) {
      ++summary.kernels;
      if (number > summary.slowestMilliseconds) {
        summary.slowestMilliseconds = number;
        summary.slowest = state->kernel.commands.front();
      }
    } else if (kind == 'R') {
      std::optional<RefusalKind> refusal = findRefusal(text);
      if (refusal && llvm::is_contained(state->kernel.expected, *refusal))
        ++summary.refused[*refusal];
      else
        addFinding(state, 0, state->stage, "refused: " + text);
    } else if (kind == 'B') {
      state->call = number;
    } else if (kind == 'P' || kind == 'F') {
      state->call.reset();
      ++summary.executed;
      if (kind == 'F')
        addTrace(state, number, text);
      else if (state->kernel.file.chip.empty())
        summary.spoilt += Trial::kSpoiltCalls;
    }
  };
  job.onEnd = [this, state](const Ending &ending) {
    if (ending.isClean())
      return;
    if (!state->call)
      return addFinding(state, 0, state->stage, "the compiler " + ending.describe());
    size_t call = *state->call;
    state->call.reset();
    ++summary.executed;
    addTrace(state, call, "the kernel " + ending.describe());
    if (call + 1 < state->kernel.file.calls.size())
      addTrial(state, call + 1);
  };
  pool.add(std::move(job));
}

void Session::addTrace(std::shared_ptr<State> state, size_t call, std::string what) {
  if (state->hasFinding) {
    ++summary.wrong;
    return;
  }
  state->hasFinding = true;
  // What no stage gets wrong, LLVM does; of a kernel for a GPU fewer stages are tried.
  bool isForCPU = state->kernel.file.chip.empty();
  auto stage = std::make_shared<std::string>(isForCPU ? "emit" : "linalg or later"),
       running = std::make_shared<std::string>();
  Job job;
  job.body = [this, state, call](const Reporter &report) {
    Trial trial(registry, options.compile, options.fault);
    auto silent = [](llvm::StringRef) {};
    llvm::Expected<CallSettings> settings = parseCallSettings(state->kernel.file.calls[call]);
    if (!settings || !trial.compile(state->kernel.file.input, silent) || !trial.prepare(*settings).empty())
      return llvm::consumeError(settings.takeError()), report('S', 0, "none: the call cannot be made");
    auto [wrong, how] = trial.findStage([&](llvm::StringRef next) { report('G', 0, next.str()); });
    if (!how.empty())
      report('S', 0, wrong);
  };
  job.onReport = [stage, running](char kind, int64_t, const std::string &text) {
    *(kind == 'S' ? stage : running) = text;
  };
  job.onEnd = [this, state, call, what, stage, running](const Ending &ending) {
    state->hasFinding = false;
    addFinding(state, call, ending.isClean() ? *stage : *running, what);
  };
  pool.addFirst(std::move(job));
}

void Session::addFinding(const std::shared_ptr<State> &state, size_t call, std::string stage, std::string what) {
  state->hasFinding = true;
  ++summary.wrong;
  save(*state, call, {state->kernel.commands[call], std::move(stage), std::move(what), ""});
}

void Session::save(const State &state, size_t call, Finding finding) {
  llvm::raw_ostream &os = llvm::outs();
  os << "finding: stage " << finding.stage << ": " << finding.what << "\n  again: attn-fuzz " << finding.command
     << '\n';
  if (!options.saveDirectory.empty()) {
    CaseFile file = state.kernel.file;
    file.calls = {file.calls[call]};
    auto path = writeCase(options.saveDirectory, state.kernel.names[call], file,
                          "Found by attn-fuzz " + finding.command + ", stage " + finding.stage + ":\n" + finding.what);
    if (!path) {
      os << "  not saved: " << llvm::toString(path.takeError()) << '\n';
    } else {
      finding.file = *path;
      os << "  saved: " << *path << '\n';
      if (!options.programs.empty()) {
        // The kind of what was found, without its numbers.
        llvm::StringRef words = llvm::StringRef(finding.what).split(':').first.split('(').first;
        auto reduced = reduceCase(*path, words, options.programs);
        os << "  reduced: " << (reduced ? *reduced : llvm::toString(reduced.takeError())) << '\n';
      }
    }
  }
  os.flush();
  summary.findings.push_back(std::move(finding));
}

std::string Summary::print() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << executed << " cases executed on " << kernels << " kernels, " << spoilt << " calls with mistakes refused\n";
  for (auto &[kind, count] : refused)
    for (const Refusal &refusal : getRefusals())
      if (refusal.kind == kind)
        os << count << (count == 1 ? " kernel" : " kernels") << " refused: \"" << refusal.words << "\", as "
           << refusal.reason << '\n';
  if (kernels > 0)
    os << "slowest to compile: " << llvm::format("%.1f", slowestMilliseconds / 1000.0) << " s, attn-fuzz " << slowest
       << '\n';
  os << findings.size() << (findings.size() == 1 ? " finding" : " findings");
  if (wrong > static_cast<int64_t>(findings.size()))
    os << " (" << wrong << " cases)";
  os << '\n';
  return text;
}

std::string Summary::printJson() const {
  llvm::json::Object refusals;
  for (auto &[kind, count] : refused)
    for (const Refusal &refusal : getRefusals())
      if (refusal.kind == kind)
        refusals[refusal.words] = count;
  llvm::json::Array list;
  for (const Finding &finding : findings)
    list.push_back(llvm::json::Object{{"command", finding.command},
                                      {"stage", finding.stage},
                                      {"what", llvm::json::fixUTF8(finding.what)},
                                      {"file", finding.file}});
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(llvm::json::Object{{"executed", executed},
                                                                         {"kernels", kernels},
                                                                         {"spoilt", spoilt},
                                                                         {"refused", std::move(refusals)},
                                                                         {"slowest", slowest},
                                                                         {"slowest_ms", slowestMilliseconds},
                                                                         {"wrong", wrong},
                                                                         {"findings", std::move(list)}})
                                 << '\n';
  return text;
}
