// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "CompiledKernel.h"

#include "attn/Compiler/GpuTarget.h"
#include "attn/Pipelines/Registration.h"
#include "attn/Runner/CallSettings.h"
#include "attn/Runner/EmulatedCall.h"
#include "attn/Runner/Judge.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <limits>

using namespace attn;
using namespace attn::test;

static mlir::DialectRegistry makeRegistry() {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  return registry;
}

/// The host's half of a kernel and the device's.
struct CompiledKernel::Loaded {
  KernelSignature signature;
  std::unique_ptr<LoadedKernel> host;
  std::unique_ptr<EmulatedModule> device;
};

CompiledKernel::CompiledKernel(const std::string &text)
    : context(makeRegistry(), mlir::MLIRContext::Threading::DISABLED) {
  context.printOpOnDiagnostic(false);
  context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
    diagnostics += diagnostic.str() + "\n";
    return mlir::success();
  });
  options.target = llvm::cantFail(describeTarget("native"));
  options.gpu = llvm::cantFail(describeGPU(kDefaultChip));
  options.embedImages = false;
  options.optLevel = 0; // of the host's half, which only starts the kernel
  tiles = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!tiles || failed(lowerToStage(*tiles, Stage::Plan, options))) {
    error = "does not compile: " + diagnostics;
    return;
  }
  meaning = tiles->clone();
  options.startAfter = Stage::Plan;
  if (failed(lowerToStage(*tiles, Stage::Linalg, options))) {
    error = "does not compile: " + diagnostics;
    return;
  }
  options.startAfter = Stage::Linalg;
  thread = tiles->clone();
  if (failed(lowerToStage(*thread, Stage::Target, options)))
    error = "does not compile: " + diagnostics;
}

CompiledKernel::~CompiledKernel() = default;

bool CompiledKernel::load(Level level, Change change, Loaded &loaded, std::string &problem) {
  diagnostics.clear();
  mlir::OwningOpRef<mlir::ModuleOp> module = (level == Level::Tiles ? tiles : thread)->clone();
  auto fail = [&](const std::string &what) {
    problem = what + ": " + diagnostics;
    return false;
  };
  if (change && !change(*module))
    return fail("finds nothing to change");
  if (failed(mlir::verify(*module)))
    return fail("is no valid kernel any more");
  CompileOptions rest = options;
  rest.startAfter = level == Level::Tiles ? Stage::Linalg : Stage::Target;
  mlir::FailureOr<CompiledModule> compiled = compileToObject(*module, rest);
  if (failed(compiled) || compiled->kernels.size() != 1 || !compiled->device)
    return fail("does not compile");
  loaded.signature = compiled->kernels.front();
  auto host = LoadedKernel::load(compiled->object, loaded.signature);
  if (!host)
    return fail(llvm::toString(host.takeError()));
  auto device = EmulatedModule::load(*compiled->device);
  if (!device)
    return fail(llvm::toString(device.takeError()));
  loaded.host = std::move(*host);
  loaded.device = std::move(*device);
  return true;
}

void CompiledKernel::call(const Loaded &loaded, const std::vector<std::string> &words, emulator::Landing landing,
                          uint64_t seed, Outcome &outcome) {
  auto fail = [&](const std::string &what) { outcome.error += what + diagnostics + "\n"; };
  auto settings = parseCallSettings(words);
  if (!settings)
    return fail(llvm::toString(settings.takeError()));
  auto function = meaning->lookupSymbol<mlir::func::FuncOp>(loaded.signature.name);
  Judge judge(function, reference::Confidence::Statistical);
  auto infer = [&](llvm::ArrayRef<RuntimeValue> values) { return judge.inferOutputSizes(values); };
  auto arguments = Arguments::create(loaded.signature, settings->arguments, infer);
  if (!arguments)
    return fail(llvm::toString(arguments.takeError()));
  // What is not written is wrong, whatever memory held before.
  for (auto [index, argument] : llvm::enumerate(loaded.signature.arguments))
    if (argument.kind == KernelArgument::Kind::Output) {
      TensorBuffer &output = *(*arguments)->getBuffer(index);
      output.forEachIndex(
          [&](llvm::ArrayRef<int64_t> at) { output.set(at, std::numeric_limits<double>::quiet_NaN()); });
    }
  auto report = EmulatedCall(*loaded.device, loaded.signature, **arguments).runOnce(*loaded.host, landing, seed);
  if (!report)
    return fail(llvm::toString(report.takeError()));
  if (!*report)
    return fail("starts no block");
  llvm::raw_string_ostream os(outcome.text);
  os << (landing == emulator::Landing::Late ? "late: " : "at once: ") << (*report)->getText();
  for (const emulator::Finding &finding : (*report)->findings)
    outcome.caught.insert(getName(finding.detector));
  if ((*report)->counters.bankConflicts)
    outcome.caught.insert("bank conflicts");
  if ((*report)->counters.elementLoads)
    outcome.caught.insert("element loads");
  if (!(*report)->completed)
    return;
  mlir::FailureOr<bool> isRight = judge.compare(loaded.signature, **arguments, os);
  if (failed(isRight))
    return fail("cannot be judged: ");
  if (!*isRight)
    outcome.caught.insert("numbers");
}

Outcome CompiledKernel::run(const std::vector<std::string> &words, Level level, Change change) {
  Outcome outcome{error, {}, ""};
  Loaded loaded;
  if (!error.empty() || !load(level, change, loaded, outcome.error))
    return outcome;
  call(loaded, words, emulator::Landing::Late, /*seed=*/1, outcome);
  call(loaded, words, emulator::Landing::Eager, /*seed=*/2, outcome);
  return outcome;
}
