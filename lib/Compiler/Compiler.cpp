// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Compiler/Compiler.h"

#include "Chips.h"
#include "Levels.h"
#include "attn/Compiler/Ptx.h"
#include "attn/Support/Optimize.h"
#include "attn/Target/CPU/Passes.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace attn;

/// True when nothing but the llvm dialect is left, as after the target stage.
static bool isLlvmDialect(ModuleOp module) {
  return llvm::all_of(*module.getBody(), [](Operation &op) { return isa<LLVM::LLVMDialect>(op.getDialect()); });
}

/// A module that has entry points already is not given them twice.
static bool hasEntryPoints(ModuleOp module) {
  return llvm::any_of(module.getOps<LLVM::LLVMFuncOp>(), [](LLVM::LLVMFuncOp function) {
    return function->hasAttr(kKernelAttrName) && function.getLinkage() == LLVM::Linkage::External &&
           !function.getName().ends_with("_task");
  });
}

static LogicalResult runPasses(ModuleOp module, const CompileOptions &options,
                               llvm::function_ref<LogicalResult(OpPassManager &)> build) {
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  if (options.applyCommandLine && failed(applyPassManagerCLOptions(pm)))
    return failure();
  if (options.applyCommandLine)
    applyDefaultTimingPassManagerCLOptions(pm);
  if (failed(build(pm)))
    return failure();
  return pm.run(module);
}

LogicalResult attn::lowerToStage(ModuleOp module, Stage last, const CompileOptions &options) {
  if (isLlvmDialect(module))
    return success();
  return runPasses(module, options, [&](OpPassManager &pm) {
    if (options.gpu.chip.empty())
      buildCPUPipeline(pm, options.startAfter, last, options.target.cpu);
    else
      buildGPUPipeline(pm, options.startAfter, last, options.gpu);
    return success();
  });
}

/// Takes the gpu.modules of `module` out into one of their own; null where there are none.
static OwningOpRef<ModuleOp> takeDevice(ModuleOp module) {
  OwningOpRef<ModuleOp> device;
  for (auto gpuModule : llvm::make_early_inc_range(module.getOps<gpu::GPUModuleOp>())) {
    if (!device)
      device = ModuleOp::create(module.getLoc());
    gpuModule->moveBefore(device->getBody(), device->getBody()->end());
  }
  return device;
}

/// Puts the code of each kernel where the entry functions of `host` look for it.
static LogicalResult embedImages(ModuleOp device, llvm::Module &host, ArrayRef<KernelSignature> kernels,
                                 const CompileOptions &options) {
  for (const KernelSignature &kernel : kernels) {
    FailureOr<std::string> code =
        compileToPtx(device.lookupSymbol(kernel.getSymbol("device")), options.gpu, options.optLevel);
    if (failed(code))
      return failure();
    if (options.embedMachineCode) {
      llvm::Expected<std::string> assembled = assemble(*code, options.gpu);
      if (!assembled)
        return device.emitError() << llvm::toString(assembled.takeError());
      code = std::move(*assembled);
    } else {
      code->push_back('\0');
    }
    llvm::GlobalVariable *empty = host.getNamedGlobal(kernel.getSymbol(kImageSuffix));
    llvm::Constant *text = llvm::ConstantDataArray::getString(host.getContext(), *code, /*AddNull=*/false);
    auto *image = new llvm::GlobalVariable(host, text->getType(), /*isConstant=*/true, empty->getLinkage(), text);
    image->setAlignment(llvm::Align(16));
    image->takeName(empty);
    empty->replaceAllUsesWith(image);
    empty->eraseFromParent();
    for (StringRef which : {"kernel", "merge"}) {
      llvm::GlobalVariable *description = host.getNamedGlobal(kernel.getSymbol((which + kDescriptionSuffix).str()));
      if (!description)
        continue;
      auto *initializer = cast<llvm::ConstantStruct>(description->getInitializer());
      SmallVector<llvm::Constant *> members;
      for (unsigned i = 0; i < initializer->getNumOperands(); ++i)
        members.push_back(initializer->getOperand(i));
      members[2] = llvm::ConstantInt::get(members[2]->getType(), code->size());
      members[6] = llvm::ConstantInt::get(members[6]->getType(), !options.embedMachineCode);
      description->setInitializer(llvm::ConstantStruct::get(initializer->getType(), members));
    }
  }
  return success();
}

