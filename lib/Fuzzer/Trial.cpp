// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Trial.h"

#include "SpoiltCall.h"

#include "attn/Dialect/Attention/IR/Attention.h"
#include "attn/Runner/Call.h"
#include "attn/Runner/EmulatedCall.h"
#include "attn/Runner/Judge.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <unistd.h>

using namespace mlir;
using namespace attn;

static constexpr Stage kStages[] = {Stage::Normalize, Stage::Plan, Stage::Tile, Stage::Linalg, Stage::Target};

llvm::StringRef attn::getStageName(Stage stage) {
  switch (stage) {
  case Stage::Import:
    return "import";
  case Stage::Normalize:
    return "normalize";
  case Stage::Plan:
    return "plan";
  case Stage::Tile:
    return "tile";
  case Stage::Linalg:
    return "linalg";
  case Stage::Target:
    return "target";
  }
  llvm_unreachable("covered switch");
}

static bool isFaultOf(Fault fault, Stage stage) {
  switch (fault) {
  case Fault::Normalize:
    return stage == Stage::Normalize;
  case Fault::Plan:
    return stage == Stage::Plan;
  case Fault::Tile:
    return stage == Stage::Tile;
  case Fault::Linalg:
    return stage == Stage::Linalg;
  case Fault::Target:
    return stage == Stage::Target;
  default:
    return false;
  }
}

Trial::Trial(const DialectRegistry &registry, const CompileOptions &options, Fault fault)
    : context(registry, MLIRContext::Threading::DISABLED), options(options), fault(fault) {
  context.printOpOnDiagnostic(false);
  // The handler outlives every diagnostic: both belong to this object.
  context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      diagnostics += (diagnostics.empty() ? "" : "; ") + diagnostic.str();
    return success();
  });
}

static GenericOp findGeneric(ModuleOp module) {
  GenericOp found;
  module.walk([&](GenericOp op) { found = op; });
  return found;
}

LogicalResult Trial::compileStages(ModuleOp module, Progress progress) {
  CompileOptions step = options;
  for (Stage stage : kStages) {
    progress(getStageName(stage));
    if (failed(lowerToStage(module, stage, step)))
      return failure();
    if (isFaultOf(fault, stage))
      injectFault(module, stage);
    stages[stage] = module.clone();
    step.startAfter = stage;
  }
  progress("emit");
  FailureOr<CompiledModule> compiled = compileToObject(module, step);
  if (failed(compiled))
    return failure();
  if (compiled->kernels.size() != 1)
    return module.emitError() << "expects one kernel, got " << compiled->kernels.size();
  signature = compiled->kernels.front();
  auto loaded = LoadedKernel::load(compiled->object, signature);
  if (!loaded)
    return module.emitError() << llvm::toString(loaded.takeError());
  kernel = std::move(*loaded);
  if (!compiled->device)
    return success();
  auto emulated = EmulatedModule::load(*compiled->device);
  if (!emulated)
    return module.emitError() << llvm::toString(emulated.takeError());
  device = std::move(*emulated);
  return success();
}

/// The reference judges by the plan, whose key tiles decide how often sums are rescaled, but else not by anything that
/// the compiler made of the function.
LogicalResult Trial::prepareMeaning(const TrialInput &input) {
  const std::string &text = input.reference.empty() ? input.text : input.reference;
  meaning = parseSourceString<ModuleOp>(text, &context);
  if (!meaning)
    return failure();
  if (!findGeneric(*meaning)) // a file of somebody else's, with a named op
    meaning = stages[Stage::Plan]->clone();
  GenericOp generic = findGeneric(*meaning), planned = findGeneric(*stages[Stage::Plan]);
  if (!generic || !planned)
    return meaning->emitError() << "expects one attn.generic";
  generic->setAttr(kPlanName, planned->getAttr(kPlanName));
  return success();
}

bool Trial::compile(const TrialInput &input, Progress progress) {
  diagnostics.clear();
  progress("import");
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(input.text, &context);
  return module && succeeded(compileStages(*module, progress)) && succeeded(prepareMeaning(input));
}

std::string Trial::judge(Arguments &of) {
  diagnostics.clear();
  auto function = meaning->lookupSymbol<func::FuncOp>(signature.name);
  auto confidence = settings.worstCase ? reference::Confidence::WorstCase : reference::Confidence::Statistical;
  Judge judge(function, confidence);
  std::string report;
  llvm::raw_string_ostream os(report);
  FailureOr<bool> passed = judge.compare(signature, of, os);
  if (failed(passed))
    return "the reference fails: " + diagnostics;
  return *passed ? "" : "wrong result: " + StringRef(report).rtrim().str();
}

