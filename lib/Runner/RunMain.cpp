// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The program attn-run: compiles a kernel as attn-compile does, calls it through its C interface, and says whether and
// how fast it computed the right thing.
#include "attn/Runner/RunMain.h"

#include "DeviceCall.h"
#include "Timing.h"

#include "attn/Compiler/GpuTarget.h"
#include "attn/Compiler/Tool.h"
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Runner/Call.h"
#include "attn/Runner/CallSettings.h"
#include "attn/Runner/EmulatedCall.h"
#include "attn/Runner/Judge.h"
#include "attn/Support/Npy.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/Support/InitLLVM.h"

using namespace mlir;
using namespace attn;

namespace cl = llvm::cl;

static constexpr llvm::StringLiteral kTool = "attn-run";
/// Rounds that must count before a speed is stated.
static constexpr int kRounds = 7;

namespace {
struct CommandLine {
  cl::OptionCategory category{"attn-run"};
  cl::opt<std::string> input{cl::Positional, cl::desc("<input.mlir, - for standard input>"), cl::init("-"),
                             cl::cat(category)};
  cl::opt<std::string> function{"func", cl::desc("The kernel to compile and call (needed if there are several)"),
                                cl::value_desc("name"), cl::cat(category)};
  cl::list<std::string> shapes{"shape", cl::desc("Sizes of a tensor argument, as in q=1x12x77x64"),
                               cl::value_desc("name=sizes"), cl::cat(category)};
  cl::list<std::string> scalars{"arg", cl::desc("Value of a scalar argument"), cl::value_desc("name=number"),
                                cl::cat(category)};
  cl::list<std::string> inputs{"input", cl::desc("Read an input from a .npy file"), cl::value_desc("name=file"),
                               cl::cat(category)};
  cl::list<std::string> outputs{"output", cl::desc("Write an output to a .npy file"), cl::value_desc("name=file"),
                                cl::cat(category)};
  cl::list<std::string> fills{
      "fill",
      cl::desc("Set elements of an input: v=nan, k=-3..3 (random), v=inf@0,1,5:9 (ranges a, a:b, a:, :b or : by "
               "dimension; left out: all). Repeatable, later ones overwrite"),
      cl::value_desc("name=value[@ranges]"), cl::cat(category)};
  cl::opt<uint64_t> seed{"seed", cl::desc("Seed of random inputs (default 1)"), cl::init(1), cl::cat(category)};
  cl::opt<Placement> placement{
      "strides", cl::desc("How tensors lie in memory; what surrounds them is checked after the call"),
      cl::values(
          clEnumValN(Placement::Dense, "dense", "row-major, aligned to 64 bytes (default)"),
          clEnumValN(Placement::Guarded, "guarded", "row-major, up to a page that cannot be read"),
          clEnumValN(Placement::Padded, "padded", "gaps between rows and planes, odd alignment"),
          clEnumValN(Placement::Permuted, "permuted", "outer dimensions in reverse order"),
          clEnumValN(Placement::Broadcast, "broadcast", "inputs repeat along their outermost dimension (stride 0)")),
      cl::init(Placement::Dense), cl::cat(category)};
  cl::opt<int> threads{"threads",
                       cl::desc("OpenMP threads; 1 (default) calls without parallel_for. Of a GPU, the "
                                "multiprocessors that the kernel is told of"),
                       cl::init(1), cl::cat(category)};
  cl::list<std::string> calls{
      "call",
      cl::desc(
          "Make one more call, by options about arguments, --seed, --strides and --threads of its own. Repeatable"),
      cl::value_desc("\"options\""), cl::cat(category)};
  cl::opt<bool> compare{"compare", cl::desc("Compare results with the float64 reference and its error budget"),
                        cl::cat(category)};
  cl::opt<std::string> reference{
      "reference",
      cl::desc("Judge by the function of the same name in this file: for kernels at a stage without attention ops"),
      cl::value_desc("file.mlir"), cl::cat(category)};
  cl::opt<bool> worstCase{"worst-case", cl::desc("Budget for inputs that are not random: roundings may all go one way"),
                          cl::cat(category)};
  cl::opt<bool> time{"time", cl::desc("State speed as a share of the machine's peak, measured in the same run"),
                     cl::cat(category)};
  cl::opt<bool> bandwidth{"bandwidth", cl::desc("With --time: also the share of the machine's read bandwidth"),
                          cl::cat(category)};
  cl::opt<std::string> saveObject{"save-object", cl::desc("Write the object that was run"), cl::value_desc("file"),
                                  cl::cat(category)};
  StageOption startAfter{"start-after", "The input is what this stage leaves: start behind it", Stage::Import,
                         category};
  cl::opt<std::string> target{"target",
                              cl::desc("cpu (default), nvidia, or nvidia-emulated: a GPU in software that watches "
                                       "each access"),
                              cl::value_desc("name"), cl::init("cpu"), cl::cat(category)};
  cl::opt<std::string> chip{"chip", cl::desc("GPU to compile for: sm_80 (default), sm_89, sm_90, sm_100, sm_120"),
                            cl::value_desc("name"), cl::cat(category)};
  cl::opt<uint64_t> schedule{"schedule",
                             cl::desc("With nvidia-emulated: seed of the order of threads; 0 (default) is their own"),
                             cl::init(0), cl::cat(category)};
  cl::list<std::string> cpu{"cpu",
                            cl::desc("Processor or instruction set (default native), or a list of them as for "
                                     "attn-compile"),
                            cl::value_desc("name,..."), cl::CommaSeparated, cl::cat(category)};
  cl::opt<unsigned> optLevel{cl::Prefix, "O", cl::desc("Optimisation level of LLVM, 0 to 3 (default 3)"), cl::init(3),
                             cl::cat(category)};
};
} // namespace