LogicalResult attn::explain(ModuleOp module, const Explain &what, const CompileOptions &options,
                            llvm::raw_ostream &os) {
  return runPasses(module, options, [&](OpPassManager &pm) {
    buildCPUPipeline(pm, options.startAfter, Stage::Plan, options.target.cpu);
    addExplanation(pm, what, options.target.cpu, os);
    return success();
  });
}

/// Everything up to LLVM IR. The returned module has the layout of `machine`.
static FailureOr<std::unique_ptr<llvm::Module>> translate(ModuleOp module, llvm::LLVMContext &context,
                                                          llvm::TargetMachine &machine, const CompileOptions &options,
                                                          std::vector<KernelSignature> &kernels,
                                                          OwningOpRef<ModuleOp> *device = nullptr) {
  if (failed(lowerToStage(module, Stage::Target, options)))
    return failure();
  OwningOpRef<ModuleOp> deviceModule = takeDevice(module);
  LogicalResult prepared = runPasses(module, options, [&](OpPassManager &pm) {
    if (!hasEntryPoints(module))
      pm.addPass(createAttnEmitEntryPointsPass({options.target.cpu.name}));
    if (options.debugInfo)
      pm.addPass(LLVM::createDIScopeForLLVMFuncOpPass());
    return success();
  });
  if (failed(prepared))
    return failure();
  FailureOr<std::vector<KernelSignature>> signatures = getKernelSignatures(module);
  if (failed(signatures))
    return failure();
  if (signatures->empty())
    return module.emitError() << "holds no kernel: expects a public function with an attention op";
  kernels = std::move(*signatures);

  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(module, context, "attn");
  if (!llvmModule)
    return failure();
  llvmModule->setTargetTriple(machine.getTargetTriple());
  llvmModule->setDataLayout(machine.createDataLayout());
  if (deviceModule && options.embedImages && failed(embedImages(*deviceModule, *llvmModule, kernels, options)))
    return failure();
  if (device)
    *device = std::move(deviceModule);
  for (llvm::Function &function : *llvmModule) {
    if (function.isDeclaration())
      continue;
    // Also on the functions, so that emitted LLVM IR compiles elsewhere to the same code.
    function.addFnAttr("target-cpu", options.target.cpu.name);
    if (!options.target.features.empty())
      function.addFnAttr("target-features", options.target.features);
  }
  return llvmModule;
}

/// Objects must link without libraries: says which symbols this one would need.
static LogicalResult checkUndefinedSymbols(ModuleOp module, llvm::StringRef object) {
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "attn.o"));
  if (!file)
    return module.emitError() << "cannot read back the object: " << llvm::toString(file.takeError());
  std::string names;
  for (const llvm::object::SymbolRef &symbol : (*file)->symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    bool isUndefined = flags && name && (*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty() &&
                       *name != "_GLOBAL_OFFSET_TABLE_"; // every linker defines it
    if (isUndefined)
      names += (names.empty() ? "" : ", ") + name->str();
    llvm::consumeError(flags.takeError());
    llvm::consumeError(name.takeError());
  }
  if (names.empty())
    return success();
  return module.emitError() << "the object would need symbols of libraries: " << names;
}

/// Optimised LLVM IR for options.target.
static FailureOr<std::unique_ptr<llvm::Module>> generateLevel(ModuleOp module, llvm::LLVMContext &context,
                                                              const CompileOptions &options,
                                                              std::vector<KernelSignature> &kernels,
                                                              OwningOpRef<ModuleOp> *device = nullptr) {
  auto machine = createTargetMachine(options.target, options.optLevel);
  if (!machine)
    return module.emitError() << llvm::toString(machine.takeError());
  FailureOr<std::unique_ptr<llvm::Module>> llvmModule = translate(module, context, **machine, options, kernels, device);
  if (succeeded(llvmModule)) {
    llvm::PipelineTuningOptions tuning;
    tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopInterleaving = options.optLevel > 1;
    optimize(**llvmModule, **machine, options.optLevel, /*hasLibrary=*/false, tuning);
  }
  return llvmModule;
}

