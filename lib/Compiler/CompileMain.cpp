// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The program attn-compile: command line, files, and calls of the functions of Compiler.h.
#include "attn/Compiler/CompileMain.h"

#include "attn/Compiler/Compiler.h"
#include "attn/Compiler/Explain.h"
#include "attn/Compiler/GpuTarget.h"
#include "attn/Compiler/Tool.h"

#include "mlir/IR/AsmState.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/InitLLVM.h"

using namespace mlir;
using namespace attn;

namespace cl = llvm::cl;

namespace {
/// Options live while compileMain() runs, not as globals: a library must not add options to programs that link it.
struct CommandLine {
  cl::OptionCategory category{"attn-compile"};
  cl::opt<std::string> input{cl::Positional, cl::desc("<input.mlir, - for standard input>"), cl::init("-"),
                             cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("Where the result goes, - for standard output"), cl::value_desc("file"),
                              cl::init("-"), cl::cat(category)};
  cl::opt<Emit> emit{"emit", cl::desc("What to make (mlir with --stop-after, else obj)"),
                     cl::values(clEnumValN(Emit::Mlir, "mlir", "MLIR after the stage --stop-after"),
                                clEnumValN(Emit::Llvm, "llvm", "LLVM IR after optimisation"),
                                clEnumValN(Emit::Asm, "asm", "assembly"),
                                clEnumValN(Emit::Object, "obj", "an ELF object with all kernels of the input"),
                                clEnumValN(Emit::Shared, "shared", "a shared library (needs a linker on PATH)"),
                                clEnumValN(Emit::Header, "header", "the C header of the kernels"),
                                clEnumValN(Emit::Ptx, "ptx", "for a GPU: code of NVIDIA's virtual machine"),
                                clEnumValN(Emit::Cubin, "cubin", "for a GPU: its machine code (needs ptxas)")),
                     cl::init(Emit::Object), cl::cat(category)};
  cl::opt<std::string> header{"header", cl::desc("Write the C header as well"), cl::value_desc("file"),
                              cl::cat(category)};
  StageOption startAfter{"start-after", "The input is what this stage leaves: start behind it", Stage::Import,
                         category};
  StageOption stopAfter{"stop-after", "Stop after a stage and print MLIR", Stage::Target, category};
  cl::opt<std::string> target{"target", cl::desc("cpu (default) or nvidia"), cl::value_desc("name"), cl::init("cpu"),
                              cl::cat(category)};
  cl::list<std::string> chip{"chip",
                             cl::desc("With --target=nvidia: sm_80 (default), sm_89, sm_90, sm_100 or sm_120; of a "
                                      "list, each call takes the newest that its device can run"),
                             cl::value_desc("name,..."), cl::CommaSeparated, cl::cat(category)};
  enum class Image { Ptx, Cubin };
  cl::opt<Image> image{"image", cl::desc("What an object or shared library for a GPU holds"),
                       cl::values(clEnumValN(Image::Ptx, "ptx", "code of NVIDIA's virtual machine (default)"),
                                  clEnumValN(Image::Cubin, "cubin", "machine code of each chip (needs ptxas)")),
                       cl::init(Image::Ptx), cl::cat(category)};
  cl::list<std::string> cpu{"cpu",
                            cl::desc("Processor or instruction set: native (default), x86-64-v3, x86-64-v4, znver4, "
                                     "...; of a list, each call takes the last that the machine can run"),
                            cl::value_desc("name,..."), cl::CommaSeparated, cl::cat(category)};
  cl::opt<unsigned> optLevel{cl::Prefix, "O", cl::desc("Optimisation level of LLVM, 0 to 3 (default 3)"), cl::init(3),
                             cl::cat(category)};
  ExplainOption explain{category};
  cl::opt<bool> debugInfo{"g", cl::desc("Line tables that point into the input"), cl::cat(category)};
};
} // namespace

static constexpr llvm::StringLiteral kTool = "attn-compile";

/// Makes what the command line asks for. Files are written last, when nothing can fail any more but writing.
static LogicalResult run(ModuleOp module, const CommandLine &line, Emit emit, Stage stage,
                         const CompileOptions &options) {
  if (emit == Emit::Mlir) {
    if (failed(lowerToStage(module, stage, options)))
      return failure();
    std::string text;
    llvm::raw_string_ostream os(text);
    OpPrintingFlags flags;
    if (options.debugInfo)
      flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false);
    module.print(os, flags);
    os << '\n';
    return writeFile(kTool, line.output, text);
  }
  bool isGpu = !options.gpu.chip.empty();
  if (emit == Emit::Ptx || emit == Emit::Cubin || (emit == Emit::Llvm && isGpu)) {
    FailureOr<std::string> code = compileForDevice(module, emit, options);
    return failed(code) ? failure() : writeFile(kTool, line.output, *code);
  }
  if (emit == Emit::Llvm || emit == Emit::Asm) {
    FailureOr<std::string> text = compileToText(module, emit, options);
    return failed(text) ? failure() : writeFile(kTool, line.output, *text);
  }
  FailureOr<CompiledModule> compiled = compileToObject(module, options);
  if (failed(compiled))
    return failure();
  std::string header = makeHeader(compiled->kernels, options);
  if (emit == Emit::Header)
    return writeFile(kTool, line.output, header);
  if (emit == Emit::Shared) {
    if (llvm::Error error = linkSharedLibrary(compiled->object, line.output)) {
      reportError(kTool, llvm::toString(std::move(error)));
      return failure();
    }
  } else if (failed(writeFile(kTool, line.output, compiled->object))) {
    return failure();
  }
  return line.header.empty() ? success() : writeFile(kTool, line.header, header);
}

