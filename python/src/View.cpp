// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "View.h"

#include "Call.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

namespace nb = nanobind;
using namespace attn;
using namespace attn::python;

std::string attn::python::describeSizes(llvm::ArrayRef<int64_t> sizes) {
  std::string text = "[";
  for (auto [i, size] : llvm::enumerate(sizes))
    text += (i ? ", " : "") + (size < 0 ? "?" : std::to_string(size));
  return text + "]";
}

/// An attribute of an imported module. The reference is never given back: at exit the interpreter may be gone already.
static nb::handle import(const char *module, const char *name) {
  return nb::object(nb::module_::import_(module).attr(name)).release();
}

/// The dtype object of numpy, or of ml_dtypes for bfloat16.
static nb::handle getDtype(ElementType type) {
  if (type == ElementType::BF16) {
    try {
      static const nb::handle dtype = import("ml_dtypes", "bfloat16");
      return dtype;
    } catch (nb::python_error &error) {
      nb::raise_from(error, PyExc_ImportError,
                     "numpy knows bfloat16 by the package ml_dtypes, which cannot be imported: install it, or hand in "
                     "outputs of another library");
    }
  }
  static const nb::handle make = import("numpy", "dtype");
  static nb::handle dtypes[16];
  nb::handle &dtype = dtypes[static_cast<int>(type)];
  if (!dtype)
    dtype = make(getNumpyName(type)).release();
  return dtype;
}

nb::object attn::python::allocateArray(ElementType type, nb::tuple sizes) {
  static const nb::handle empty = import("numpy", "empty");
  return empty(sizes, getDtype(type));
}

/// The type as DLPack says it.
static nb::dlpack::dtype getDlpackType(ElementType type) {
  nb::dlpack::dtype_code code = nb::dlpack::dtype_code::Int;
  if (type == ElementType::BF16)
    code = nb::dlpack::dtype_code::Bfloat;
  else if (isFloat(type))
    code = nb::dlpack::dtype_code::Float;
  else if (type == ElementType::I1)
    code = nb::dlpack::dtype_code::Bool;
  else if (type == ElementType::U8)
    code = nb::dlpack::dtype_code::UInt;
  return {static_cast<uint8_t>(code), static_cast<uint8_t>(8 * getByteSize(type)), 1};
}

/// Takes hold of the memory of `object`; false where it has none or, if it is to be written, may not be written.
static bool import(nb::handle object, bool writable, nb::ndarray<> &array) {
  if (writable)
    return nb::try_cast(object, array, /*convert=*/false);
  nb::ndarray<nb::ro> readOnly;
  if (!nb::try_cast(object, readOnly, /*convert=*/false))
    return false;
  array = nb::ndarray<>(readOnly.handle());
  return true;
}

/// Arrays of JAX never change; not all versions say so when they lend their memory.
static bool isImmutable(nb::handle object) {
  return llvm::StringRef(nb::type_name(object.type()).c_str()).starts_with("jax");
}

/// "float64[2, 3]", or the name of its type if it is no array.
static std::string describeObject(nb::handle object) {
  if (!nb::hasattr(object, "dtype") || !nb::hasattr(object, "shape"))
    return nb::type_name(object.type()).c_str();
  nb::object dtype = object.attr("dtype");
  std::string text = nb::str(nb::handle(dtype)).c_str();
  llvm::SmallVector<int64_t> sizes;
  for (nb::handle size : object.attr("shape"))
    sizes.push_back(nb::cast<int64_t>(size));
  return text + describeSizes(sizes);
}

namespace {
/// Raises for one argument of one call.
struct Complaint {
  const std::string &kernel;
  const KernelArgument &argument;
  nb::handle object;

  std::string begin() const { return kernel + "(): '" + argument.name + "' "; }
  std::string expected() const {
    return begin() + "expects " + getNumpyName(argument.type) + describeSizes(argument.sizes);
  }
  [[noreturn]] void raiseType(const std::string &remedy = "") const {
    throw nb::type_error((expected() + ", got " + describeObject(object) + remedy).c_str());
  }
  [[noreturn]] void raiseShape() const {
    throw nb::value_error((expected() + ", got " + describeObject(object)).c_str());
  }
  [[noreturn]] void raiseValue(const std::string &what) const { throw nb::value_error((begin() + what).c_str()); }
};
} // namespace

/// bfloat16 arrays of numpy (package ml_dtypes) neither know DLPack nor the buffer protocol: their bits do.
static nb::object getBits(nb::handle object, const Complaint &complaint) {
  static const nb::handle ndarray = import("numpy", "ndarray");
  if (!nb::isinstance(object, ndarray))
    return nb::borrow(object);
  nb::object dtype = object.attr("dtype");
  if (dtype.attr("name").equal(nb::str("bfloat16")))
    return object.attr("view")("uint16");
  // It may be meant as bits, and may be meant as numbers.
  complaint.raiseType(
      dtype.attr("name").equal(nb::str("uint16")) ? " (hand in the bits as bfloat16: a.view(ml_dtypes.bfloat16))" : "");
}

