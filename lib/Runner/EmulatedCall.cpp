// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Runner/EmulatedCall.h"

#include "llvm/Support/raw_ostream.h"

using namespace attn;

EmulatedCall::EmulatedCall(const EmulatedModule &device, const KernelSignature &signature, Arguments &arguments,
                           int32_t workers)
    : device(device), signature(signature), arguments(arguments), workers(workers) {
  for (auto [index, argument] : llvm::enumerate(signature.arguments)) {
    TensorBuffer *buffer = arguments.getBuffer(index);
    // Gaps between rows may be read, what lies around the tensor may not.
    if (buffer && buffer->getNumElements() > 0)
      options.buffers.push_back({buffer->getSpan().data(), buffer->getSpan().size(), argument.isWritten()});
  }
}

int32_t EmulatedCall::launch(void *self, const attn_gpu_kernel *kernel, int64_t blocks, void *const *arguments,
                             void *) {
  auto &call = *static_cast<EmulatedCall *>(self);
  call.options.grid = {static_cast<int32_t>(blocks), 1, 1};
  call.options.block = {static_cast<int32_t>(kernel->threads), 1, 1};
  call.options.dynamicSharedBytes = kernel->shared_bytes;
  call.launches.emplace_back(static_cast<int32_t>(blocks), static_cast<int32_t>(kernel->threads));
  call.sharedBytes = std::max(call.sharedBytes, kernel->shared_bytes);
  // The kernel knows how many arguments it takes.
  auto report = call.device.launch(kernel->name, llvm::ArrayRef<const void *>(arguments, size_t(1)), call.options);
  if (!report) {
    call.error = llvm::toString(report.takeError());
    return ATTN_ERROR_DEVICE;
  }
  if (call.report)
    call.report->append(*report);
  else
    call.report = std::move(*report);
  return call.report->completed ? ATTN_OK : ATTN_ERROR_DEVICE;
}

llvm::Expected<std::optional<emulator::Report>> EmulatedCall::runOnce(const LoadedKernel &kernel,
                                                                      emulator::Landing landing, uint64_t seed) {
  options.landing = landing;
  options.seed = seed;
  report.reset();
  error.clear();
  launches.clear();
  sharedBytes = 0;
  // NaN of any type: what nobody wrote shows.
  workspace.assign(kernel.getWorkspaceSize(workers, arguments.getPointers()), '\xff');
  std::vector<emulator::Buffer> tensors = options.buffers;
  if (!workspace.empty())
    options.buffers.push_back({workspace.data(), workspace.size(), /*writable=*/true});
  attn_gpu_call call = {ATTN_ABI_VERSION, workers, &EmulatedCall::launch, this,
                        nullptr,          nullptr, workspace.data(),      workspace.size()};
  int32_t status = kernel.call(call, arguments.getPointers());
  options.buffers = std::move(tensors);
  if (status != ATTN_OK && status != ATTN_ERROR_DEVICE)
    return llvm::createStringError("'" + signature.name + "' refuses the call with status " + llvm::Twine(status) +
                                   ", " + attn_status_message(status));
  if (!error.empty())
    return llvm::createStringError(error);
  return std::move(report);
}

llvm::Error EmulatedCall::runClean(const LoadedKernel &kernel, emulator::Landing landing, uint64_t seed,
                                   llvm::raw_ostream &os) {
  llvm::Expected<std::optional<emulator::Report>> seen = runOnce(kernel, landing, seed);
  if (!seen)
    return seen.takeError();
  if (!*seen) {
    os << "no block: nothing to do\n";
    return llvm::Error::success();
  }
  llvm::StringRef name = landing == emulator::Landing::Late ? "late" : "at once";
  const emulator::Counters &counters = (*seen)->counters;
  os << "copies land " << name << ": ";
  for (auto [number, launch] : llvm::enumerate(launches))
    os << (number ? ", then " : "") << launch.first << " blocks of " << launch.second;
  os << ", " << sharedBytes << " bytes shared, " << counters.mma << " mma, " << counters.ldmatrix << " ldmatrix, "
     << counters.asyncCopies << " cp.async, " << counters.bankConflicts << " bank conflicts\n";
  if (!(*seen)->completed || (*seen)->total > 0)
    return llvm::createStringError("the emulator found " + llvm::Twine((*seen)->total) + " faults in '" +
                                   signature.name + "':\n" + (*seen)->getText());
  std::string damage = arguments.findDamage();
  if (!damage.empty())
    return llvm::createStringError("'" + signature.name + "' wrote where it must not: inputs, or memory around " +
                                   damage);
  return llvm::Error::success();
}

std::string EmulatedCall::getOutputs() const {
  std::string bytes;
  for (auto [index, argument] : llvm::enumerate(signature.arguments))
    if (argument.isWritten())
      bytes += arguments.getBuffer(index)->getBytes();
  return bytes;
}

llvm::Error EmulatedCall::run(const LoadedKernel &kernel, uint64_t schedule, llvm::raw_ostream &os) {
  if (llvm::Error failed = runClean(kernel, emulator::Landing::Late, schedule, os))
    return failed;
  std::string outputs = getOutputs();
  if (llvm::Error failed = runClean(kernel, emulator::Landing::Eager, schedule + 1, os))
    return failed;
  if (outputs != getOutputs())
    return llvm::createStringError("'" + signature.name +
                                   "' computes something else when copies land at once and "
                                   "threads run in another order");
  return llvm::Error::success();
}
