// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory of a tensor argument, laid out in the ways that callers do, and surrounded by bytes that must not change.
#ifndef ATTN_RUNNER_TENSORBUFFER_H
#define ATTN_RUNNER_TENSORBUFFER_H

#include "attn/Support/ElementType.h"

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace attn {

/// How elements lie in memory.
enum class Placement {
  Dense,     ///< row-major, aligned to 64 bytes
  Guarded,   ///< row-major, the last element just before a page that cannot be read
  Padded,    ///< gaps after each row and plane, the first element at an odd place
  Permuted,  ///< outer dimensions in reverse order (heads beside each other, as in a packed projection)
  Broadcast, ///< inputs only: the outermost dimension larger than 1 has stride 0; what is written is padded
};

/// The memory of one view argument. All of it that holds no element is filled with 0xFF (NaN as a float).
class TensorBuffer {
public:
  static llvm::Expected<std::unique_ptr<TensorBuffer>> create(ElementType type, llvm::ArrayRef<int64_t> sizes,
                                                              Placement placement, bool isWritten);
  ~TensorBuffer();

  /// The attn_viewR_T struct that describes it.
  const void *getView() const { return view.data(); }
  ElementType getType() const { return type; }
  llvm::ArrayRef<int64_t> getSizes() const { return sizes; }
  int64_t getNumElements() const { return numElements; }

  double get(llvm::ArrayRef<int64_t> index) const { return loadElement(type, address(index)); }
  void set(llvm::ArrayRef<int64_t> index, double value) { storeElement(type, address(index), value); }
  /// The address of an element, getByteSize(type) bytes.
  char *address(llvm::ArrayRef<int64_t> index) const;

  /// The memory from the first element to the last, gaps between them included; nothing without elements.
  llvm::MutableArrayRef<char> getSpan() const;

  /// Visits every index in row-major order.
  void forEachIndex(llvm::function_ref<void(llvm::ArrayRef<int64_t>)> visit) const;

  /// All elements in row-major order, as doubles or as they are in memory.
  std::vector<double> getValues() const;
  std::string getBytes() const;

  /// Remembers all bytes.
  void remember();
  /// Whether all bytes are as remembered: of what is written those that hold no element.
  bool isIntact();

private:
  TensorBuffer() = default;
  ElementType type = ElementType::F32;
  std::vector<int64_t> sizes, strides;
  int64_t numElements = 1;
  bool isWritten = false;
  /// Pages mapped, the protected ones at both ends included.
  char *pages = nullptr;
  size_t mappedBytes = 0;
  /// The usable bytes between the protected pages.
  char *bytes = nullptr;
  size_t usableBytes = 0;
  char *first = nullptr;
  std::vector<int64_t> view;
  std::string remembered;
};

} // namespace attn

#endif // ATTN_RUNNER_TENSORBUFFER_H
