// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The hot path of the package: what is checked here is checked in terms of arrays, so that messages can name the
// argument and what it should have been; the kernel then checks everything again in terms of views.
#include "Call.h"

#include "View.h"
#include "attn-c/Runtime.h"

#include "llvm/ADT/SmallVector.h"

#include <cstring>

namespace nb = nanobind;
using namespace attn;
using namespace attn::python;

/// More threads than any machine has: beyond it `threads` is taken for a mistake.
static constexpr long kMaxThreads = 4096;

namespace {
/// A scalar as C passes it.
union Scalar {
  char bytes[8];
  int64_t align;
};

/// One call while it is being put together.
class Call {
public:
  explicit Call(Kernel &kernel)
      : kernel(kernel), arguments(kernel.signature.arguments), objects(arguments.size()), views(arguments.size()),
        scalars(arguments.size()) {}

  nb::object run(nb::args args, nb::kwargs kwargs);

private:
  void bind(nb::args args, nb::kwargs kwargs);
  void readThreads(nb::handle value);
  void readScalar(size_t i);
  nb::object allocate(size_t i, size_t output);
  void checkOverlap(size_t written) const;
  void checkStatus(int32_t status) const;

  Kernel &kernel;
  llvm::ArrayRef<KernelArgument> arguments;
  llvm::SmallVector<nb::object, 8> objects;
  llvm::SmallVector<View, 8> views;
  llvm::SmallVector<Scalar, 8> scalars;
  int32_t threads = 1;
};
} // namespace

[[noreturn]] static void raiseType(const Kernel &kernel, const std::string &message) {
  throw nb::type_error((kernel.signature.name + "(): " + message + "; " + describeSignature(kernel.signature)).c_str());
}

void Call::readThreads(nb::handle value) {
  int overflow = 0;
  long count = PyLong_Check(value.ptr()) ? PyLong_AsLongAndOverflow(value.ptr(), &overflow) : -1;
  if (count < 0 || count > kMaxThreads || overflow)
    throw nb::value_error((kernel.signature.name + "(): 'threads' expects a number from 0 (all CPUs) to " +
                           std::to_string(kMaxThreads) + ", got " + nb::repr(value).c_str())
                              .c_str());
  threads = count == 0 ? attn_cpu_count() : static_cast<int32_t>(count);
}

void Call::bind(nb::args args, nb::kwargs kwargs) {
  size_t inputs = llvm::count_if(
      arguments, [](const KernelArgument &argument) { return argument.kind != KernelArgument::Kind::Output; });
  if (args.size() > inputs)
    raiseType(kernel, "takes " + std::to_string(inputs) + " positional arguments, got " + std::to_string(args.size()) +
                          " (outputs are given by name)");
  for (size_t i = 0; i < args.size(); ++i)
    objects[i] = nb::borrow(args[i]);
  for (auto [key, value] : kwargs) {
    const char *name = nb::borrow<nb::str>(key).c_str();
    const auto *found = llvm::find_if(arguments, [&](const KernelArgument &argument) { return argument.name == name; });
    if (found == arguments.end()) {
      if (std::strcmp(name, "threads") != 0)
        raiseType(kernel, std::string("has no argument '") + name + "'");
      readThreads(value);
      continue;
    }
    nb::object &object = objects[found - arguments.begin()];
    if (object.is_valid())
      raiseType(kernel, std::string("got '") + name + "' twice");
    // `out=None` is as good as nothing: wrappers hand their own default on.
    if (!(value.is_none() && found->kind == KernelArgument::Kind::Output))
      object = nb::borrow(value);
  }
  for (size_t i = 0; i < inputs; ++i)
    if (!objects[i].is_valid())
      raiseType(kernel, "misses '" + arguments[i].name + "'");
}

/// The smallest and largest value of an integer type.
static std::pair<int64_t, int64_t> getRange(ElementType type) {
  if (type == ElementType::I64)
    return {INT64_MIN, INT64_MAX};
  if (type == ElementType::I1)
    return {0, 1};
  int bits = 8 * static_cast<int>(getByteSize(type));
  if (type == ElementType::U8)
    return {0, 255};
  return {-(int64_t(1) << (bits - 1)), (int64_t(1) << (bits - 1)) - 1};
}

void Call::readScalar(size_t i) {
  const KernelArgument &argument = arguments[i];
  auto raise = [&](const char *what) {
    raiseType(kernel, "'" + argument.name + "' expects " + what + ", got " + nb::repr(objects[i]).c_str());
  };
  if (isFloat(argument.type)) {
    double value = PyFloat_AsDouble(objects[i].ptr());
    if (value == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      raise("a number");
    }
    storeElement(argument.type, scalars[i].bytes, value);
    return;
  }
  // numpy's integers are no int, but every integer has an index.
  nb::object index = nb::steal(PyNumber_Index(objects[i].ptr()));
  if (!index.is_valid()) {
    PyErr_Clear();
    raise("an integer");
  }
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  auto [least, most] = getRange(argument.type);
  if (overflow || value < least || value > most)
    raise(("an integer from " + std::to_string(least) + " to " + std::to_string(most)).c_str());
  std::memcpy(scalars[i].bytes, &value, sizeof value); // little-endian: the low bytes come first
}

nb::object Call::allocate(size_t i, size_t output) {
  const KernelArgument &argument = arguments[i];
  nb::list sizes;
  for (size_t dim = 0; dim < argument.sizes.size(); ++dim) {
    int64_t size = argument.sizes[dim];
    if (size < 0) {
      SizeSource source;
      if (output < kernel.outputSizes.size())
        source = kernel.outputSizes[output][dim];
      if (source.argument < 0)
        throw nb::value_error((kernel.signature.name + "(): the shape of '" + argument.name +
                               "' cannot be told from the inputs: hand in an array, " + argument.name + "=...")
                                  .c_str());
      size = views[source.argument].getSizes()[source.dim];
    }
    sizes.append(size);
  }
  return allocateArray(argument.type, nb::tuple(sizes));
}

