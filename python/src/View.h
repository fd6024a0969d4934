// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An array of Python as a view of attn-c/Abi.h.
#ifndef ATTN_PYTHON_VIEW_H
#define ATTN_PYTHON_VIEW_H

#include "attn/Compiler/Compiler.h"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <string>

namespace attn::python {

/// The struct of Abi.h with the most dimensions has 6.
constexpr int kMaxRank = 6;

/// Memory of an array. It begins like an attn_viewN_... of its rank, so that its address is that of one.
struct View {
  void *data = nullptr;
  int64_t sizesAndStrides[2 * kMaxRank]; // `rank` sizes, then `rank` strides in elements
  int rank = 0;
  ElementType type = ElementType::F32;
  nanobind::ndarray<> array; // keeps the memory

  /// Reads `object` as `argument` of `kernel`. Raises TypeError where it is no array of the right type, else
  /// ValueError, if it does not fit.
  void read(const std::string &kernel, const KernelArgument &argument, nanobind::handle object);

  llvm::ArrayRef<int64_t> getSizes() const { return {sizesAndStrides, static_cast<size_t>(rank)}; }
  llvm::ArrayRef<int64_t> getStrides() const { return {sizesAndStrides + rank, static_cast<size_t>(rank)}; }
};

/// "[1, 8, ?, 64]".
std::string describeSizes(llvm::ArrayRef<int64_t> sizes);

/// A new numpy array.
nanobind::object allocateArray(ElementType type, nanobind::tuple sizes);

/// Whether an element of one is an element of the other.
bool overlaps(const View &a, const View &b);
/// Whether two elements may share their place.
bool overlapsItself(const View &view);

} // namespace attn::python

#endif // ATTN_PYTHON_VIEW_H
