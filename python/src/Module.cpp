// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Module.h"

#include "attn/Dialect/Attention/IR/Storage.h"
#include "attn/Pipelines/Registration.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "llvm/ADT/StringExtras.h"

#include <stdexcept>

using namespace mlir;
using namespace attn;
using namespace attn::python;

/// All dialects there are; building the list once saves its time for every context.
static const DialectRegistry &getDialects() {
  static const DialectRegistry *registry = [] {
    auto *all = new DialectRegistry;
    attn::registerAllDialects(*all);
    return all;
  }();
  return *registry;
}

/// Throws std::invalid_argument. The tools' messages begin with an option, such as "--cpu: "; Python has arguments.
[[noreturn]] static void raiseInvalid(llvm::Error error) {
  std::string message = llvm::toString(std::move(error));
  throw std::invalid_argument(StringRef(message).ltrim('-').str());
}

static std::vector<Target> getTargets(llvm::ArrayRef<std::string> cpus) {
  if (cpus.empty())
    throw std::invalid_argument("cpu: expects at least one processor");
  llvm::Expected<std::vector<Target>> targets = describeTargets(cpus);
  if (!targets)
    raiseInvalid(targets.takeError());
  return std::move(*targets);
}

static Target getTarget(const std::string &cpu) { return getTargets(cpu).front(); }

static constexpr std::pair<llvm::StringLiteral, Stage> kStages[] = {
    {"import", Stage::Import}, {"normalize", Stage::Normalize}, {"plan", Stage::Plan},
    {"tile", Stage::Tile},     {"linalg", Stage::Linalg},       {"target", Stage::Target}};

static std::string getStageName(Stage stage) {
  return llvm::find_if(kStages, [&](const auto &entry) { return entry.second == stage; })->first.str();
}

/// `others` is what else the caller takes, for the message.
static Stage parseStage(const std::string &name, const char *others = "") {
  const auto *found = llvm::find_if(kStages, [&](const auto &entry) { return entry.first == name; });
  if (found == std::end(kStages))
    throw std::invalid_argument("stage: unknown '" + name +
                                "' (expected import, normalize, plan, tile, linalg, target" + others + ")");
  return found->second;
}

/// Why code for `target` cannot run here; empty if it can.
static std::string getObstacle(const Target &target) {
  llvm::Error error = checkRunsHere(target);
  return error ? StringRef(llvm::toString(std::move(error))).ltrim('-').str() : "";
}

Module::Context::Context() : mlir(getDialects(), MLIRContext::Threading::DISABLED) {
  // Errors quote the line of the input instead; late in compilation an op is pages long.
  mlir.printOpOnDiagnostic(false);
}

/// The context of a module for one piece of work: no other thread is in it, and diagnostics are caught.
struct Module::Work {
  explicit Work(const Module &module)
      : lock(module.context->mutex), diagnostics(&module.context->mlir, module.file, module.text) {}
  std::lock_guard<std::mutex> lock;
  DiagnosticCollector diagnostics;
};

Module::Module(std::shared_ptr<Context> context, std::string file, std::string text, Stage stage)
    : context(std::move(context)), file(std::move(file)), text(std::move(text)), stage(stage) {}

Module::~Module() {
  std::lock_guard<std::mutex> lock(context->mutex);
  op = nullptr;
}

std::shared_ptr<Module> Module::parse(const std::string &text, const std::string &file, const std::string &stage) {
  std::shared_ptr<Module> module(new Module(std::make_shared<Context>(), file, text, parseStage(stage)));
  Work work(*module);
  module->op = parseSourceString<ModuleOp>(text, &module->context->mlir, file);
  if (!module->op)
    work.diagnostics.raise();
  return module;
}

std::vector<std::string> Module::getFunctions() const {
  Work work(*this);
  std::vector<std::string> names;
  for (auto function : op->getOps<FunctionOpInterface>())
    if (function.isPublic() && !function.isExternal())
      names.push_back(function.getName().str());
  return names;
}

static std::string print(ModuleOp module) {
  std::string printed;
  llvm::raw_string_ostream os(printed);
  module.print(os);
  os << '\n';
  return printed;
}

