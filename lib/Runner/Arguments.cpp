// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/Arguments.h"

#include "attn/Reference/Random.h"
#include "attn/Support/Npy.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace mlir;
using namespace attn;

/// The sizes of an argument without asking its function: from --shape, a file, or the signature when it is static.
static llvm::Expected<std::optional<std::vector<int64_t>>> findSizes(const KernelArgument &argument,
                                                                     const ArgumentSettings &settings) {
  std::optional<std::vector<int64_t>> sizes;
  if (auto it = settings.shapes.find(argument.name); it != settings.shapes.end())
    sizes = it->second;
  if (auto it = settings.inputs.find(argument.name); it != settings.inputs.end()) {
    llvm::Expected<NpyArray> array = readNpy(it->second);
    if (!array)
      return array.takeError();
    sizes = array->sizes;
  }
  if (!sizes && llvm::none_of(argument.sizes, ShapedType::isDynamic))
    sizes = std::vector<int64_t>(argument.sizes.begin(), argument.sizes.end());
  if (sizes && sizes->size() != argument.sizes.size())
    return llvm::createStringError("--shape: '" + argument.name + "' expects rank " +
                                   llvm::Twine(argument.sizes.size()) + ", " + formatSizes(argument.sizes) + ", got " +
                                   formatSizes(*sizes));
  return sizes;
}

static llvm::Error checkNames(const KernelSignature &signature, const ArgumentSettings &settings) {
  llvm::StringMap<KernelArgument::Kind> kinds;
  std::string names;
  for (const KernelArgument &argument : signature.arguments) {
    kinds[argument.name] = argument.kind;
    names += (names.empty() ? "" : ", ") + argument.name;
  }
  auto check = [&](StringRef option, StringRef name, bool scalar, bool input, bool output) -> llvm::Error {
    auto it = kinds.find(name);
    bool fits = it != kinds.end() && ((scalar && it->second == KernelArgument::Kind::Scalar) ||
                                      (input && it->second == KernelArgument::Kind::Input) ||
                                      (output && it->second == KernelArgument::Kind::Output) ||
                                      ((input || output) && it->second == KernelArgument::Kind::InOut));
    if (fits)
      return llvm::Error::success();
    std::string kind = scalar ? "scalar" : input && output ? "tensor" : input ? "input" : "output";
    return llvm::createStringError("--" + option + ": '" + signature.name + "' has no " + kind + " '" + name +
                                   "' (its arguments are " + names + ")");
  };
  llvm::Error error = llvm::Error::success();
  for (const auto &entry : settings.shapes)
    error = llvm::joinErrors(std::move(error), check("shape", entry.first(), false, true, true));
  for (const auto &entry : settings.scalars)
    error = llvm::joinErrors(std::move(error), check("arg", entry.first(), true, false, false));
  for (const auto &entry : settings.inputs)
    error = llvm::joinErrors(std::move(error), check("input", entry.first(), false, true, false));
  for (const auto &entry : settings.outputs)
    error = llvm::joinErrors(std::move(error), check("output", entry.first(), false, false, true));
  for (const auto &entry : settings.fills)
    error = llvm::joinErrors(std::move(error), check("fill", entry.first, false, true, false));
  return error;
}

/// Writes an integer as C passes it. Doubles hold no more than 53 bits of one.
static llvm::Error storeInteger(const KernelArgument &description, const ScalarValue &value, char *scalar) {
  unsigned bits = description.type == ElementType::I1 ? 1 : 8 * getByteSize(description.type);
  bool isUnsigned = bits == 1 || description.type == ElementType::U8;
  bool fits = value.integer && (isUnsigned ? llvm::isUIntN(bits, *value.integer) : llvm::isIntN(bits, *value.integer));
  if (!fits) {
    std::string got = value.integer ? std::to_string(*value.integer) : llvm::formatv("{0:f}", value.real).str();
    return llvm::createStringError("--arg: expects " + description.name + " to be an integer of type " +
                                   getName(description.type) + ", got " + got);
  }
  std::memcpy(scalar, &*value.integer, getByteSize(description.type)); // little-endian, as all that kernels run on
  return llvm::Error::success();
}

llvm::Error Arguments::addScalar(const KernelArgument &description, const ArgumentSettings &settings) {
  auto it = settings.scalars.find(description.name);
  if (it == settings.scalars.end())
    return llvm::createStringError("--arg: needs " + description.name + "=VALUE (" + getName(description.type) + ")");
  Argument argument;
  argument.description = &description;
  argument.number = it->second;
  if (isFloat(description.type)) {
    storeElement(description.type, argument.scalar, it->second.real);
    argument.number.real = loadElement(description.type, argument.scalar);
  } else if (llvm::Error error = storeInteger(description, it->second, argument.scalar)) {
    return error;
  }
  arguments.push_back(std::move(argument));
  return llvm::Error::success();
}

/// A random element: element `number` of stream `seed`.
static double makeRandom(ElementType type, uint64_t seed, uint64_t number) {
  if (isFloat(type))
    return reference::randomUniform(seed, number);
  uint64_t bits = reference::randomBits(seed, number) >> 62;
  return type == ElementType::I1 ? static_cast<double>(bits != 0) : static_cast<double>(bits);
}

