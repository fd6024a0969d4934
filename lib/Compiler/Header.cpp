// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The C header of a compiled module. It carries the text of attn-c/Abi.h, so that object and header are all that a
// caller needs.
#include "attn/Compiler/Compiler.h"
#include "attn/Support/Version.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace attn;

static constexpr const char kAbiText[] =
#include "Abi.inc"
    ;
static constexpr const char kGpuText[] =
#include "Gpu.inc"
    ;

/// Argument names as C parameters: words of C and C++ and our own first parameter get an underscore.
static std::string getParameterName(StringRef name) {
  static const llvm::StringSet<> taken = {
      "alignas",  "alignof", "and",      "asm",       "auto",     "bool",     "break",     "call",   "case",
      "catch",    "char",    "class",    "const",     "continue", "default",  "delete",    "do",     "double",
      "else",     "enum",    "explicit", "export",    "extern",   "false",    "float",     "for",    "friend",
      "goto",     "if",      "inline",   "int",       "long",     "mutable",  "namespace", "new",    "not",
      "operator", "or",      "private",  "protected", "public",   "register", "restrict",  "return", "short",
      "signed",   "sizeof",  "static",   "struct",    "switch",   "template", "this",      "throw",  "true",
      "try",      "typedef", "typename", "union",     "unsigned", "using",    "virtual",   "void",   "volatile",
      "while",    "xor"};
  return taken.contains(name) ? name.str() + "_" : name.str();
}

static std::string getViewType(const KernelArgument &argument) {
  return llvm::formatv("attn_view{0}_{1}", argument.sizes.size(), getViewSuffix(argument.type)).str();
}

/// "[1, ?, 64]": the sizes a caller passes, "?" where it chooses.
static std::string getSizesText(const KernelArgument &argument) {
  std::string text = "[";
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(argument.sizes, os, [&](int64_t size) {
    if (ShapedType::isDynamic(size))
      os << '?';
    else
      os << size;
  });
  os << ']';
  return text;
}

static void writeArguments(llvm::raw_ostream &os, const KernelSignature &kernel) {
  for (const KernelArgument &argument : kernel.arguments) {
    os << llvm::formatv(" *   {0,-12} {1,-6} ", getParameterName(argument.name), argument.getKindName());
    if (argument.isScalar()) {
      os << getCType(argument.type) << (argument.type == ElementType::I1 ? ", 0 or 1\n" : "\n");
      continue;
    }
    os << getName(argument.type) << ' ' << getSizesText(argument);
    if (argument.type == ElementType::I1)
      os << ", one byte each, 0 or 1";
    os << '\n';
  }
}

/// A call in a comment, with made-up sizes of dynamic dimensions left to the reader.
static void writeExample(llvm::raw_ostream &os, const KernelSignature &kernel, bool isGpu) {
  os << (isGpu ? " * Example, all tensors contiguous, data in memory of the device:\n *\n"
               : " * Example, all tensors contiguous, serial:\n *\n");
  for (const KernelArgument &argument : kernel.arguments) {
    std::string name = getParameterName(argument.name);
    if (argument.isScalar())
      continue;
    os << " *   " << getViewType(argument) << ' ' << name << " = {" << name << "_data";
    if (!argument.sizes.empty()) {
      SmallVector<std::string> sizes, strides;
      std::string stride = "1";
      for (auto [index, size] : llvm::enumerate(argument.sizes))
        sizes.push_back(ShapedType::isDynamic(size) ? llvm::formatv("{0}_n{1}", name, index).str()
                                                    : std::to_string(size));
      for (const std::string &size : llvm::reverse(sizes)) {
        strides.insert(strides.begin(), stride);
        stride = stride == "1" ? size : size + " * " + stride;
      }
      os << ", {" << llvm::join(sizes, ", ") << "}, {" << llvm::join(strides, ", ") << '}';
    }
    os << "};\n";
  }
  if (isGpu)
    os << " *   attn_gpu_call call = {ATTN_ABI_VERSION, 0, launch, device, stream, choose, NULL, 0};\n";
  else if (kernel.isSharedOfCall)
    os << " *   attn_call call = {ATTN_ABI_VERSION, 1, NULL, 0, NULL, NULL};\n";
  else
    os << " *   attn_call call = {ATTN_ABI_VERSION, 1, workspace, " << kernel.getSymbol("workspace_size")
       << "(1), NULL, NULL};\n";
  auto writeArguments = [&] {
    for (const KernelArgument &argument : kernel.arguments)
      os << ", " << (argument.isScalar() ? "" : "&") << getParameterName(argument.name);
    os << ");\n";
  };
  if (kernel.isSharedOfCall) {
    os << " *   call.workspace_bytes = " << kernel.getSymbol(kCallWorkspaceSuffix) << "(&call";
    writeArguments();
    os << " *   call.workspace = malloc(call.workspace_bytes);\n";
  }
  os << " *   int32_t status = " << kernel.name << "(&call";
  writeArguments();
}