/// Optimised LLVM IR for all of options.levels, or of options.chips. The workspace of a signature is the largest of
/// those.
static FailureOr<std::unique_ptr<llvm::Module>> generateVersions(ModuleOp module, llvm::LLVMContext &context,
                                                                 const CompileOptions &options,
                                                                 std::vector<KernelSignature> &kernels) {
  bool hasChips = options.chips.size() > 1;
  if (isLlvmDialect(module) || !module.getOps<gpu::GPUModuleOp>().empty())
    return module.emitError() << "cannot be compiled for several " << (hasChips ? "chips" : "processors")
                              << ": it is at stage target, past where they differ; compile from an earlier stage, or "
                                 "for one "
                              << (hasChips ? "chip" : "processor");
  std::vector<std::unique_ptr<llvm::Module>> modules;
  for (size_t index = 0; index < (hasChips ? options.chips.size() : options.levels.size()); ++index) {
    CompileOptions ofLevel = options;
    if (hasChips)
      ofLevel.gpu = options.chips[index];
    else
      ofLevel.target = options.levels[index];
    OwningOpRef<ModuleOp> copy = module.clone();
    std::vector<KernelSignature> signatures;
    FailureOr<std::unique_ptr<llvm::Module>> llvmModule = generateLevel(*copy, context, ofLevel, signatures);
    if (failed(llvmModule))
      return failure();
    modules.push_back(std::move(*llvmModule));
    for (auto [signature, kernel] : llvm::zip(signatures, kernels)) {
      signature.workspaceBytes = std::max(signature.workspaceBytes, kernel.workspaceBytes);
      signature.sharedBytes = std::max(signature.sharedBytes, kernel.sharedBytes);
    }
    kernels = std::move(signatures);
  }
  auto joined = hasChips ? joinChips(std::move(modules), options.chips, kernels)
                         : joinLevels(std::move(modules), options.levels, kernels);
  if (!joined)
    return module.emitError() << llvm::toString(joined.takeError());
  return std::move(*joined);
}

/// Compiles to an object (Emit::Object), assembly or LLVM IR.
static FailureOr<std::string> generate(ModuleOp module, Emit kind, const CompileOptions &options,
                                       std::vector<KernelSignature> &kernels, OwningOpRef<ModuleOp> *device = nullptr) {
  llvm::LLVMContext context;
  bool hasLevels = options.levels.size() > 1;
  FailureOr<std::unique_ptr<llvm::Module>> llvmModule = hasLevels || options.chips.size() > 1
                                                            ? generateVersions(module, context, options, kernels)
                                                            : generateLevel(module, context, options, kernels, device);
  if (failed(llvmModule))
    return failure();
  // Functions say for which processor they are; what this machine says holds for those that do not.
  Target target = options.target;
  if (hasLevels) {
    target = Target();
    target.cpu.name = "x86-64";
  }
  auto machine = createTargetMachine(target, options.optLevel);
  if (!machine)
    return module.emitError() << llvm::toString(machine.takeError());

  llvm::SmallString<0> code;
  llvm::raw_svector_ostream os(code);
  if (kind == Emit::Llvm) {
    (*llvmModule)->print(os, nullptr);
    return code.str().str();
  }
  llvm::legacy::PassManager passes;
  auto fileType = kind == Emit::Asm ? llvm::CodeGenFileType::AssemblyFile : llvm::CodeGenFileType::ObjectFile;
  if ((*machine)->addPassesToEmitFile(passes, os, nullptr, fileType))
    return module.emitError() << "LLVM cannot emit this kind of file for " << options.target.cpu.name;
  passes.run(**llvmModule);
  return code.str().str();
}

FailureOr<CompiledModule> attn::compileToObject(ModuleOp module, const CompileOptions &options) {
  CompiledModule compiled;
  FailureOr<std::string> object = generate(module, Emit::Object, options, compiled.kernels, &compiled.device);
  if (failed(object) || failed(checkUndefinedSymbols(module, *object)))
    return failure();
  compiled.object = std::move(*object);
  return compiled;
}

FailureOr<std::string> attn::compileForDevice(ModuleOp module, Emit kind, const CompileOptions &options) {
  if (failed(lowerToStage(module, Stage::Target, options)))
    return failure();
  auto devices = llvm::to_vector(module.getOps<gpu::GPUModuleOp>());
  if (devices.size() != 1)
    return module.emitError() << "expects one kernel for a GPU in a file of device code, got " << devices.size();
  if (kind == Emit::Llvm)
    return compileToDeviceIR(devices.front(), options.gpu, options.optLevel);
  FailureOr<std::string> ptx = compileToPtx(devices.front(), options.gpu, options.optLevel);
  if (failed(ptx) || kind == Emit::Ptx)
    return ptx;
  llvm::Expected<std::string> code = assemble(*ptx, options.gpu);
  if (!code)
    return module.emitError() << llvm::toString(code.takeError());
  return *code;
}

FailureOr<std::string> attn::compileToText(ModuleOp module, Emit kind, const CompileOptions &options) {
  std::vector<KernelSignature> kernels;
  return generate(module, kind, options, kernels);
}
