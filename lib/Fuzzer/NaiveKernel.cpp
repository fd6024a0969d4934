// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "NaiveKernel.h"

#include "attn/Pipelines/NaiveExecution.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;
using namespace attn;

static constexpr llvm::StringLiteral kTrampoline("attn_fuzz_trampoline");

/// `void trampoline(ptr arguments)`: calls `function` with one argument from each address.
static void addTrampoline(llvm::Module &module, llvm::Function &function) {
  llvm::LLVMContext &context = module.getContext();
  auto *ptr = llvm::PointerType::get(context, 0);
  auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {ptr}, false);
  auto *trampoline = llvm::Function::Create(type, llvm::Function::ExternalLinkage, kTrampoline, module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", trampoline));
  llvm::SmallVector<llvm::Value *> values;
  for (llvm::Argument &argument : function.args()) {
    llvm::Value *slot = b.CreateConstInBoundsGEP1_64(ptr, trampoline->getArg(0), argument.getArgNo());
    llvm::Value *address = b.CreateLoad(ptr, slot);
    values.push_back(argument.getType()->isPointerTy() ? address : b.CreateLoad(argument.getType(), address));
  }
  b.CreateCall(&function, values);
  b.CreateRetVoid();
}

NaiveKernel::NaiveKernel(const KernelSignature &signature) : signature(signature) {}
NaiveKernel::~NaiveKernel() = default;

llvm::Expected<std::unique_ptr<NaiveKernel>> NaiveKernel::create(ModuleOp module, const KernelSignature &signature) {
  auto fail = [](llvm::StringRef what) { return llvm::createStringError("naive execution: " + what); };
  std::unique_ptr<NaiveKernel> kernel(new NaiveKernel(signature));
  OwningOpRef<ModuleOp> copy = module.clone();
  auto source = copy->lookupSymbol<func::FuncOp>(signature.name);
  if (!source)
    return fail("there is no function '" + signature.name + "'");
  kernel->returnsResults = source.getNumResults() > 0;
  PassManager pm(copy->getContext(), ModuleOp::getOperationName());
  buildNaiveExecution(pm);
  if (failed(pm.run(*copy)))
    return fail("passes fail");
  registerBuiltinDialectTranslation(*copy->getContext());
  registerLLVMDialectTranslation(*copy->getContext());
  auto context = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> llvmModule = translateModuleToLLVMIR(*copy, *context, "naive");
  llvm::Function *function = llvmModule ? llvmModule->getFunction("_mlir_ciface_" + signature.name) : nullptr;
  if (!function)
    return fail("no LLVM IR");
  addTrampoline(*llvmModule, *function);

  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return builder.takeError();
  builder->setCodeGenOptLevel(llvm::CodeGenOptLevel::None);
  auto jit = llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*builder)).create();
  if (!jit)
    return jit.takeError();
  kernel->jit = std::move(*jit);
  llvmModule->setDataLayout(kernel->jit->getDataLayout());
  auto symbols =
      llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(kernel->jit->getDataLayout().getGlobalPrefix());
  if (!symbols)
    return symbols.takeError();
  kernel->jit->getMainJITDylib().addGenerator(std::move(*symbols));
  if (llvm::Error error = kernel->jit->addIRModule({std::move(llvmModule), std::move(context)}))
    return std::move(error);
  auto address = kernel->jit->lookup(kTrampoline);
  if (!address)
    return address.takeError();
  kernel->trampoline = address->toPtr<void (*)(const void *const *)>();
  return kernel;
}

/// A memref descriptor: allocated and aligned pointer, offset, sizes, strides.
static std::vector<int64_t> makeDescriptor(const TensorBuffer &buffer) {
  size_t rank = buffer.getSizes().size();
  auto *view = static_cast<const int64_t *>(buffer.getView());
  std::vector<int64_t> descriptor{view[0], view[0], 0};
  descriptor.insert(descriptor.end(), view + 1, view + 1 + 2 * rank);
  return descriptor;
}

/// Copies the elements that a descriptor of the same sizes shows into `buffer`.
static void copyFrom(const int64_t *descriptor, TensorBuffer &buffer) {
  size_t rank = buffer.getSizes().size(), bytes = getByteSize(buffer.getType());
  const int64_t *strides = descriptor + 3 + rank;
  buffer.forEachIndex([&](ArrayRef<int64_t> index) {
    int64_t element = descriptor[2];
    for (size_t i = 0; i < rank; ++i)
      element += index[i] * strides[i];
    std::memcpy(buffer.address(index), reinterpret_cast<const char *>(descriptor[1]) + element * bytes, bytes);
  });
}

void NaiveKernel::call(Arguments &arguments) const {
  std::vector<std::vector<int64_t>> descriptors;
  descriptors.reserve(signature.arguments.size());
  std::vector<const void *> pointers;
  std::vector<int64_t> results;
  size_t resultWords = 0;
  for (const KernelArgument &argument : signature.arguments)
    if (argument.kind == KernelArgument::Kind::Output)
      resultWords += 3 + 2 * argument.sizes.size();
  if (returnsResults) {
    results.resize(resultWords);
    pointers.push_back(results.data());
  }
  for (auto [number, argument] : llvm::enumerate(signature.arguments)) {
    if (argument.isScalar()) {
      pointers.push_back(arguments.getPointers()[number]);
    } else if (argument.kind == KernelArgument::Kind::Input || !returnsResults) {
      descriptors.push_back(makeDescriptor(*arguments.getBuffer(number)));
      pointers.push_back(descriptors.back().data());
    }
  }
  trampoline(pointers.data());
  if (!returnsResults)
    return;
  const int64_t *descriptor = results.data();
  for (auto [number, argument] : llvm::enumerate(signature.arguments))
    if (argument.kind == KernelArgument::Kind::Output) {
      copyFrom(descriptor, *arguments.getBuffer(number));
      descriptor += 3 + 2 * argument.sizes.size();
    }
}
