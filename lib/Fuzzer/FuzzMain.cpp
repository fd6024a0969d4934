// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The program attn-fuzz: random attention, compiled, called and compared with its definition.
#include "attn/Fuzzer/FuzzMain.h"

#include "Session.h"

#include "attn/Compiler/GpuTarget.h"
#include "attn/Compiler/Tool.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"

using namespace attn;

namespace cl = llvm::cl;

static constexpr llvm::StringLiteral kTool = "attn-fuzz";
/// Calls of one kernel: case K is call K mod 16 of kernel K / 16. Compiling is the dear part.
static constexpr int64_t kCallsPerKernel = 16;

namespace {
struct CommandLine {
  cl::OptionCategory category{"attn-fuzz"};
  cl::opt<std::string> input{cl::Positional, cl::desc("[saved case.mlir]"), cl::cat(category)};
  cl::opt<std::string> callsOf{"calls-of", cl::desc("Make the calls that this saved case has, on the kernel given"),
                               cl::value_desc("case.mlir"), cl::cat(category)};
  cl::opt<uint64_t> seed{"seed", cl::desc("Seed of all cases (default 1)"), cl::init(1), cl::cat(category)};
  cl::opt<int64_t> cases{"cases", cl::desc("How many cases (default 2000), 16 for each kernel"), cl::init(2000),
                         cl::cat(category)};
  cl::opt<int64_t> first{"first", cl::desc("The first of them (default 0)"), cl::init(0), cl::cat(category)};
  cl::opt<int64_t> single{"case", cl::desc("Only this case"), cl::init(-1), cl::cat(category)};
  cl::opt<bool> print{"print", cl::desc("Print the kernels with their calls instead of trying them"),
                      cl::cat(category)};
  cl::opt<bool> stages{"stages", cl::desc("Also run every call at each stage, where nothing is wrong in the end"),
                       cl::cat(category)};
  cl::opt<int> jobs{"jobs", cl::desc("Processes at a time (default 2)"), cl::init(2), cl::cat(category)};
  cl::opt<int> timeout{"timeout", cl::desc("Seconds after which a compilation or a call counts as hanging (120)"),
                       cl::init(120), cl::cat(category)};
  cl::opt<std::string> save{"save", cl::desc("Where to save findings (default attn-fuzz-findings; empty: nowhere)"),
                            cl::value_desc("folder"), cl::init("attn-fuzz-findings"), cl::cat(category)};
  cl::opt<bool> reduce{"reduce", cl::desc("Shrink saved findings by attn-reduce"), cl::cat(category)};
  cl::opt<std::string> json{"json", cl::desc("Also write the summary as JSON"), cl::value_desc("file"),
                            cl::cat(category)};
  cl::opt<std::string> target{
      "target",
      cl::desc("cpu (default), or nvidia-emulated: smaller calls, watched by the emulator. Calls with mistakes in them "
               "are made on a CPU only, and findings are traced to stages up to tile"),
      cl::value_desc("name"), cl::init("cpu"), cl::cat(category)};
  cl::opt<std::string> chip{"chip", cl::desc("GPU to compile for: sm_80 (default), sm_89, sm_90, sm_100, sm_120"),
                            cl::value_desc("name"), cl::cat(category)};
  cl::opt<std::string> cpu{"cpu", cl::desc("Processor or instruction set (default native)"), cl::init("native"),
                           cl::value_desc("name"), cl::cat(category)};
  cl::opt<unsigned> optLevel{cl::Prefix, "O", cl::desc("Optimisation level of LLVM, 0 to 3 (default 3)"), cl::init(3),
                             cl::cat(category)};
  cl::opt<Fault> fault{
      "inject",
      cl::desc("Put a fault into each kernel, to see that it is found"),
      cl::values(clEnumValN(Fault::None, "none", "no fault (default)"),
                 clEnumValN(Fault::Normalize, "normalize", "scores grow after this stage"),
                 clEnumValN(Fault::Plan, "plan", "scores grow after this stage"),
                 clEnumValN(Fault::Tile, "tile", "scores of tiles grow"),
                 clEnumValN(Fault::Linalg, "linalg", "differences change sign"),
                 clEnumValN(Fault::Target, "target", "differences change sign"),
                 clEnumValN(Fault::Emit, "emit", "an element of each output is overwritten after the call"),
                 clEnumValN(Fault::Crash, "crash", "calls crash"), clEnumValN(Fault::Hang, "hang", "calls never end")),
      cl::init(Fault::None),
      cl::Hidden,
      cl::cat(category)};
};
} // namespace