std::string Module::toString() const {
  Work work(*this);
  return print(*op);
}

std::string Module::getStage() const { return getStageName(stage); }

CompileOptions Module::makeOptions(const std::string &cpu, Stage last) const {
  if (last < stage)
    throw std::invalid_argument("stage: expects one from '" + getStageName(stage) + "' on, where the module is, got '" +
                                getStageName(last) + "'");
  CompileOptions options;
  options.target = getTarget(cpu);
  options.startAfter = stage;
  return options;
}

std::string Module::lower(const std::string &name, const std::string &cpu) const {
  bool isText = name == "llvm" || name == "asm";
  Stage last = isText ? Stage::Target : parseStage(name, ", llvm or asm");
  CompileOptions options = makeOptions(cpu, last);
  Work work(*this);
  OwningOpRef<ModuleOp> copy = op->clone();
  if (!isText) {
    if (failed(lowerToStage(*copy, last, options)))
      work.diagnostics.raise();
    return print(*copy);
  }
  FailureOr<std::string> code = compileToText(*copy, name == "llvm" ? Emit::Llvm : Emit::Asm, options);
  if (failed(code))
    work.diagnostics.raise();
  return *code;
}

std::shared_ptr<Module> Module::runStages(const std::string &name, const std::string &cpu) const {
  Stage last = parseStage(name);
  CompileOptions options = makeOptions(cpu, last);
  std::shared_ptr<Module> result(new Module(context, file, text, last));
  Work work(*this);
  result->op = op->clone();
  if (failed(lowerToStage(*result->op, last, options))) {
    result->op = nullptr; // here, where the context is ours
    work.diagnostics.raise();
  }
  return result;
}

std::shared_ptr<Module> Module::runPipeline(const std::string &pipeline) const {
  static std::once_flag once;
  std::call_once(once, attn::registerAllPasses);
  std::shared_ptr<Module> result(new Module(context, file, text, stage));
  Work work(*this);
  std::string message;
  llvm::raw_string_ostream os(message);
  FailureOr<OpPassManager> passes = parsePassPipeline(pipeline, os);
  if (failed(passes)) {
    work.diagnostics.addError("pipeline: " + StringRef(message).rtrim());
    work.diagnostics.raise();
  }
  if (passes->getOpAnchorName() != ModuleOp::getOperationName() &&
      passes->getOpAnchorName() != OpPassManager::getAnyOpAnchorName()) {
    work.diagnostics.addError("pipeline: expects 'builtin.module(...)', got an anchor '" + passes->getOpAnchorName() +
                              "'");
    work.diagnostics.raise();
  }
  result->op = op->clone();
  PassManager pm(&context->mlir, passes->getOpAnchorName());
  static_cast<OpPassManager &>(pm) = std::move(*passes);
  if (failed(pm.run(*result->op))) {
    result->op = nullptr; // here, where the context is ours
    work.diagnostics.raise();
  }
  return result;
}

std::string Module::explain(const Explain &what, const std::string &cpu) const {
  CompileOptions options = makeOptions(cpu, Stage::Plan);
  Work work(*this);
  OwningOpRef<ModuleOp> copy = op->clone();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (failed(attn::explain(*copy, what, options, os)))
    work.diagnostics.raise();
  return text;
}

/// Finds out, for each result of a function that is an output, which size of which argument each unknown size of it is.
/// `scratch` is changed.
static std::vector<std::vector<SizeSource>> findResultSizes(func::FuncOp scratch) {
  auto ret = dyn_cast<func::ReturnOp>(scratch.getBody().front().getTerminator());
  if (!ret || !scratch.getBody().hasOneBlock())
    return {};
  std::vector<std::vector<SizeSource>> sizes;
  OpBuilder builder(ret);
  for (Value value : ret.getOperands()) {
    if (getUpdatedArgument(value))
      continue;
    sizes.emplace_back();
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      continue;
    sizes.back().resize(type.getRank());
    auto result = dyn_cast<OpResult>(value);
    ReifiedRankedShapedTypeDims shapes;
    if (!result || failed(reifyResultShapes(builder, result.getOwner(), shapes)))
      continue;
    for (auto [size, source] : llvm::zip_equal(shapes[result.getResultNumber()], sizes.back())) {
      auto computed = dyn_cast<Value>(size);
      auto dim = computed ? computed.getDefiningOp<tensor::DimOp>() : nullptr;
      auto argument = dim ? dyn_cast<BlockArgument>(dim.getSource()) : BlockArgument();
      if (argument && argument.getOwner()->isEntryBlock() && dim.getConstantIndex())
        source = {argument.getArgNumber(), *dim.getConstantIndex()};
    }
  }
  return sizes;
}

