// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/KernelLoader.h"

#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mutex>

using namespace attn;

static constexpr llvm::StringLiteral kTrampoline("attn_run_trampoline"), kSizeTrampoline("attn_run_size_trampoline");

/// The LLVM type by which C passes this scalar.
static llvm::Type *getScalarType(ElementType type, llvm::LLVMContext &context) {
  if (type == ElementType::F32)
    return llvm::Type::getFloatTy(context);
  if (type == ElementType::F64)
    return llvm::Type::getDoubleTy(context);
  return llvm::IntegerType::get(context, 8 * getByteSize(type));
}

/// `result trampoline(ptr function, ptr call, ptr arguments)`: how many arguments of which type a kernel has is known
/// only now, and C++ has no call for that.
static void addTrampoline(llvm::Module &module, llvm::StringRef name, llvm::Type *result,
                          const KernelSignature &signature) {
  llvm::LLVMContext &context = module.getContext();
  llvm::Type *ptr = llvm::PointerType::get(context, 0);
  auto *type = llvm::FunctionType::get(result, {ptr, ptr, ptr}, false);
  auto *function = llvm::Function::Create(type, llvm::Function::ExternalLinkage, name, module);
  llvm::IRBuilder<> b(llvm::BasicBlock::Create(context, "", function));
  llvm::SmallVector<llvm::Type *> types{ptr};
  llvm::SmallVector<llvm::Value *> values{function->getArg(1)};
  for (size_t i = 0; i < signature.arguments.size(); ++i) {
    const KernelArgument &argument = signature.arguments[i];
    llvm::Value *value = b.CreateLoad(ptr, b.CreateConstInBoundsGEP1_64(ptr, function->getArg(2), i));
    if (argument.isScalar())
      value = b.CreateLoad(getScalarType(argument.type, context), value);
    types.push_back(value->getType());
    values.push_back(value);
  }
  b.CreateRet(b.CreateCall(llvm::FunctionType::get(result, types, false), function->getArg(0), values));
}

static llvm::orc::ThreadSafeModule buildTrampolines(const KernelSignature &signature) {
  auto context = std::make_unique<llvm::LLVMContext>();
  auto module = std::make_unique<llvm::Module>("trampoline", *context);
  addTrampoline(*module, kTrampoline, llvm::Type::getInt32Ty(*context), signature);
  addTrampoline(*module, kSizeTrampoline, llvm::Type::getInt64Ty(*context), signature);
  return {std::move(module), std::move(context)};
}

LoadedKernel::LoadedKernel() = default;
LoadedKernel::~LoadedKernel() = default;

/// The address of `name` in the JIT's main library.
static llvm::Expected<void *> findSymbol(llvm::orc::LLJIT &jit, llvm::StringRef name) {
  auto address = jit.lookup(name);
  if (!address)
    return address.takeError();
  return address->toPtr<void *>();
}

llvm::Error LoadedKernel::addTrampoline(const KernelSignature &signature) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  auto created = llvm::orc::LLJITBuilder().create();
  if (!created)
    return created.takeError();
  jit = std::move(*created);
  if (llvm::Error error = jit->addIRModule(buildTrampolines(signature)))
    return error;
  llvm::Expected<void *> address = findSymbol(*jit, kTrampoline), ofSize = findSymbol(*jit, kSizeTrampoline);
  if (llvm::Error error = llvm::joinErrors(address.takeError(), ofSize.takeError()))
    return error;
  trampoline = reinterpret_cast<decltype(trampoline)>(*address);
  sizeTrampoline = reinterpret_cast<decltype(sizeTrampoline)>(*ofSize);
  return llvm::Error::success();
}

size_t LoadedKernel::getWorkspaceSize(int32_t workers, llvm::ArrayRef<const void *> arguments) const {
  if (!callWorkspaceSize)
    return workspaceSize(workers);
  attn_call call = {ATTN_ABI_VERSION, workers, nullptr, 0, nullptr, nullptr};
  return sizeTrampoline(callWorkspaceSize, &call, arguments.data());
}

llvm::Expected<std::unique_ptr<LoadedKernel>> LoadedKernel::load(llvm::StringRef object,
                                                                 const KernelSignature &signature) {
  std::unique_ptr<LoadedKernel> kernel(new LoadedKernel);
  if (llvm::Error error = kernel->addTrampoline(signature))
    return std::move(error);
  if (llvm::Error error = kernel->jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object, signature.name)))
    return std::move(error);
  llvm::Expected<void *> function = findSymbol(*kernel->jit, signature.name),
                         workspaceSize = findSymbol(*kernel->jit, signature.getSymbol("workspace_size"));
  if (llvm::Error error = llvm::joinErrors(function.takeError(), workspaceSize.takeError()))
    return std::move(error);
  kernel->function = *function;
  kernel->workspaceSize = reinterpret_cast<decltype(kernel->workspaceSize)>(*workspaceSize);
  if (signature.isSharedOfCall) {
    llvm::Expected<void *> ofCall = findSymbol(*kernel->jit, signature.getSymbol(kCallWorkspaceSuffix));
    if (!ofCall)
      return ofCall.takeError();
    kernel->callWorkspaceSize = *ofCall;
  }
  return kernel;
}