/// The call that the command line itself describes, then those of --call.
static llvm::Expected<std::vector<CallSettings>> parseCalls(const CommandLine &line) {
  std::vector<CallSettings> calls(1);
  calls.front().threads = line.threads;
  calls.front().worstCase = line.worstCase;
  ArgumentSettings &settings = calls.front().arguments;
  settings.placement = line.placement;
  settings.seed = line.seed;
  for (auto [option, list] :
       {std::pair("shape", &line.shapes), std::pair("arg", &line.scalars), std::pair("input", &line.inputs),
        std::pair("output", &line.outputs), std::pair("fill", &line.fills)})
    for (const std::string &text : *list)
      if (llvm::Error error = addArgumentOption(settings, option, text))
        return std::move(error);
  for (const std::string &text : line.calls) {
    llvm::BumpPtrAllocator memory;
    llvm::StringSaver saver(memory);
    llvm::SmallVector<const char *> words;
    cl::TokenizeGNUCommandLine(text, saver, words);
    auto call = parseCallSettings(std::vector<std::string>(words.begin(), words.end()));
    if (!call)
      return llvm::createStringError("--call: " + llvm::toString(call.takeError()));
    calls.push_back(std::move(*call));
  }
  return calls;
}

/// The kernel to call: --func, or the only one.
static llvm::Expected<const KernelSignature *> chooseKernel(llvm::ArrayRef<KernelSignature> kernels,
                                                            llvm::StringRef name) {
  if (name.empty() && kernels.size() == 1)
    return &kernels.front();
  std::string names;
  for (const KernelSignature &kernel : kernels) {
    if (kernel.name == name)
      return &kernel;
    names += (names.empty() ? "" : ", ") + kernel.name;
  }
  if (name.empty())
    return llvm::createStringError("--func: expects the name of a kernel, there are several: " + names);
  return llvm::createStringError("--func: unknown '" + name + "' (expected " + names + ")");
}

static LogicalResult writeOutputs(const KernelSignature &signature, const Arguments &arguments,
                                  const ArgumentSettings &settings) {
  for (auto [index, argument] : llvm::enumerate(signature.arguments)) {
    auto it = settings.outputs.find(argument.name);
    if (it == settings.outputs.end())
      continue;
    const TensorBuffer &buffer = *arguments.getBuffer(index);
    if (failed(writeFile(kTool, it->second, printNpy({argument.type, buffer.getSizes(), buffer.getBytes()}))))
      return failure();
  }
  return success();
}

/// Leaves out the other kernels of the file: nobody waits for what is not called.
static void keepOnly(ModuleOp module, llvm::StringRef name) {
  if (!module.lookupSymbol<func::FuncOp>(name))
    return; // chooseKernel says what there is
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
    if (function.getName() != name && function.isPublic() && SymbolTable::symbolKnownUseEmpty(function, module))
      function.erase();
}

/// Sets `judge` to the function of `module` that says what a kernel should compute, at stage plan. Leaves it empty
/// where none has an op with a plan: kernels of later stages compute, but do not say what.
static LogicalResult findJudge(ModuleOp module, const KernelSignature &signature, const CommandLine &line,
                               const CompileOptions &options, std::optional<Judge> &judge) {
  CompileOptions toPlan = options;
  if (!line.reference.empty())
    toPlan.startAfter = Stage::Import;
  auto find = [&] { return module.lookupSymbol<func::FuncOp>(signature.name); };
  if (find() && failed(lowerToStage(module, Stage::Plan, toPlan)))
    return failure();
  func::FuncOp function = find();
  auto findPlan = [](Operation *op) {
    return isa<GenericOp, linalg::LinalgOp>(op) && op->hasAttr(kPlanName) ? WalkResult::interrupt()
                                                                          : WalkResult::advance();
  };
  if (!function || !function.walk(findPlan).wasInterrupted())
    return success();
  judge.emplace(function, reference::Confidence::Statistical);
  return judge->checkSignature(signature);
}