/// The kernel of these cases, with the calls that they are; for a CPU where there is no chip.
static KernelOnTrial makeKernelOnTrial(uint64_t seed, int64_t first, int64_t end, llvm::StringRef chip) {
  int64_t number = first / kCallsPerKernel;
  FuzzKernel kernel = makeKernel(reference::operandSeed(seed, number));
  KernelOnTrial trial;
  trial.file.input = {kernel.text, kernel.reference};
  trial.file.chip = chip.str();
  std::string target = chip.empty() ? "" : (" --target=nvidia-emulated --chip=" + chip).str();
  trial.expected = kernel.expected;
  for (int64_t each = first; each < end; ++each) {
    std::string digits = std::to_string(each), ofSeed = std::to_string(seed);
    trial.file.calls.push_back(makeCall(kernel, reference::operandSeed(~seed, each), !chip.empty()));
    trial.commands.push_back("--seed=" + ofSeed + " --case=" + digits + target);
    trial.names.push_back((chip.empty() ? "" : chip.str() + "-") + "seed" + ofSeed + "-case" + digits);
  }
  return trial;
}

static void printKernel(const KernelOnTrial &trial) {
  llvm::raw_ostream &os = llvm::outs();
  os << trial.file.input.text;
  if (!trial.file.input.reference.empty())
    os << "// which means\n" << trial.file.input.reference;
  for (auto [command, call] : llvm::zip_equal(trial.commands, trial.file.calls)) {
    os << "// " << command << ":";
    for (const std::string &word : call)
      os << ' ' << word;
    os << '\n';
  }
}

/// Gives the cases that were asked for to `take`: those of a file, if there is one, or random ones.
static void forEachKernel(const CommandLine &line, std::optional<CaseFile> file, llvm::StringRef chip,
                          llvm::function_ref<void(KernelOnTrial)> take) {
  if (file) {
    KernelOnTrial trial;
    for (const Refusal &refusal : getRefusals())
      trial.expected.push_back(refusal.kind);
    for (size_t call = 0; call < file->calls.size(); ++call) {
      trial.commands.push_back(line.input);
      trial.names.push_back("");
    }
    trial.file = std::move(*file);
    return take(std::move(trial));
  }
  int64_t first = line.single >= 0 ? line.single : line.first;
  int64_t end = first + (line.single >= 0 ? 1 : line.cases);
  while (first < end) {
    int64_t next = std::min(end, (first / kCallsPerKernel + 1) * kCallsPerKernel);
    take(makeKernelOnTrial(line.seed, first, next, chip));
    first = next;
  }
}

/// The saved case to repeat, if there is one.
static llvm::Expected<std::optional<CaseFile>> readInput(const CommandLine &line) {
  if (line.input.empty())
    return std::nullopt;
  llvm::Expected<CaseFile> file = readCase(line.input, line.callsOf);
  if (!file)
    return file.takeError();
  return std::move(*file);
}

/// Describes the GPU of the command line, which a saved case has to agree with, or of the case; none for a CPU.
static llvm::Expected<GPUDescription> chooseGPU(const CommandLine &line, const std::optional<CaseFile> &file) {
  llvm::Expected<TargetKind> kind = parseTarget(line.target, {TargetKind::CPU, TargetKind::NVIDIAEmulated});
  if (!kind)
    return kind.takeError();
  bool isCPU = *kind == TargetKind::CPU;
  if (isCPU && line.chip.getNumOccurrences())
    return llvm::createStringError("--chip: goes with --target=nvidia-emulated");
  std::string chip = isCPU ? "" : line.chip.empty() ? kDefaultChip.str() : line.chip.getValue();
  if (file && line.target.getNumOccurrences() && chip != file->chip)
    return llvm::createStringError("--target, --chip: " + line.input + " has calls for " +
                                   (file->chip.empty() ? "a CPU" : file->chip) + " (leave both out)");
  if (file)
    chip = file->chip;
  return chip.empty() ? GPUDescription() : describeGPU(chip);
}

