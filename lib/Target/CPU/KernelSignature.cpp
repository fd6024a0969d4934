// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Target/CPU/KernelSignature.h"

#include "attn-c/Abi.h"
#include "attn/Support/Version.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"

#include <optional>

using namespace mlir;
using namespace attn;

/// Ranks of the view structs of Abi.h.
static constexpr unsigned kMaxRank = 6;

llvm::StringRef KernelArgument::getKindName() const {
  switch (kind) {
  case Kind::Input:
    return "input";
  case Kind::InOut:
    return "inout";
  case Kind::Output:
    return "output";
  case Kind::Scalar:
    return "scalar";
  }
  llvm_unreachable("covered switch");
}

static bool isIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// One entry of `arguments`, or nothing and `error` says why.
static std::optional<KernelArgument> parseArgument(Attribute attribute, std::string &error) {
  auto dictionary = dyn_cast<DictionaryAttr>(attribute);
  StringAttr kindAttr, nameAttr;
  TypeAttr typeAttr;
  if (dictionary) {
    kindAttr = dictionary.getAs<StringAttr>("kind");
    nameAttr = dictionary.getAs<StringAttr>("name");
    typeAttr = dictionary.getAs<TypeAttr>("type");
  }
  if (!kindAttr || !nameAttr || !typeAttr) {
    error = "expects each of its arguments to have 'kind', 'name' and 'type'";
    return std::nullopt;
  }
  KernelArgument argument;
  argument.name = nameAttr.str();
  auto kind = llvm::StringSwitch<std::optional<KernelArgument::Kind>>(kindAttr)
                  .Case("input", KernelArgument::Kind::Input)
                  .Case("inout", KernelArgument::Kind::InOut)
                  .Case("output", KernelArgument::Kind::Output)
                  .Case("scalar", KernelArgument::Kind::Scalar)
                  .Default(std::nullopt);
  if (!kind) {
    error = "expects the kind of '" + argument.name + "' to be input, inout, output or scalar, got '" + kindAttr.str() +
            "'";
    return std::nullopt;
  }
  argument.kind = *kind;
  if (!isIdentifier(argument.name)) {
    error = "expects argument names to be C identifiers, got '" + argument.name + "'";
    return std::nullopt;
  }
  auto shaped = dyn_cast<RankedTensorType>(typeAttr.getValue());
  if (argument.isScalar() == static_cast<bool>(shaped)) {
    error = "expects '" + argument.name + "' to be a " + (shaped ? "tensor argument" : "scalar");
    return std::nullopt;
  }
  std::optional<ElementType> type = getElementType(shaped ? shaped.getElementType() : typeAttr.getValue());
  if (!type) {
    error = "cannot pass the element type of '" + argument.name + "' through the C interface";
    return std::nullopt;
  }
  argument.type = *type;
  if (!shaped)
    return argument;
  if (shaped.getRank() > kMaxRank) {
    error =
        "expects tensors of rank 0 to 6, got rank " + std::to_string(shaped.getRank()) + " for '" + argument.name + "'";
    return std::nullopt;
  }
  argument.sizes.assign(shaped.getShape().begin(), shaped.getShape().end());
  return argument;
}

/// One worker's share of what all workers share: fewer row tiles than workers are divided, each of which has a header.
static int64_t getSharedBytes(int64_t partialBytes) {
  return partialBytes ? kPartialsHeaderBytes + kMostPartsPerWorker * partialBytes : 0;
}

int64_t KernelSignature::getPrivateBytes() const {
  return llvm::alignTo(workspaceBytes - getSharedBytes(partialBytes), kWorkspaceAlignment);
}