/// Makes one call, judges and times it; returns the exit status. `device` holds the kernel of an emulated GPU, `cuda`
/// is a real one; both are null on a CPU.
static int runCall(const LoadedKernel &kernel, const EmulatedModule *device, attn_cuda *cuda,
                   const KernelSignature &signature, std::optional<Judge> &judge, const CommandLine &line,
                   const CompileOptions &options, const CallSettings &settings) {
  const Target &target = options.target;
  auto infer = [&](llvm::ArrayRef<RuntimeValue> values) { return judge->inferOutputSizes(values); };
  auto arguments = Arguments::create(signature, settings.arguments, judge ? InferOutputSizes(infer) : nullptr);
  if (!arguments)
    return reportError(kTool, llvm::toString(arguments.takeError()));

  llvm::outs() << signature.name << ": " << (*arguments)->describe() << "; seed " << settings.arguments.seed << ", ";
  if (cuda)
    llvm::outs() << "code for " << options.gpu.chip << '\n';
  else if (device)
    llvm::outs() << "emulated " << options.gpu.chip << ", schedule " << line.schedule << '\n';
  else
    llvm::outs() << settings.threads << (settings.threads == 1 ? " thread" : " threads") << ", " << target.cpu.name
                 << '\n';
  llvm::outs().flush(); // before what a crash or an error prints
  Call call(kernel, **arguments, settings.threads);
  llvm::Error error =
      cuda ? callOnDevice(kernel, cuda, signature, **arguments, settings.threads)
      : device
          ? EmulatedCall(*device, signature, **arguments, settings.threads).run(kernel, line.schedule, llvm::outs())
          : callOnce(call, signature, **arguments);
  if (error)
    return reportError(kTool, llvm::toString(std::move(error)));
  if (failed(writeOutputs(signature, **arguments, settings.arguments)))
    return 1;
  if (line.compare) {
    judge->setConfidence(settings.worstCase ? reference::Confidence::WorstCase : reference::Confidence::Statistical);
    FailureOr<bool> passed = judge->compare(signature, **arguments, llvm::outs());
    if (failed(passed) || !*passed)
      return 1;
  }
  if (line.time) {
    FailureOr<double> flops = judge ? judge->countUsefulFlops(**arguments) : FailureOr<double>(0);
    if (failed(flops))
      return 1;
    // Where Q is bf16, pairs of it may be multiplied.
    bool isBf16 = target.cpu.hasBf16Dot && signature.arguments.front().type == ElementType::BF16;
    Peak peak = choosePeak(isBf16);
    Timing timing = measure([&] { call.run(); }, peak, settings.threads, kRounds);
    if (!printTiming(llvm::outs(), timing, *flops, peak, settings.threads, kRounds))
      return 1;
    if (line.bandwidth)
      printBandwidth(llvm::outs(), timing, (*arguments)->countBytes(), settings.threads);
  }
  return 0;
}

/// All that happens once the input is parsed; returns the exit status. What `meaning` says the kernel computes is what
/// it is judged by.
static int runModule(ModuleOp module, ModuleOp meaning, const CommandLine &line, const CompileOptions &options,
                     llvm::ArrayRef<CallSettings> calls) {
  FailureOr<CompiledModule> compiled = compileToObject(module, options);
  if (failed(compiled))
    return 1;
  if (!line.saveObject.empty() && failed(writeFile(kTool, line.saveObject, compiled->object)))
    return 1;
  llvm::Expected<const KernelSignature *> chosen = chooseKernel(compiled->kernels, line.function);
  if (!chosen)
    return reportError(kTool, llvm::toString(chosen.takeError()));
  const KernelSignature &signature = **chosen;

  std::optional<Judge> judge;
  if (failed(findJudge(meaning, signature, line, options, judge)))
    return 1;
  if (!judge && !line.reference.empty())
    return reportError(kTool, "--reference: there is no function '" + signature.name + "' with attention ops in " +
                                  line.reference);
  if (!judge && line.compare)
    return reportError(kTool, "--compare: there is no function '" + signature.name +
                                  "' with attention ops to compare to (--reference=FILE takes it from another file)");
  std::unique_ptr<EmulatedModule> device;
  std::unique_ptr<attn_cuda, void (*)(attn_cuda *)> cuda(nullptr, attn_cuda_close);
  if (options.embedImages && !options.gpu.chip.empty()) {
    attn_cuda *opened = nullptr;
    if (attn_cuda_open(0, &opened) != ATTN_OK)
      return reportError(kTool, llvm::Twine("--target=nvidia: ") + attn_cuda_message() +
                                    " (--target=nvidia-emulated needs none)");
    cuda.reset(opened);
  } else if (!options.gpu.chip.empty()) {
    auto loaded = EmulatedModule::load(*compiled->device);
    if (!loaded)
      return reportError(kTool, llvm::toString(loaded.takeError()));
    device = std::move(*loaded);
  }
  auto kernel = LoadedKernel::load(compiled->object, signature);
  if (!kernel)
    return reportError(kTool, llvm::toString(kernel.takeError()));
  // All are made, so that one run says all that is wrong.
  int status = 0;
  for (const CallSettings &settings : calls)
    status |= runCall(**kernel, device.get(), cuda.get(), signature, judge, line, options, settings);
  return status;
}