void View::read(const std::string &kernel, const KernelArgument &argument, nb::handle object) {
  Complaint complaint{kernel, argument, object};
  bool writable = argument.isWritten();
  std::string role = argument.kind == KernelArgument::Kind::InOut ? "what is updated in place is" : "outputs are";
  type = argument.type;
  nb::object memory = type == ElementType::BF16 ? getBits(object, complaint) : nb::borrow(object);
  bool isBits = !memory.is(object);
  if (writable && isImmutable(object))
    complaint.raiseValue("is an array of JAX, which is immutable: " + role + " written");
  if (!import(memory, writable, array)) {
    if (writable && import(memory, /*writable=*/false, array))
      complaint.raiseValue("is read-only: " + role + " written");
    complaint.raiseType();
  }
  if (array.device_type() != nb::device::cpu::value)
    complaint.raiseValue("is not in the memory of the CPU");
  nb::dlpack::dtype wanted = isBits ? nb::dtype<uint16_t>() : getDlpackType(type);
  if (array.dtype() != wanted)
    complaint.raiseType();
  rank = static_cast<int>(array.ndim());
  if (rank != static_cast<int>(argument.sizes.size()))
    complaint.raiseShape();
  bool isEmpty = false;
  for (int dim = 0; dim < rank; ++dim) {
    int64_t size = static_cast<int64_t>(array.shape(dim));
    if (argument.sizes[dim] >= 0 && argument.sizes[dim] != size)
      complaint.raiseShape();
    sizesAndStrides[dim] = size;
    isEmpty |= size == 0;
  }
  for (int dim = 0; dim < rank; ++dim) {
    int64_t stride = array.stride(dim);
    // Where there is no element, or no step, strides mean nothing; kernels look at them in arrays without elements.
    if (isEmpty || sizesAndStrides[dim] <= 1)
      stride = 1;
    sizesAndStrides[rank + dim] = stride;
    if (dim == rank - 1 && stride != 1)
      complaint.raiseValue("expects elements of the last dimension side by side, got a stride of " +
                           std::to_string(stride) + " elements: hand in numpy.ascontiguousarray(" + argument.name +
                           ")");
    if (stride < 0)
      complaint.raiseValue("runs backwards along dimension " + std::to_string(dim) +
                           ": hand in numpy.ascontiguousarray(" + argument.name + ")");
  }
  data = const_cast<void *>(static_cast<const void *>(array.data()));
  if (!isEmpty && reinterpret_cast<uintptr_t>(data) % getByteSize(type) != 0)
    complaint.raiseValue("is not aligned to its element type: hand in a copy");
}

/// The first byte of a view and the first behind it; equal for views without elements.
static std::pair<uintptr_t, uintptr_t> getExtent(const View &view) {
  auto begin = reinterpret_cast<uintptr_t>(view.data);
  int64_t last = 0;
  for (auto [size, stride] : llvm::zip_equal(view.getSizes(), view.getStrides())) {
    if (size == 0)
      return {begin, begin};
    if (size > 1)
      last += (size - 1) * stride;
  }
  return {begin, begin + (last + 1) * getByteSize(view.type)};
}

bool attn::python::overlaps(const View &a, const View &b) {
  auto [aBegin, aEnd] = getExtent(a);
  auto [bBegin, bEnd] = getExtent(b);
  if (aBegin >= bEnd || bBegin >= aEnd || aBegin == aEnd || bBegin == bEnd)
    return false;
  // Slices of one buffer may interleave without touching; to find out takes a search, which is numpy's.
  static const nb::handle sharesMemory = import("attn_mlir._memory", "shares_memory");
  auto describe = [](const View &view) {
    nb::list sizes, strides;
    for (auto [size, stride] : llvm::zip_equal(view.getSizes(), view.getStrides())) {
      sizes.append(size);
      strides.append(stride * getByteSize(view.type));
    }
    return nb::make_tuple(reinterpret_cast<uintptr_t>(view.data), nb::tuple(sizes), nb::tuple(strides),
                          getByteSize(view.type));
  };
  return nb::cast<bool>(sharesMemory(describe(a), describe(b)));
}

bool attn::python::overlapsItself(const View &view) {
  // By ascending stride each dimension has to step over all that the smaller ones reach.
  llvm::SmallVector<std::pair<int64_t, int64_t>, kMaxRank> steps;
  for (auto [size, stride] : llvm::zip_equal(view.getSizes(), view.getStrides())) {
    if (size == 0)
      return false;
    if (size > 1)
      steps.emplace_back(stride, size);
  }
  llvm::sort(steps);
  int64_t reach = 1;
  for (auto [stride, size] : steps) {
    if (stride < reach)
      return true;
    reach += (size - 1) * stride;
  }
  return false;
}
