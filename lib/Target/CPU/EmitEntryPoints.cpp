// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Takes the functions of each kernel in the llvm dialect, leaves the C interface of attn-c/Abi.h and nothing else that
// is visible. Built here and not in C, so that one object holds everything and needs no C compiler.
#include "EntryBuilder.h"

#include "attn/Target/CPU/Passes.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;
using namespace attn;

namespace attn {
#define GEN_PASS_DEF_ATTNEMITENTRYPOINTSPASS
#include "attn/Target/CPU/Passes.h.inc"
} // namespace attn

/// Unwind tables for profilers and debuggers, and no calls of memset or memcpy that nobody links.
static void setCommonAttributes(LLVM::LLVMFuncOp function) {
  Builder b(function.getContext());
  function.setUwtableKindAttr(LLVM::UWTableKindAttr::get(function.getContext(), LLVM::uwtable::UWTableKind::Async));
  SmallVector<Attribute> passthrough;
  if (std::optional<ArrayAttr> present = function.getPassthrough())
    llvm::append_range(passthrough, *present);
  for (StringRef name : {"no-builtins", "nounwind"})
    if (!llvm::is_contained(passthrough, b.getStringAttr(name)))
      passthrough.push_back(b.getStringAttr(name));
  function.setPassthroughAttr(b.getArrayAttr(passthrough));
}

/// `size_t NAME_workspace_size(int32_t workers)`: 0 for fewer workers than need any; without what depends on sizes.
static void buildWorkspaceSize(OpBuilder &b, const KernelSignature &signature, Location loc) {
  OpBuilder::InsertionGuard guard(b);
  EntryBuilder entry(b, loc);
  LLVM::LLVMFuncOp function =
      createFunction(b, loc, signature.getSymbol("workspace_size"), b.getI64Type(), b.getI32Type());
  b.setInsertionPointToStart(function.addEntryBlock(b));
  Value bytes = entry.i64(0);
  if (signature.workspaceBytes > 0 || signature.hasShared()) {
    Value workers = function.getArgument(0);
    Value slots = LLVM::MulOp::create(b, loc, LLVM::SExtOp::create(b, loc, b.getI64Type(), workers),
                                      entry.i64(getSlotBytes(signature)));
    // Slack for a workspace that does not begin at a multiple of the alignment.
    Value all = LLVM::AddOp::create(b, loc, slots, entry.i64(getSharedBytes(signature) + kWorkspaceAlignment - 1));
    // One worker of a GPU divides nothing.
    Value none = entry.compare(LLVM::ICmpPredicate::slt, workers, entry.i32(signature.isLaunched ? 2 : 1));
    bytes = LLVM::SelectOp::create(b, loc, none, bytes, all);
  }
  LLVM::ReturnOp::create(b, loc, bytes);
}

/// `int32_t NAME_abi_version(void)` and `const char *NAME_description(void)`.
static void buildQuestions(OpBuilder &b, const KernelSignature &signature, StringRef cpu, Location loc) {
  OpBuilder::InsertionGuard guard(b);
  EntryBuilder entry(b, loc);
  LLVM::LLVMFuncOp version = createFunction(b, loc, signature.getSymbol("abi_version"), b.getI32Type(), {});
  std::string text = describeKernel(signature, cpu);
  text.push_back('\0');
  auto textType = LLVM::LLVMArrayType::get(b.getI8Type(), text.size());
  auto global = LLVM::GlobalOp::create(b, loc, textType, /*isConstant=*/true, LLVM::Linkage::Internal,
                                       signature.getSymbol("description_text"), b.getStringAttr(text));
  LLVM::LLVMFuncOp description = createFunction(b, loc, signature.getSymbol("description"), entry.getPointer(), {});

  b.setInsertionPointToStart(version.addEntryBlock(b));
  LLVM::ReturnOp::create(b, loc, entry.i32(ATTN_ABI_VERSION));
  b.setInsertionPointToStart(description.addEntryBlock(b));
  LLVM::ReturnOp::create(b, loc, LLVM::AddressOfOp::create(b, loc, global).getResult());
}