/// Sets `chosen` to the last of `targets` that this machine can run; the error says what the last one would need.
static llvm::Error chooseTarget(llvm::ArrayRef<Target> targets, Target &chosen) {
  llvm::Error reason = llvm::Error::success();
  for (const Target &target : llvm::reverse(targets)) {
    llvm::Error error = checkRunsHere(target);
    if (!error) {
      chosen = target;
      llvm::consumeError(std::move(reason));
      return llvm::Error::success();
    }
    reason = llvm::joinErrors(std::move(reason), std::move(error));
  }
  return reason;
}

int attn::runMain(int argc, char **argv, const DialectRegistry &registry) {
  llvm::InitLLVM init(argc, argv);
  releaseOptionNames({"func",       "shape",   "arg",       "input",       "output",      "fill",
                      "seed",       "strides", "threads",   "call",        "compare",     "reference",
                      "worst-case", "time",    "bandwidth", "save-object", "start-after", "cpu",
                      "O",          "target",  "chip",      "schedule"});
  CommandLine line;
  parseCommandLine(argc, argv, kTool, line.category,
                   "compiles an attention kernel, calls it through its C interface, judges and times it\n\n"
                   "  attn-run kernel.mlir --shape=q=1x12x77x64 --shape=k=1x12x80x64 --shape=v=1x12x80x64 --compare\n"
                   "  attn-run kernel.mlir --input=q=q.npy --output=out=out.npy --threads=2 --time\n");
  if (line.threads < 1 || line.threads > 1024)
    return reportError(kTool, "--threads: expects 1 to 1024, got " + llvm::Twine(line.threads));
  if (line.optLevel > 3)
    return reportError(kTool, "-O: unknown level " + llvm::Twine(line.optLevel) + " (expected 0, 1, 2 or 3)");
  llvm::Expected<std::vector<CallSettings>> calls = parseCalls(line);
  if (!calls)
    return reportError(kTool, llvm::toString(calls.takeError()));
  CompileOptions options;
  options.optLevel = line.optLevel;
  llvm::Expected<TargetKind> kind =
      parseTarget(line.target, {TargetKind::CPU, TargetKind::NVIDIA, TargetKind::NVIDIAEmulated});
  if (!kind)
    return reportError(kTool, llvm::toString(kind.takeError()));
  if (*kind == TargetKind::CPU && line.chip.getNumOccurrences())
    return reportError(kTool, "--chip: goes with --target=nvidia and --target=nvidia-emulated");
  if (*kind != TargetKind::NVIDIAEmulated && line.schedule.getNumOccurrences())
    return reportError(kTool, "--schedule: goes with --target=nvidia-emulated");
  if (*kind != TargetKind::CPU) {
    if (line.time || line.bandwidth)
      return reportError(kTool, "--target: kernels of a GPU are not timed here: it goes with no --time or --bandwidth");
    auto gpu = describeGPU(line.chip.getNumOccurrences() ? llvm::StringRef(line.chip) : llvm::StringRef(kDefaultChip));
    if (!gpu)
      return reportError(kTool, llvm::toString(gpu.takeError()));
    options.gpu = std::move(*gpu);
    options.embedImages = *kind == TargetKind::NVIDIA; // the emulator has the kernel already
  }
  llvm::Expected<std::vector<Target>> targets = describeTargets(line.cpu);
  if (!targets)
    return reportError(kTool, llvm::toString(targets.takeError()));
  if (llvm::Error error = chooseTarget(*targets, options.target))
    return reportError(kTool, llvm::toString(std::move(error)));
  options.levels = std::move(*targets);
  options.startAfter = line.startAfter;
  Input input(registry), reference(registry);
  if (failed(input.parse(kTool, line.input)) ||
      (!line.reference.empty() && failed(reference.parse(kTool, line.reference))))
    return 1;
  keepOnly(*input.module, line.function);
  OwningOpRef<ModuleOp> meaning = reference.module ? reference.module->clone() : input.module->clone();
  return runModule(*input.module, *meaning, line, options, *calls);
}