FailureOr<KernelSignature> KernelSignature::get(Operation *op) {
  auto fail = [&](const Twine &what) -> FailureOr<KernelSignature> {
    op->emitError() << "'" << kKernelAttrName << "' " << what;
    return failure();
  };
  auto dictionary = op->getAttrOfType<DictionaryAttr>(kKernelAttrName);
  if (!dictionary)
    return fail("is missing or no dictionary");
  auto nameAttr = dictionary.getAs<StringAttr>("name");
  auto workspaceAttr = dictionary.getAs<IntegerAttr>("workspace");
  auto argumentsAttr = dictionary.getAs<ArrayAttr>("arguments");
  if (!nameAttr || !workspaceAttr || !argumentsAttr)
    return fail("expects 'name', 'workspace' and 'arguments'");

  KernelSignature signature;
  signature.name = nameAttr.str();
  signature.workspaceBytes = workspaceAttr.getInt();
  if (auto partialsAttr = dictionary.getAs<IntegerAttr>("partials"))
    signature.partialBytes = partialsAttr.getInt();
  if (!isIdentifier(signature.name))
    return fail("expects a name that is a C identifier, got '" + signature.name + "'");
  if (auto shared = dictionary.getAs<IntegerAttr>("shared"))
    signature.sharedBytes = shared.getInt();
  signature.isSharedOfCall = dictionary.contains(kSharedOfCallName);
  if (auto stages = dictionary.getAs<IntegerAttr>("stages"))
    signature.stages = stages.getInt();
  if (signature.workspaceBytes < 0)
    return fail("expects a workspace of 0 or more bytes, got " + Twine(signature.workspaceBytes));
  if (signature.partialBytes < 0 || signature.partialBytes % kWorkspaceAlignment != 0)
    return fail("expects partial states of a multiple of " + Twine(kWorkspaceAlignment) + " bytes, got " +
                Twine(signature.partialBytes));
  signature.isLaunched = dictionary.contains(kIsLaunchedName);
  if (signature.partialBytes > 0) {
    int64_t privateBytes = signature.isLaunched ? 0
                                                : llvm::alignTo(signature.workspaceBytes, kWorkspaceAlignment) +
                                                      kPartialsHeaderBytes + signature.partialBytes;
    signature.workspaceBytes = privateBytes + getSharedBytes(signature.partialBytes);
  }

  llvm::StringSet<> names;
  bool outputsBegan = false;
  for (Attribute attribute : argumentsAttr) {
    std::string error;
    std::optional<KernelArgument> argument = parseArgument(attribute, error);
    if (!argument)
      return fail(error);
    if (!names.insert(argument->name).second)
      return fail("has two arguments named '" + argument->name + "'");
    bool isOutput = argument->kind == KernelArgument::Kind::Output;
    if (outputsBegan && !isOutput)
      return fail("expects outputs after all inputs and scalars");
    outputsBegan |= isOutput;
    signature.arguments.push_back(std::move(*argument));
  }
  return signature;
}

std::string attn::describeKernel(const KernelSignature &signature, StringRef cpu) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::json::OStream json(os);
  json.object([&] {
    json.attribute("abi", ATTN_ABI_VERSION);
    json.attribute("name", signature.name);
    json.attribute("compiler", "attn-mlir " + getVersion().str());
    json.attribute("llvm", LLVM_VERSION_STRING);
    json.attribute("cpu", cpu);
    json.attribute("workspace_bytes_per_worker", signature.workspaceBytes);
    if (signature.sharedBytes > 0)
      json.attribute("workspace_bytes_shared", signature.sharedBytes);
    if (signature.isSharedOfCall)
      json.attribute("workspace_of_call", true);
    json.attributeArray("arguments", [&] {
      for (const KernelArgument &argument : signature.arguments)
        json.object([&] {
          json.attribute("name", argument.name);
          json.attribute("kind", argument.getKindName());
          json.attribute("dtype", getName(argument.type));
          if (!argument.isScalar())
            json.attributeArray("sizes", [&] {
              for (int64_t size : argument.sizes)
                json.value(ShapedType::isDynamic(size) ? llvm::json::Value(nullptr) : llvm::json::Value(size));
            });
        });
    });
  });
  return text;
}

