// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "DeviceCall.h"

#include <cstring>

using namespace attn;

namespace {
/// A tensor's memory on the device, and its view there.
struct Copy {
  void *address = nullptr;
  std::vector<int64_t> view;
};
} // namespace

/// Bytes that a copy begins behind the alignment of an allocation, so that rows are aligned there as they are here.
static size_t getSkew(const TensorBuffer &buffer) { return reinterpret_cast<uintptr_t>(buffer.getSpan().data()) % 256; }

static llvm::Error callWithCopies(const LoadedKernel &kernel, attn_cuda *device, const KernelSignature &signature,
                                  Arguments &arguments, int32_t workers, std::vector<Copy> &copies) {
  auto fail = [] { return llvm::createStringError(attn_cuda_message()); };
  std::vector<const void *> pointers(arguments.getPointers());
  for (auto [index, copy] : llvm::enumerate(copies)) {
    TensorBuffer *buffer = arguments.getBuffer(index);
    if (!buffer)
      continue;
    llvm::MutableArrayRef<char> span = buffer->getSpan();
    size_t skew = getSkew(*buffer);
    if (attn_cuda_allocate(device, span.size() + skew, &copy.address) != ATTN_OK)
      return fail();
    char *begin = static_cast<char *>(copy.address) + skew;
    if (attn_cuda_copy_to_device(device, begin, span.data(), span.size()) != ATTN_OK)
      return fail();
    copy.view.resize(1 + 2 * buffer->getSizes().size());
    std::memcpy(copy.view.data(), buffer->getView(), copy.view.size() * sizeof(int64_t));
    copy.view.front() = reinterpret_cast<intptr_t>(begin);
    pointers[index] = copy.view.data();
  }
  attn_gpu_call call = {ATTN_ABI_VERSION, workers, attn_cuda_launch, device, nullptr, attn_cuda_choose, nullptr, 0};
  call.workspace_bytes = kernel.getWorkspaceSize(workers, pointers);
  if (call.workspace_bytes > 0) {
    if (attn_cuda_allocate(device, call.workspace_bytes, &call.workspace) != ATTN_OK)
      return fail();
    copies.emplace_back().address = call.workspace; // freed with the others
  }
  int32_t status = kernel.call(call, pointers);
  if (status == ATTN_ERROR_DEVICE)
    return fail();
  if (status != ATTN_OK)
    return llvm::createStringError("'" + signature.name + "' refuses the call with status " + llvm::Twine(status) +
                                   ", " + attn_status_message(status));
  for (auto [index, copy] : llvm::enumerate(llvm::ArrayRef(copies).take_front(signature.arguments.size())))
    if (TensorBuffer *buffer = arguments.getBuffer(index)) {
      llvm::MutableArrayRef<char> span = buffer->getSpan();
      const char *begin = static_cast<const char *>(copy.address) + getSkew(*buffer);
      if (attn_cuda_copy_to_host(device, span.data(), begin, span.size()) != ATTN_OK)
        return fail();
    }
  std::string damage = arguments.findDamage();
  if (!damage.empty())
    return llvm::createStringError("'" + signature.name + "' wrote where it must not: inputs, or memory around " +
                                   damage);
  return llvm::Error::success();
}

llvm::Error attn::callOnDevice(const LoadedKernel &kernel, attn_cuda *device, const KernelSignature &signature,
                               Arguments &arguments, int32_t workers) {
  std::vector<Copy> copies(signature.arguments.size());
  llvm::Error error = callWithCopies(kernel, device, signature, arguments, workers, copies);
  for (Copy &copy : copies)
    if (copy.address)
      attn_cuda_free(device, copy.address);
  return error;
}