/// Makes `attn.kernel` of the first stage's task count for all stages, whose tasks share slots and partial states one
/// after the other: each takes as much as the stage that needs most.
static void countStages(LLVM::LLVMFuncOp task, ArrayRef<DictionaryAttr> stages) {
  Builder b(task.getContext());
  NamedAttrList entries(task->getAttrOfType<DictionaryAttr>(kKernelAttrName));
  for (StringRef name : {"workspace", "partials"}) {
    int64_t most = -1;
    for (DictionaryAttr stage : stages)
      if (auto bytes = stage ? stage.getAs<IntegerAttr>(name) : IntegerAttr())
        most = std::max(most, bytes.getInt());
    if (most >= 0)
      entries.set(name, b.getI64IntegerAttr(most));
  }
  task->setAttr(kKernelAttrName, entries.getDictionary(task.getContext()));
}

/// Finds the functions of the kernel whose first task function is `task` and checks their types.
static FailureOr<KernelFunctions> findKernel(LLVM::LLVMFuncOp task, StringRef cpu, SymbolTable &symbols) {
  FailureOr<KernelSignature> first = KernelSignature::get(task);
  if (failed(first))
    return failure();
  // By the number of stages, the dictionaries of all.
  SmallVector<DictionaryAttr> dictionaries{task->getAttrOfType<DictionaryAttr>(kKernelAttrName)};
  for (int64_t stage = 1; stage < first->stages; ++stage) {
    auto function = symbols.lookup<LLVM::LLVMFuncOp>(first->getSymbol(getStageSuffix("task", stage)));
    dictionaries.push_back(function ? function->getAttrOfType<DictionaryAttr>(kKernelAttrName) : DictionaryAttr());
  }
  if (first->stages > 1)
    countStages(task, dictionaries);
  FailureOr<KernelSignature> signature = KernelSignature::get(task);
  if (failed(signature))
    return failure();
  KernelFunctions kernel{std::move(*signature), {}, nullptr, nullptr, nullptr, nullptr, cpu.str()};

  OpBuilder b(task.getContext());
  EntryBuilder entry(b, task.getLoc());
  SmallVector<Type> arguments;
  entry.flattenTypes(kernel.signature, arguments);
  auto find = [&](StringRef suffix, Type result, TypeRange more, LLVM::LLVMFuncOp &function) -> LogicalResult {
    function = symbols.lookup<LLVM::LLVMFuncOp>(kernel.signature.getSymbol(suffix));
    if (!function)
      return task.emitError() << "needs the function '" << kernel.signature.getSymbol(suffix) << "'";
    SmallVector<Type> types(arguments);
    llvm::append_range(types, more);
    auto type = LLVM::LLVMFunctionType::get(result, types);
    if (function.getFunctionType() == type)
      return success();
    return function.emitError() << "does not take what '" << kKernelAttrName << "' says: expects " << type << ", got "
                                << function.getFunctionType();
  };
  Type i64 = b.getI64Type(), i32 = b.getI32Type(), pointer = entry.getPointer();
  Type none = LLVM::LLVMVoidType::get(task.getContext());
  StageFunctions &firstStage = kernel.stages.emplace_back();
  firstStage.task = task;
  if (failed(find("tasks", i64, {}, firstStage.tasks)) || failed(find("check", i32, {}, kernel.check)))
    return failure();
  if (dictionaries.front().contains(kChecksValuesName) && failed(find("check_values", i32, {}, kernel.checkValues)))
    return failure();
  if (kernel.signature.isSharedOfCall && failed(find("shared", i64, {}, kernel.shared)))
    return failure();
  for (auto [stage, dictionary] : llvm::enumerate(dictionaries)) {
    if (stage > 0)
      kernel.stages.emplace_back();
    StageFunctions &functions = kernel.stages.back();
    bool isDivided = dictionary && dictionary.contains("partials");
    SmallVector<Type> ofTask{i64};
    if (isDivided) {
      ofTask.append({i64, i64, pointer, pointer, i64, i64, i64});
      if (failed(find(getStageSuffix("splits", stage), i64, {i64}, functions.splits)))
        return failure();
    }
    ofTask.append({pointer, pointer, i64, i64, i64});
    if (!kernel.getLaunch() && failed(find(getStageSuffix("task", stage), none, ofTask, functions.task)))
      return failure();
    if (stage > 0 && failed(find(getStageSuffix("tasks", stage), i64, {}, functions.tasks)))
      return failure();
  }

  if (kernel.getLaunch() && kernel.stages.front().splits) {
    kernel.merge = symbols.lookup<LLVM::LLVMFuncOp>(kernel.signature.getSymbol("merge"));
    if (!kernel.merge || !kernel.merge->hasAttr("attn.launch"))
      return task.emitError() << "needs the kernel '" << kernel.signature.getSymbol("merge") << "'";
  }

  SmallVector<std::string> suffixes{"", "workspace_size", "abi_version", "description", "description_text"};
  if (kernel.signature.isSharedOfCall)
    suffixes.push_back(kCallWorkspaceSuffix.str());
  for (int64_t stage = 0; stage < kernel.signature.stages; ++stage)
    suffixes.push_back(getStageSuffix("body", stage));
  for (const std::string &suffix : suffixes) {
    std::string name = suffix.empty() ? kernel.signature.name : kernel.signature.getSymbol(suffix);
    if (Operation *taken = symbols.lookup(name))
      return taken->emitError() << "has the name '" << name << "' that kernel '" << kernel.signature.name
                                << "' needs: rename one of the two";
  }
  return kernel;
}