std::string Trial::prepare(const CallSettings &callSettings) {
  settings = callSettings;
  diagnostics.clear();
  auto function = meaning->lookupSymbol<func::FuncOp>(signature.name);
  if (!function)
    return "the reference has no function '" + signature.name + "'";
  Judge sizes(function, reference::Confidence::Statistical);
  if (failed(sizes.checkSignature(signature)))
    return "the kernel's signature: " + diagnostics;
  auto infer = [&](ArrayRef<RuntimeValue> values) { return sizes.inferOutputSizes(values); };
  auto made = Arguments::create(signature, settings.arguments, infer);
  if (!made)
    return llvm::toString(made.takeError()) + diagnostics;
  arguments = std::move(*made);
  return "";
}

std::string Trial::run() {
  if (fault == Fault::Crash)
    std::raise(SIGSEGV);
  if (fault == Fault::Hang)
    while (true)
      pause();
  // The order of threads is another for each call.
  llvm::Error error = device ? EmulatedCall(*device, signature, *arguments, settings.threads)
                                   .run(*kernel, settings.arguments.seed, llvm::nulls())
                             : callOnce(Call(*kernel, *arguments, settings.threads), signature, *arguments);
  if (error)
    return llvm::toString(std::move(error));
  if (fault == Fault::Emit)
    for (size_t number = 0; number < signature.arguments.size(); ++number)
      if (signature.arguments[number].kind == KernelArgument::Kind::Output)
        if (TensorBuffer &output = *arguments->getBuffer(number); output.getNumElements() > 0)
          output.set(SmallVector<int64_t>(output.getSizes().size(), 0), 1e3);
  return judge(*arguments);
}

std::string Trial::runSpoilt() {
  if (device)
    return "";
  Choice choice(settings.arguments.seed);
  std::string wrong;
  for (int number = 0; number < kSpoiltCalls && wrong.empty(); ++number)
    wrong = trySpoiltCall(*kernel, signature, *arguments, choice);
  return wrong;
}

static void clearOutputs(const KernelSignature &signature, Arguments &arguments) {
  for (auto [number, argument] : llvm::enumerate(signature.arguments))
    if (argument.kind == KernelArgument::Kind::Output) {
      TensorBuffer &buffer = *arguments.getBuffer(number);
      buffer.forEachIndex(
          [&](ArrayRef<int64_t> index) { std::memset(buffer.address(index), 0xFF, getByteSize(buffer.getType())); });
    }
}

std::string Trial::runNaively(Stage stage) {
  std::unique_ptr<NaiveKernel> &program = naive[stage];
  if (!program) {
    diagnostics.clear();
    auto made = NaiveKernel::create(*stages[stage], signature);
    if (!made)
      return llvm::toString(made.takeError()) + ": " + diagnostics;
    program = std::move(*made);
  }
  program->call(*arguments);
  return judge(*arguments);
}

std::pair<std::string, std::string> Trial::findStage(Progress progress) {
  // The call has changed what it started from.
  auto isUpdated = [](const KernelArgument &argument) { return argument.kind == KernelArgument::Kind::InOut; };
  if (llvm::any_of(signature.arguments, isUpdated))
    return {};
  for (Stage stage : {Stage::Normalize, Stage::Plan, Stage::Tile, Stage::Linalg}) {
    if (device && stage == Stage::Linalg)
      return {};
    progress(getStageName(stage));
    clearOutputs(signature, *arguments);
    if (std::string wrong = runNaively(stage); !wrong.empty())
      return {getStageName(stage).str(), wrong};
  }
  // The same LLVM dialect without LLVM's optimisations.
  progress("target");
  clearOutputs(signature, *arguments);
  CompileOptions plain = options;
  plain.startAfter = Stage::Target;
  plain.optLevel = 0;
  OwningOpRef<ModuleOp> module = stages[Stage::Target]->clone();
  FailureOr<CompiledModule> compiled = compileToObject(*module, plain);
  if (failed(compiled))
    return {"target", diagnostics};
  auto loaded = LoadedKernel::load(compiled->object, signature);
  if (!loaded)
    return {"target", llvm::toString(loaded.takeError())};
  Call call(**loaded, *arguments, settings.threads);
  if (llvm::Error error = callOnce(call, signature, *arguments))
    return {"target", llvm::toString(std::move(error))};
  return {"target", judge(*arguments)};
}