/// The inverse of getName(ElementType).
static std::optional<ElementType> findElementType(StringRef name) {
  for (ElementType type : {ElementType::F32, ElementType::F64, ElementType::F16, ElementType::BF16, ElementType::I1,
                           ElementType::U8, ElementType::I8, ElementType::I16, ElementType::I32, ElementType::I64})
    if (getName(type) == name)
      return type;
  return std::nullopt;
}

namespace attn { // where llvm::json looks for it
static bool fromJSON(const llvm::json::Value &value, KernelArgument &argument, llvm::json::Path path) {
  llvm::json::ObjectMapper map(value, path);
  std::string kind, type;
  std::optional<std::vector<std::optional<int64_t>>> sizes;
  if (!map || !map.map("name", argument.name) || !map.map("kind", kind) || !map.map("dtype", type) ||
      !map.map("sizes", sizes))
    return false;
  std::optional<ElementType> element = findElementType(type);
  if (!element) {
    path.field("dtype").report("expected an element type");
    return false;
  }
  argument.type = *element;
  argument.kind = kind == "output"  ? KernelArgument::Kind::Output
                  : kind == "inout" ? KernelArgument::Kind::InOut
                  : kind == "input" ? KernelArgument::Kind::Input
                                    : KernelArgument::Kind::Scalar;
  if (argument.isScalar() == sizes.has_value() || argument.getKindName() != kind) {
    path.field("kind").report("expected input, inout or output with sizes, or scalar without");
    return false;
  }
  if (sizes && sizes->size() > kMaxRank) {
    path.field("sizes").report("expected a rank of at most 6");
    return false;
  }
  for (std::optional<int64_t> size : sizes.value_or(std::vector<std::optional<int64_t>>())) {
    if (size && *size < 0) {
      path.field("sizes").report("expected numbers from 0, or null");
      return false;
    }
    argument.sizes.push_back(size.value_or(ShapedType::kDynamic));
  }
  return true;
}
} // namespace attn

llvm::Expected<KernelDescription> attn::parseKernelDescription(StringRef text) {
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (!value)
    return value.takeError();
  llvm::json::Path::Root root("description of a kernel");
  llvm::json::ObjectMapper map(*value, root);
  int64_t abi = 0;
  KernelDescription description;
  KernelSignature &signature = description.signature;
  // The version first: what another one holds is not ours to judge.
  if (!map || !map.map("abi", abi))
    return root.getError();
  if (abi != ATTN_ABI_VERSION)
    return llvm::createStringError("expects ABI version " + Twine(ATTN_ABI_VERSION) + ", got " + Twine(abi) +
                                   ": compile the kernel with this version of attn-mlir");
  if (!map.map("name", signature.name) || !map.map("cpu", description.cpu) ||
      !map.map("workspace_bytes_per_worker", signature.workspaceBytes) ||
      !map.mapOptional("workspace_bytes_shared", signature.sharedBytes) ||
      !map.mapOptional("workspace_of_call", signature.isSharedOfCall) || !map.map("arguments", signature.arguments))
    return root.getError();
  auto isNoOutput = [](const KernelArgument &argument) { return argument.kind != KernelArgument::Kind::Output; };
  if (!std::is_partitioned(signature.arguments.begin(), signature.arguments.end(), isNoOutput))
    return llvm::createStringError("expects outputs after all inputs and scalars");
  return description;
}

FailureOr<std::vector<KernelSignature>> attn::getKernelSignatures(Operation *module) {
  std::vector<KernelSignature> signatures;
  for (Operation &op : module->getRegion(0).front()) {
    if (!op.hasAttr(kKernelAttrName))
      continue;
    FailureOr<KernelSignature> signature = KernelSignature::get(&op);
    if (failed(signature))
      return failure();
    signatures.push_back(std::move(*signature));
  }
  return signatures;
}