namespace {
struct EmitEntryPoints : attn::impl::AttnEmitEntryPointsPassBase<EmitEntryPoints> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SmallVector<LLVM::LLVMFuncOp> tasks;
    for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
      bool isLaunched = function->hasAttr("attn.launch");
      if (function.isExternal() && !isLaunched && !function.getName().starts_with("llvm.")) {
        function.emitError() << "would be an undefined symbol of the object: kernels must not need libraries";
        return signalPassFailure();
      }
      if (auto dictionary = function->getAttrOfType<DictionaryAttr>(kKernelAttrName))
        if (!dictionary.get("stage"))
          tasks.push_back(function);
      if (!function.isExternal())
        function.setLinkage(LLVM::Linkage::Internal);
    }
    for (auto global : module.getOps<LLVM::GlobalOp>())
      global.setLinkage(LLVM::Linkage::Internal);

    OpBuilder b(module.getBody(), module.getBody()->end());
    for (LLVM::LLVMFuncOp task : tasks) {
      FailureOr<KernelFunctions> kernel = findKernel(task, cpu, symbols);
      if (failed(kernel))
        return signalPassFailure();
      bool isLaunched = static_cast<bool>(kernel->getLaunch());
      SmallVector<LLVM::LLVMFuncOp> bodies;
      if (!isLaunched)
        bodies = buildTaskBodies(b, *kernel);
      LLVM::LLVMFuncOp entry = buildEntry(b, *kernel, bodies);
      buildWorkspaceSize(b, kernel->signature, task.getLoc());
      if (kernel->signature.isSharedOfCall)
        buildCallWorkspaceSize(b, *kernel);
      buildQuestions(b, kernel->signature, cpu, task.getLoc());
      NamedAttrList attributes(cast<DictionaryAttr>(task->removeAttr(kKernelAttrName)));
      entry->setAttr(kKernelAttrName, attributes.getDictionary(&getContext()));
      for (StageFunctions &functions : llvm::drop_begin(kernel->stages))
        functions.task->removeAttr(kKernelAttrName);
      // For clashes with kernels that follow; the builder has placed them already.
      for (Operation &op :
           llvm::make_range((isLaunched ? entry : bodies.front())->getIterator(), module.getBody()->end()))
        if (isa<SymbolOpInterface>(op))
          symbols.insert(&op);
      if (isLaunched)
        task.erase();
      if (kernel->merge)
        kernel->merge.erase();
    }
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      if (!function.isExternal())
        setCommonAttributes(function);
  }
};
} // namespace
