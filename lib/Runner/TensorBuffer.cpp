// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/TensorBuffer.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace attn;

/// Bytes before and after the elements that must not change, where no protected page follows at once.
static constexpr size_t kCanaryBytes = 256;

/// Strides in elements, and how many elements the whole span takes.
static std::vector<int64_t> makeStrides(llvm::ArrayRef<int64_t> sizes, Placement placement, bool isWritten,
                                        int64_t &span) {
  size_t rank = sizes.size();
  std::vector<int64_t> strides(rank, 1);
  // Dimensions from the one that varies fastest; the innermost of a view always is.
  llvm::SmallVector<size_t> order;
  for (size_t i = 0; i < rank; ++i)
    order.push_back(placement == Placement::Permuted && i > 0 ? i - 1 : rank - 1 - i);
  bool isPadded = placement == Placement::Padded || (placement == Placement::Broadcast && isWritten);
  span = 1;
  for (auto [place, dimension] : llvm::enumerate(order)) {
    strides[dimension] = span;
    // Odd gaps: rows of a padded tensor begin at every alignment.
    span = span * std::max<int64_t>(sizes[dimension], 1) + (isPadded && place + 1 < rank ? 5 : 0);
  }
  if (placement == Placement::Broadcast && !isWritten)
    for (size_t i = 0; i + 1 < rank; ++i)
      if (sizes[i] > 1) {
        strides[i] = 0;
        break;
      }
  return strides;
}

llvm::Expected<std::unique_ptr<TensorBuffer>> TensorBuffer::create(ElementType type, llvm::ArrayRef<int64_t> sizes,
                                                                   Placement placement, bool isWritten) {
  std::unique_ptr<TensorBuffer> buffer(new TensorBuffer);
  buffer->type = type;
  buffer->sizes.assign(sizes.begin(), sizes.end());
  buffer->isWritten = isWritten;
  for (int64_t size : sizes)
    if (llvm::MulOverflow(buffer->numElements, std::max<int64_t>(size, 0), buffer->numElements))
      return llvm::createStringError("a tensor has too many elements");
  int64_t span;
  buffer->strides = makeStrides(sizes, placement, isWritten, span);
  size_t dataBytes = span * getByteSize(type), page = sysconf(_SC_PAGESIZE);
  buffer->usableBytes = llvm::alignTo(dataBytes + 3 * kCanaryBytes, page);
  buffer->mappedBytes = buffer->usableBytes + 2 * page;
  void *pages = mmap(nullptr, buffer->mappedBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED)
    return llvm::createStringError(llvm::Twine("cannot allocate a tensor: ") + std::strerror(errno));
  buffer->pages = static_cast<char *>(pages);
  buffer->bytes = buffer->pages + page;
  if (mprotect(buffer->bytes, buffer->usableBytes, PROT_READ | PROT_WRITE) != 0)
    return llvm::createStringError(llvm::Twine("cannot allocate a tensor: ") + std::strerror(errno));
  std::memset(buffer->bytes, 0xFF, buffer->usableBytes);

  size_t offset = kCanaryBytes;
  if (placement == Placement::Guarded)
    offset = buffer->usableBytes - dataBytes;
  else if (placement == Placement::Padded || placement == Placement::Broadcast)
    offset += 3 * getByteSize(type);
  buffer->first = buffer->bytes + offset;
  buffer->view.push_back(static_cast<int64_t>(reinterpret_cast<intptr_t>(buffer->first)));
  buffer->view.insert(buffer->view.end(), buffer->sizes.begin(), buffer->sizes.end());
  buffer->view.insert(buffer->view.end(), buffer->strides.begin(), buffer->strides.end());
  return buffer;
}

TensorBuffer::~TensorBuffer() {
  if (pages)
    munmap(pages, mappedBytes);
}

char *TensorBuffer::address(llvm::ArrayRef<int64_t> index) const {
  int64_t offset = 0;
  for (auto [position, stride] : llvm::zip_equal(index, strides))
    offset += position * stride;
  return first + offset * getByteSize(type);
}

llvm::MutableArrayRef<char> TensorBuffer::getSpan() const {
  if (numElements == 0)
    return {};
  llvm::SmallVector<int64_t> last;
  for (int64_t size : sizes)
    last.push_back(size - 1);
  return llvm::MutableArrayRef<char>(first, address(last) - first + getByteSize(type));
}

void TensorBuffer::forEachIndex(llvm::function_ref<void(llvm::ArrayRef<int64_t>)> visit) const {
  llvm::SmallVector<int64_t> index(sizes.size(), 0);
  for (int64_t element = 0; element < numElements; ++element) {
    visit(index);
    for (size_t i = sizes.size(); i-- > 0 && ++index[i] == sizes[i];)
      index[i] = 0;
  }
}

std::vector<double> TensorBuffer::getValues() const {
  std::vector<double> values;
  values.reserve(numElements);
  forEachIndex([&](llvm::ArrayRef<int64_t> index) { values.push_back(get(index)); });
  return values;
}

std::string TensorBuffer::getBytes() const {
  std::string result;
  result.reserve(numElements * getByteSize(type));
  forEachIndex([&](llvm::ArrayRef<int64_t> index) { result.append(address(index), getByteSize(type)); });
  return result;
}

void TensorBuffer::remember() { remembered.assign(bytes, usableBytes); }

bool TensorBuffer::isIntact() {
  if (isWritten)
    forEachIndex([&](llvm::ArrayRef<int64_t> index) {
      char *element = address(index);
      std::memcpy(remembered.data() + (element - bytes), element, getByteSize(type));
    });
  return std::memcmp(remembered.data(), bytes, usableBytes) == 0;
}