/// The parameters of NAME behind the first, below each other from `column` on.
static void writeParameters(llvm::raw_ostream &os, const KernelSignature &kernel, size_t column) {
  for (const KernelArgument &argument : kernel.arguments) {
    os << ",\n" << std::string(column, ' ');
    if (argument.isScalar())
      os << getCType(argument.type) << ' ' << getParameterName(argument.name);
    else
      os << "const " << getViewType(argument) << " *" << getParameterName(argument.name);
  }
  os << ");\n";
}

static void writeKernel(llvm::raw_ostream &os, const KernelSignature &kernel, bool isGpu) {
  os << "\n/*\n * " << kernel.name << "\n *\n";
  writeArguments(os, kernel);
  os << " *\n * Sizes marked ? are chosen by the caller; those of different views must agree as the kernel's "
        "definition says,\n"
     << " * else ATTN_ERROR_SHAPE. Strides are free within the rules for views (innermost 1). Scratch: "
     << kernel.workspaceBytes << " bytes a worker";
  if (kernel.sharedBytes > 0 && !kernel.isSharedOfCall)
    os << ", and " << kernel.sharedBytes << " for what its " << kernel.stages << " stages hand on";
  if (kernel.isSharedOfCall)
    os << ", and for what its " << kernel.stages
       << " stages\n * hand on what depends on sizes: " << kernel.getSymbol(kCallWorkspaceSuffix) << " counts all";
  os << ".\n *\n";
  writeExample(os, kernel, isGpu);
  os << " */\nint32_t " << kernel.name << (isGpu ? "(const attn_gpu_call *call" : "(const attn_call *call");
  writeParameters(os, kernel, 9 + kernel.name.size());
  if (kernel.isSharedOfCall) {
    std::string name = kernel.getSymbol(kCallWorkspaceSuffix);
    os << "\n/* Bytes of workspace that this call needs, by call->workers and the sizes of the views, whose data may "
          "be null; "
          "0 where\n * sizes or workers would be refused. */\nsize_t "
       << name << "(const attn_call *call";
    writeParameters(os, kernel, 8 + name.size());
  }
  os << "\n/* Bytes of workspace for this many workers; 0 for fewer than one, or when none is needed"
     << (kernel.isSharedOfCall ? ";\n * without what depends on sizes" : "") << ". */\nsize_t "
     << kernel.getSymbol("workspace_size") << "(int32_t workers);\n\n/* ATTN_ABI_VERSION of the compiler. */\nint32_t "
     << kernel.getSymbol("abi_version") << "(void);\n\n/* JSON: arguments, instruction set, compiler. A constant. */\n"
     << "const char *" << kernel.getSymbol("description") << "(void);\n";
}

/// "znver4", or "x86-64-v3, x86-64-v4": what the kernels were compiled for.
static std::string getTargetsText(const CompileOptions &options) {
  if (options.chips.size() > 1)
    return llvm::join(llvm::map_range(options.chips, [](const GPUDescription &gpu) { return gpu.chip; }), ", ");
  if (!options.gpu.chip.empty())
    return options.gpu.chip;
  if (options.levels.size() < 2)
    return options.target.cpu.name;
  return llvm::join(llvm::map_range(options.levels, [](const Target &target) { return target.cpu.name; }), ", ");
}

std::string attn::makeHeader(llvm::ArrayRef<KernelSignature> kernels, const CompileOptions &options) {
  std::string text;
  llvm::raw_string_ostream os(text);
  bool isGpu = !options.gpu.chip.empty();
  std::string guard = "ATTN_KERNELS";
  for (const KernelSignature &kernel : kernels)
    guard += "_" + kernel.name;
  os << "/* Made by attn-mlir " << getVersion() << " for " << getTargetsText(options) << ". */\n"
     << "#ifndef " << guard << "_H\n#define " << guard << "_H\n\n"
     << kAbiText << (isGpu ? kGpuText : "") << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n";
  for (const KernelSignature &kernel : kernels)
    writeKernel(os, kernel, isGpu);
  os << "\n#ifdef __cplusplus\n}\n#endif\n\n#endif /* " << guard << "_H */\n";
  return text;
}