/// What is wrong with the command line, empty if nothing is.
static std::string checkCommandLine(const CommandLine &line) {
  if (line.cases < 1 || line.first < 0)
    return "--cases, --first: expects at least 1 case from 0 on, got " + std::to_string(line.cases) + " from " +
           std::to_string(line.first);
  if (line.single.getNumOccurrences() && line.single < 0)
    return "--case: expects a number from 0 on, got " + std::to_string(line.single);
  if (line.jobs < 1 || line.timeout < 1)
    return "--jobs, --timeout: expects at least 1";
  if (line.optLevel > 3)
    return "-O: unknown level " + std::to_string(line.optLevel) + " (expected 0, 1, 2 or 3)";
  if (!line.callsOf.empty() && line.input.empty())
    return "--calls-of: expects a kernel to call";
  if (line.reduce && (line.save.empty() || !line.input.empty()))
    return "--reduce: expects --save=FOLDER and random cases";
  return "";
}

int attn::fuzzMain(int argc, char **argv, const mlir::DialectRegistry &registry) {
  llvm::InitLLVM init(argc, argv);
  releaseOptionNames({"seed", "cases", "first", "case", "print", "stages", "jobs", "timeout", "save", "reduce", "json",
                      "cpu", "O", "inject", "calls-of", "target", "chip"});
  CommandLine line;
  parseCommandLine(argc, argv, kTool, line.category,
                   "tries random attention: compiles it, calls it, compares with float64\n\n"
                   "  attn-fuzz --seed=7 --cases=2000\n"
                   "  attn-fuzz --seed=7 --case=123\n"
                   "  attn-fuzz attn-fuzz-findings/seed7-case123.mlir\n");
  if (std::string wrong = checkCommandLine(line); !wrong.empty())
    return reportError(kTool, wrong);
  SessionOptions options;
  llvm::Expected<std::vector<Target>> targets = describeTargets({line.cpu});
  if (!targets)
    return reportError(kTool, llvm::toString(targets.takeError()));
  options.compile.target = targets->front();
  options.compile.optLevel = line.optLevel;
  llvm::Expected<std::optional<CaseFile>> file = readInput(line);
  if (!file)
    return reportError(kTool, llvm::toString(file.takeError()));
  llvm::Expected<GPUDescription> gpu = chooseGPU(line, *file);
  if (!gpu)
    return reportError(kTool, llvm::toString(gpu.takeError()));
  options.compile.gpu = std::move(*gpu);
  options.compile.embedImages = false; // the emulator has the kernel already
  if (llvm::Error error = checkRunsHere(options.compile.target))
    return reportError(kTool, llvm::toString(std::move(error)));
  options.processes = line.jobs;
  options.timeoutSeconds = line.timeout;
  options.allStages = line.stages;
  options.fault = line.fault;
  if (line.input.empty())
    options.saveDirectory = line.save;
  if (line.reduce)
    options.programs =
        llvm::sys::path::parent_path(llvm::sys::fs::getMainExecutable(argv[0], reinterpret_cast<void *>(&fuzzMain)))
            .str();
  std::string chip = options.compile.gpu.chip;
  Session session(registry, std::move(options));
  forEachKernel(line, std::move(*file), chip, [&](KernelOnTrial kernel) {
    if (line.print)
      printKernel(kernel);
    else
      session.add(std::move(kernel));
  });
  if (line.print)
    return 0;
  Summary summary = session.run();
  llvm::outs() << summary.print();
  if (!line.json.empty() && failed(writeFile(kTool, line.json, summary.printJson())))
    return 1;
  return summary.findings.empty() ? 0 : 1;
}