void Call::checkOverlap(size_t written) const {
  bool isOutput = arguments[written].kind == KernelArgument::Kind::Output;
  for (size_t i = 0; i < arguments.size(); ++i) {
    // Of two outputs the later one is checked.
    bool isChecked = i < written || (!isOutput && i > written && arguments[i].kind != KernelArgument::Kind::Output);
    if (isChecked && !arguments[i].isScalar() && overlaps(views[i], views[written]))
      throw nb::value_error((kernel.signature.name + "(): '" + arguments[written].name + "' and '" + arguments[i].name +
                             "' share memory: " +
                             (isOutput ? "outputs may overlap neither inputs nor each other"
                                       : "what is written in place may overlap no other argument"))
                                .c_str());
  }
  if (overlapsItself(views[written]))
    throw nb::value_error((kernel.signature.name + "(): '" + arguments[written].name +
                           "' has two elements in one place: " + (isOutput ? "outputs need" : "what is written needs") +
                           " a place for each element")
                              .c_str());
}

void Call::checkStatus(int32_t status) const {
  if (status == ATTN_OK)
    return;
  std::string message = kernel.signature.name + "(): ";
  if (status == ATTN_ERROR_SHAPE) {
    // Sizes that were compiled in were checked before, so it is those that the kernel compares with each other.
    message += "sizes of arguments disagree:";
    for (size_t i = 0; i < arguments.size(); ++i)
      if (!arguments[i].isScalar())
        message += " " + arguments[i].name + " " + describeSizes(views[i].getSizes());
    throw nb::value_error(message.c_str());
  }
  message += attn_status_message(status);
  if (status == ATTN_ERROR_SIZE || status == ATTN_ERROR_STRIDE || status == ATTN_ERROR_ALIGNMENT ||
      status == ATTN_ERROR_POSITION)
    throw nb::value_error(message.c_str());
  throw std::runtime_error(message);
}

nb::object Call::run(nb::args args, nb::kwargs kwargs) {
  if (!kernel.code)
    throw std::runtime_error(kernel.signature.name + "(): " + kernel.unusable);
  bind(args, kwargs);
  llvm::SmallVector<const void *, 8> addresses;
  size_t firstOutput = arguments.size(), output = 0;
  for (auto [i, argument] : llvm::enumerate(arguments)) {
    if (argument.isScalar()) {
      readScalar(i);
      addresses.push_back(&scalars[i]);
      continue;
    }
    if (argument.kind == KernelArgument::Kind::Output) {
      firstOutput = std::min(firstOutput, i);
      bool given = objects[i].is_valid();
      if (!given)
        objects[i] = allocate(i, output);
      views[i].read(kernel.signature.name, argument, objects[i]);
      if (given)
        checkOverlap(i);
      ++output;
    } else {
      views[i].read(kernel.signature.name, argument, objects[i]);
    }
    addresses.push_back(&views[i]);
  }
  for (size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].kind == KernelArgument::Kind::InOut)
      checkOverlap(i);

  Workspace workspace = kernel.takeWorkspace();
  size_t bytes = kernel.code->getWorkspaceSize(threads, addresses);
  attn_openmp_pool pool = {threads, /*pin=*/0};
  attn_call call = {ATTN_ABI_VERSION, threads, workspace.reserve(bytes), bytes, nullptr, nullptr};
  if (threads > 1) {
    call.parallel_for = attn_openmp_parallel_for;
    call.pool = &pool;
  }
  int32_t status;
  {
    nb::gil_scoped_release unlocked;
    status = kernel.code->call(call, addresses);
  }
  kernel.returnWorkspace(std::move(workspace));
  checkStatus(status);

  if (firstOutput == arguments.size())
    return nb::none();
  if (arguments.size() - firstOutput == 1)
    return objects[firstOutput];
  nb::list results;
  for (const nb::object &object : llvm::drop_begin(objects, firstOutput))
    results.append(object);
  return nb::tuple(results);
}

nb::object attn::python::callKernel(Kernel &kernel, nb::args args, nb::kwargs kwargs) {
  return Call(kernel).run(std::move(args), std::move(kwargs));
}

std::string attn::python::describeArgument(const KernelArgument &argument) {
  bool isInOut = argument.kind == KernelArgument::Kind::InOut;
  std::string text = (isInOut ? "inout " : "") + argument.name + ": " + getNumpyName(argument.type);
  return argument.isScalar() ? text : text + describeSizes(argument.sizes);
}

std::string attn::python::describeSignature(const KernelSignature &signature) {
  std::string inputs, outputs;
  for (const KernelArgument &argument : signature.arguments) {
    std::string &list = argument.kind == KernelArgument::Kind::Output ? outputs : inputs;
    list += (list.empty() ? "" : ", ") + describeArgument(argument);
  }
  return signature.name + "(" + inputs + ") -> " + (outputs.empty() ? "None" : outputs);
}

const char *attn::python::getNumpyName(ElementType type) {
  switch (type) {
  case ElementType::F32:
    return "float32";
  case ElementType::F64:
    return "float64";
  case ElementType::F16:
    return "float16";
  case ElementType::BF16:
    return "bfloat16";
  case ElementType::I1:
    return "bool";
  case ElementType::U8:
    return "uint8";
  case ElementType::I8:
    return "int8";
  case ElementType::I16:
    return "int16";
  case ElementType::I32:
    return "int32";
  case ElementType::I64:
    return "int64";
  }
  llvm_unreachable("covered switch");
}