llvm::Error Arguments::fill(TensorBuffer &buffer, const KernelArgument &description, const ArgumentSettings &settings) {
  // Streams are numbered by position, so that equal inputs stay equal when other arguments change shape.
  uint64_t seed = reference::operandSeed(settings.seed, arguments.size());
  uint64_t number = 0;
  if (auto it = settings.inputs.find(description.name); it != settings.inputs.end()) {
    llvm::Expected<NpyArray> array = readNpy(it->second);
    if (!array)
      return array.takeError();
    bool widens = description.type == ElementType::BF16 && array->type == ElementType::F32;
    if (array->type != description.type && !widens)
      return llvm::createStringError(it->second + ": holds " + getName(array->type) + ", '" + description.name +
                                     "' is " + getName(description.type));
    int64_t bytes = getByteSize(array->type);
    buffer.forEachIndex([&](ArrayRef<int64_t> index) {
      const char *element = array->data.data() + bytes * number++;
      if (widens)
        buffer.set(index, loadElement(array->type, element));
      else
        std::memcpy(buffer.address(index), element, bytes);
    });
  } else {
    buffer.forEachIndex(
        [&](ArrayRef<int64_t> index) { buffer.set(index, makeRandom(buffer.getType(), seed, number++)); });
  }
  for (auto &[name, spec] : settings.fills) {
    if (name != description.name)
      continue;
    number = 0;
    buffer.forEachIndex([&, &spec = spec](ArrayRef<int64_t> index) {
      double value = spec.low;
      if (spec.high)
        value += (*spec.high - spec.low) * (0.5 + 0.5 * reference::randomUniform(seed, number));
      ++number;
      // Random integers from low up to and without high.
      if (spec.high && !isFloat(buffer.getType()))
        value = std::floor(value);
      if (spec.contains(index))
        buffer.set(index, value);
    });
  }
  return llvm::Error::success();
}

llvm::Error Arguments::addTensor(const KernelArgument &description, std::vector<int64_t> sizes,
                                 const ArgumentSettings &settings) {
  auto buffer = TensorBuffer::create(description.type, sizes, settings.placement, description.isWritten());
  if (!buffer)
    return buffer.takeError();
  if (description.kind != KernelArgument::Kind::Output)
    if (llvm::Error error = fill(**buffer, description, settings))
      return error;
  (*buffer)->remember();
  Argument argument;
  argument.description = &description;
  if (description.kind == KernelArgument::Kind::InOut)
    argument.before = (*buffer)->getValues();
  argument.buffer = std::move(*buffer);
  arguments.push_back(std::move(argument));
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<Arguments>> Arguments::create(const KernelSignature &signature,
                                                             const ArgumentSettings &settings,
                                                             InferOutputSizes inferOutputSizes) {
  if (llvm::Error error = checkNames(signature, settings))
    return std::move(error);
  auto result = std::make_unique<Arguments>();
  std::optional<std::vector<std::vector<int64_t>>> inferred;
  size_t output = 0;
  for (const KernelArgument &description : signature.arguments) {
    if (description.isScalar()) {
      if (llvm::Error error = result->addScalar(description, settings))
        return std::move(error);
      continue;
    }
    auto sizes = findSizes(description, settings);
    if (!sizes)
      return sizes.takeError();
    bool isOutput = description.kind == KernelArgument::Kind::Output;
    if (!*sizes && isOutput && inferOutputSizes) {
      if (!inferred) {
        FailureOr<std::vector<std::vector<int64_t>>> all = inferOutputSizes(result->getInterpreterValues());
        if (failed(all))
          return llvm::createStringError("cannot tell the sizes of outputs for " + result->describe());
        inferred = std::move(*all);
      }
      *sizes = (*inferred)[output];
    }
    output += isOutput;
    if (!*sizes)
      return llvm::createStringError("--shape: needs " + description.name + "=" + formatSizes(description.sizes) +
                                     " with a number for each ?");
    if (llvm::Error error = result->addTensor(description, std::move(**sizes), settings))
      return std::move(error);
  }
  for (const Argument &argument : result->arguments)
    result->pointers.push_back(argument.buffer ? argument.buffer->getView() : argument.scalar);
  return result;
}

SmallVector<RuntimeValue> Arguments::getInterpreterValues() const {
  SmallVector<RuntimeValue> values;
  for (const Argument &argument : arguments) {
    if (argument.description->kind == KernelArgument::Kind::Output)
      continue;
    RuntimeValue value;
    if (argument.buffer) {
      auto tensor = std::make_shared<TensorValue>();
      tensor->sizes = argument.buffer->getSizes();
      bool isUpdated = argument.description->kind == KernelArgument::Kind::InOut;
      tensor->values = isUpdated ? argument.before : argument.buffer->getValues();
      value.tensor = std::move(tensor);
    } else if (isFloat(argument.description->type)) {
      value.scalar = Scalar::ofFloat(argument.number.real);
    } else {
      value.scalar = Scalar::ofInteger(*argument.number.integer);
    }
    values.push_back(std::move(value));
  }
  return values;
}

std::string Arguments::describe() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(arguments, os, [&](const Argument &argument) {
    os << argument.description->name << ' ' << getName(argument.description->type) << ' ';
    if (argument.buffer)
      os << formatSizes(argument.buffer->getSizes());
    else if (argument.number.integer)
      os << *argument.number.integer;
    else
      os << llvm::format("%g", argument.number.real);
  });
  return text;
}

std::string Arguments::findDamage() {
  std::string names;
  for (Argument &argument : arguments)
    if (argument.buffer && !argument.buffer->isIntact())
      names += (names.empty() ? "" : ", ") + argument.description->name;
  return names;
}

double Arguments::countBytes() const {
  double bytes = 0;
  for (const Argument &argument : arguments)
    if (argument.buffer)
      bytes += static_cast<double>(argument.buffer->getNumElements()) *
               static_cast<double>(getByteSize(argument.buffer->getType()));
  return bytes;
}
