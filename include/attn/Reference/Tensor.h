// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Dense tensors, strided views and spans: all the containers the reference needs.
#ifndef ATTN_REFERENCE_TENSOR_H
#define ATTN_REFERENCE_TENSOR_H

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace attn::reference {

/// Values lying one after the other, owned by somebody else.
template <typename T> class Span {
public:
  Span() = default;
  Span(const T *data, size_t size) : first(data), count(size) {}
  Span(const std::vector<T> &values) : first(values.data()), count(values.size()) {}

  size_t size() const { return count; }
  const T *begin() const { return first; }
  const T *end() const { return first + count; }
  const T &operator[](size_t i) const {
    assert(i < count && "span index out of range");
    return first[i];
  }

private:
  const T *first = nullptr;
  size_t count = 0;
};

/// Number of elements of a tensor of these sizes (1 for rank 0).
inline int64_t countElements(const std::vector<int64_t> &sizes) {
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  return count;
}

/// Strides, in elements, of a dense row-major tensor.
inline std::vector<int64_t> rowMajorStrides(const std::vector<int64_t> &sizes) {
  std::vector<int64_t> strides(sizes.size(), 1);
  for (size_t i = sizes.size(); i-- > 1;)
    strides[i - 1] = strides[i] * sizes[i];
  return strides;
}

/// A strided view of doubles owned by somebody else. Sizes and strides are in elements; strides may be 0 or negative.
struct View {
  const double *data = nullptr;
  std::vector<int64_t> sizes, strides;
};

/// A dense row-major tensor that owns its values.
template <typename T> struct BasicTensor {
  std::vector<int64_t> sizes;
  std::vector<T> values;

  BasicTensor() = default;
  explicit BasicTensor(std::vector<int64_t> shape, T initial = T())
      : sizes(std::move(shape)), values(countElements(sizes), initial) {}

  /// Gathers a strided tensor of any number type (a kernel's f32 buffer, say). Strides are in elements.
  template <typename Source>
  static BasicTensor copyOf(const Source *data, const std::vector<int64_t> &sizes,
                            const std::vector<int64_t> &strides) {
    BasicTensor result(sizes);
    std::vector<int64_t> index(sizes.size(), 0);
    for (T &value : result.values) {
      int64_t offset = 0;
      for (size_t i = 0; i < index.size(); ++i)
        offset += index[i] * strides[i];
      value = static_cast<T>(data[offset]);
      for (size_t i = index.size(); i-- > 0 && ++index[i] == sizes[i];)
        index[i] = 0;
    }
    return result;
  }

  T &at(const std::vector<int64_t> &index) { return values[offsetOf(index)]; }
  const T &at(const std::vector<int64_t> &index) const { return values[offsetOf(index)]; }

  /// The whole tensor as a view; valid as long as the tensor is neither moved nor resized.
  View view() const { return {values.data(), sizes, rowMajorStrides(sizes)}; }

private:
  int64_t offsetOf(const std::vector<int64_t> &index) const {
    assert(index.size() == sizes.size() && "one index per dimension");
    int64_t offset = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      assert(index[i] >= 0 && index[i] < sizes[i] && "tensor index out of range");
      offset = offset * sizes[i] + index[i];
    }
    return offset;
  }
};

using Tensor = BasicTensor<double>;
using IndexTensor = BasicTensor<int64_t>;

} // namespace attn::reference

#endif // ATTN_REFERENCE_TENSOR_H