/// Names of the functions NAME_description that a shared library defines, sorted.
static llvm::Expected<std::vector<std::string>> findDescriptions(llvm::MemoryBufferRef file) {
  auto binary = llvm::object::ObjectFile::createObjectFile(file);
  if (!binary)
    return binary.takeError();
  auto *elf = llvm::dyn_cast<llvm::object::ELFObjectFileBase>(binary->get());
  if (!elf || elf->getEType() != llvm::ELF::ET_DYN)
    return llvm::createStringError("expects a shared library in ELF (attn-compile --emit=shared)");
  std::vector<std::string> names;
  for (const llvm::object::ELFSymbolRef symbol : elf->getDynamicSymbolIterators()) {
    llvm::Expected<llvm::StringRef> name = symbol.getName();
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    if (llvm::Error error = llvm::joinErrors(name.takeError(), flags.takeError()))
      return std::move(error);
    bool isDefined = !(*flags & llvm::object::SymbolRef::SF_Undefined);
    if (isDefined && symbol.getELFType() == llvm::ELF::STT_FUNC && name->ends_with("_description"))
      names.push_back(name->str());
  }
  llvm::sort(names);
  if (names.empty())
    return llvm::createStringError("holds no kernel: it has no function NAME_description");
  return names;
}

// dlopen() takes a path that it has seen for the library it opened then, even when the file has been replaced since. A
// copy in memory has a name of its own for as long as its descriptor is open, and nobody can change it.
llvm::Error KernelLibrary::openCopy(const llvm::MemoryBuffer &file) {
  llvm::StringRef name = llvm::sys::path::filename(file.getBufferIdentifier());
  memory = memfd_create(name.take_front(200).str().c_str(), MFD_CLOEXEC); // Linux takes 249 bytes
  if (memory < 0)
    return llvm::errorCodeToError(std::error_code(errno, std::generic_category()));
  llvm::raw_fd_ostream os(memory, /*shouldClose=*/false, /*unbuffered=*/true);
  os << file.getBuffer();
  if (os.has_error()) {
    std::error_code error = os.error();
    os.clear_error();
    return llvm::errorCodeToError(error);
  }
  handle = dlopen(("/proc/self/fd/" + std::to_string(memory)).c_str(), RTLD_NOW | RTLD_LOCAL);
  return handle ? llvm::Error::success() : llvm::createStringError(llvm::Twine(dlerror()));
}

llvm::Expected<std::shared_ptr<const KernelLibrary>> KernelLibrary::open(llvm::StringRef path) {
  auto fail = [&](const llvm::Twine &what) { return llvm::createStringError(path + ": " + what); };
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false,
                                          /*IsVolatile=*/true); // no mapping: a change would be seen halfway
  if (!file)
    return fail(file.getError().message());
  auto names = findDescriptions((*file)->getMemBufferRef());
  if (!names)
    return fail(llvm::toString(names.takeError()));

  std::shared_ptr<KernelLibrary> library(new KernelLibrary);
  if (llvm::Error error = library->openCopy(**file))
    return fail(llvm::toString(std::move(error)));
  for (const std::string &name : *names) {
    auto describe = reinterpret_cast<const char *(*)()>(library->find(name));
    const char *text = describe ? describe() : nullptr;
    if (!text) // a library for several processors asks which of them this is
      return fail(name + "() gives no text: is this machine one of those that the library was compiled for?");
    auto description = parseKernelDescription(text);
    if (!description)
      return fail(name + "(): " + llvm::toString(description.takeError()));
    library->kernels.push_back(std::move(*description));
  }
  return library;
}

KernelLibrary::~KernelLibrary() {
  if (handle)
    dlclose(handle);
  if (memory >= 0)
    close(memory); // last: its number is the name by which dlopen() knows the library
}

void *KernelLibrary::find(const std::string &symbol) const { return dlsym(handle, symbol.c_str()); }

llvm::Expected<std::unique_ptr<LoadedKernel>> LoadedKernel::load(std::shared_ptr<const KernelLibrary> library,
                                                                 const KernelSignature &signature) {
  std::unique_ptr<LoadedKernel> kernel(new LoadedKernel);
  std::string sizeName = signature.getSymbol("workspace_size");
  kernel->function = library->find(signature.name);
  kernel->workspaceSize = reinterpret_cast<decltype(kernel->workspaceSize)>(library->find(sizeName));
  if (!kernel->function || !kernel->workspaceSize)
    return llvm::createStringError("the library has no function '" + signature.name + "' or no '" + sizeName + "'");
  if (signature.isSharedOfCall) {
    std::string ofCall = signature.getSymbol(kCallWorkspaceSuffix);
    kernel->callWorkspaceSize = library->find(ofCall);
    if (!kernel->callWorkspaceSize)
      return llvm::createStringError("the library has no function '" + ofCall + "'");
  }
  if (llvm::Error error = kernel->addTrampoline(signature))
    return std::move(error);
  kernel->library = std::move(library);
  return kernel;
}