/// The last of `targets` that this machine can run, or else the last, and `obstacle` says what it lacks for that one.
static Target chooseTarget(llvm::ArrayRef<Target> targets, std::string &obstacle) {
  for (const Target &target : llvm::reverse(targets))
    if (getObstacle(target).empty())
      return target;
  obstacle = getObstacle(targets.back());
  return targets.back();
}

Compiled Module::compile(const std::vector<std::string> &cpus, unsigned optLevel) const {
  std::vector<Target> targets = getTargets(cpus);
  std::string obstacle;
  CompileOptions options;
  options.target = chooseTarget(targets, obstacle);
  options.levels = std::move(targets);
  options.startAfter = stage;
  options.optLevel = optLevel;
  Work work(*this);
  OwningOpRef<ModuleOp> copy = op->clone();
  FailureOr<CompiledModule> compiled = compileToObject(*copy, options);
  if (failed(compiled))
    work.diagnostics.raise();

  OwningOpRef<ModuleOp> scratch = op->clone();
  std::string names =
      llvm::join(llvm::map_range(options.levels, [](const Target &level) { return level.cpu.name; }), ",");
  Compiled result;
  for (const KernelSignature &signature : compiled->kernels) {
    std::unique_ptr<LoadedKernel> code;
    if (obstacle.empty()) {
      auto loaded = LoadedKernel::load(compiled->object, signature);
      if (!loaded) {
        work.diagnostics.addError(signature.name + ": " + llvm::toString(loaded.takeError()));
        work.diagnostics.raise();
      }
      code = std::move(*loaded);
    }
    auto kernel = std::make_shared<Kernel>(signature, options.target.cpu.name, std::move(code), obstacle);
    // Later stages turn results into arguments.
    auto function = scratch->lookupSymbol<func::FuncOp>(signature.name);
    if (function && stage <= Stage::Plan)
      kernel->outputSizes = findResultSizes(function);
    result.kernels.push_back(std::move(kernel));
    result.descriptions.push_back(describeKernel(signature, names));
  }
  result.header = makeHeader(compiled->kernels, options);
  result.object = std::move(compiled->object);
  return result;
}

std::vector<std::shared_ptr<Kernel>> attn::python::loadLibrary(const std::string &path) {
  auto library = KernelLibrary::open(path);
  if (!library)
    raiseInvalid(library.takeError());
  std::string host = getTarget("native").cpu.name;
  std::vector<std::shared_ptr<Kernel>> kernels;
  for (const KernelDescription &description : (*library)->getKernels()) {
    // A kernel for "native" bears the host's name and uses only what the host reports, which under a hypervisor may be
    // less than the name implies: the name alone is enough then.
    std::string obstacle = description.cpu == host ? "" : getObstacle(getTarget(description.cpu));
    std::unique_ptr<LoadedKernel> code;
    if (obstacle.empty()) {
      auto loaded = LoadedKernel::load(*library, description.signature);
      if (!loaded)
        raiseInvalid(loaded.takeError());
      code = std::move(*loaded);
    }
    kernels.push_back(
        std::make_shared<Kernel>(description.signature, description.cpu, std::move(code), std::move(obstacle)));
  }
  return kernels;
}

void attn::python::linkLibrary(const std::string &object, const std::string &path) {
  if (llvm::Error error = linkSharedLibrary(object, path))
    throw std::runtime_error(llvm::toString(std::move(error)));
}