int attn::compileMain(int argc, char **argv, const DialectRegistry &registry) {
  llvm::InitLLVM init(argc, argv);
  releaseOptionNames({"o", "emit", "header", "start-after", "stop-after", "cpu", "O", "g", "target", "chip"});
  releaseOptionNames(ExplainOption::getNames());
  CommandLine line;
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  registerDefaultTimingManagerCLOptions();
  parseCommandLine(argc, argv, kTool, line.category,
                   "attention compiler: MLIR with attention ops to C-callable kernels\n\n"
                   "  attn-compile kernel.mlir --emit=obj -o kernel.o --header=kernel.h\n"
                   "  attn-compile kernel.mlir --stop-after=tile\n"
                   "  attn-compile kernel.mlir --explain=plan --shape=q=1x12x77x64\n");

  bool stops = line.stopAfter.getNumOccurrences() > 0;
  bool emits = line.emit.getNumOccurrences() > 0;
  Emit emit = !emits && stops ? Emit::Mlir : line.emit;
  if (stops && emit != Emit::Mlir)
    return reportError(kTool, "--stop-after: only --emit=mlir shows a stage, the other kinds need all stages");
  if (line.stopAfter < line.startAfter)
    return reportError(kTool, "--stop-after: expects a stage that is not before the one of --start-after");
  if (line.optLevel > 3)
    return reportError(kTool, "-O: unknown level " + llvm::Twine(line.optLevel) + " (expected 0, 1, 2 or 3)");
  if (!line.header.empty() && emit != Emit::Object && emit != Emit::Shared)
    return reportError(kTool, "--header: goes with --emit=obj and --emit=shared");
  if (emit == Emit::Shared && line.output == "-")
    return reportError(kTool, "--emit=shared: expects a file name in -o");
  llvm::Expected<Explain> topics = line.explain.get();
  if (!topics)
    return reportError(kTool, llvm::toString(topics.takeError()));
  if (line.explain && (stops || emits || line.output != "-" || !line.header.empty()))
    return reportError(kTool,
                       "--explain: prints to standard output and goes with no -o, --emit, --header or --stop-after");
  if (line.explain && line.startAfter > Stage::Plan)
    return reportError(kTool, "--explain: explains what stage plan leaves, which --start-after skips");
  if (!line.explain && emit == Emit::Object && line.output == "-" && llvm::outs().is_displayed())
    return reportError(kTool, "--emit=obj: expects a file name in -o, standard output is a terminal");

  CompileOptions options;
  llvm::Expected<TargetKind> kind = parseTarget(line.target, {TargetKind::CPU, TargetKind::NVIDIA});
  if (!kind)
    return reportError(kTool, llvm::toString(kind.takeError()));
  bool isDeviceCode = emit == Emit::Ptx || emit == Emit::Cubin;
  if (*kind == TargetKind::CPU && (!line.chip.empty() || line.image.getNumOccurrences() || isDeviceCode))
    return reportError(kTool, "--chip, --image, --emit=ptx and --emit=cubin: go with --target=nvidia");
  if (line.image.getNumOccurrences() && emit != Emit::Object && emit != Emit::Shared)
    return reportError(kTool, "--image: goes with --emit=obj and --emit=shared");
  if (*kind == TargetKind::NVIDIA) {
    if (emit == Emit::Asm)
      return reportError(kTool, "--emit=asm: is of a CPU; for a GPU there is --emit=ptx");
    if (line.explain)
      return reportError(kTool, "--explain: explains plans for CPUs only");
    auto gpus = describeGPUs(line.chip);
    if (!gpus)
      return reportError(kTool, llvm::toString(gpus.takeError()));
    if (gpus->size() > 1 && (emit == Emit::Mlir || emit == Emit::Llvm || isDeviceCode))
      return reportError(kTool, "--chip: expects one chip, stages and device code differ between them");
    options.gpu = gpus->front();
    options.chips = std::move(*gpus);
    options.embedMachineCode = line.image == CommandLine::Image::Cubin;
  }
  llvm::Expected<std::vector<Target>> targets = describeTargets(line.cpu);
  if (!targets)
    return reportError(kTool, llvm::toString(targets.takeError()));
  if (targets->size() > 1 && (emit == Emit::Mlir || line.explain))
    return reportError(kTool, "--cpu: expects one processor, stages and explanations differ between them");
  options.target = targets->front();
  options.levels = std::move(*targets);
  options.startAfter = line.startAfter;
  options.optLevel = line.optLevel;
  options.debugInfo = line.debugInfo;
  options.applyCommandLine = true;

  Input input(registry);
  if (failed(input.parse(kTool, line.input)))
    return 1;
  if (line.explain)
    return failed(explain(*input.module, *topics, options, llvm::outs()));
  return failed(run(*input.module, line, emit, line.stopAfter, options));
}
