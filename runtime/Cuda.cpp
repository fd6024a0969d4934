// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// NVIDIA's driver by dlopen. Only the few functions and constants that are used are declared, as the driver's interface
// has had them since CUDA 4; no header of the toolkit is needed to build.
#include "attn-c/Cuda.h"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace {

using Result = int;       // CUresult, 0 is success
using Device = int;       // CUdevice
using Handle = void *;    // CUcontext, CUmodule, CUfunction, CUstream
using Address = uint64_t; // CUdeviceptr

/// CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: more than 48 KB has to be asked for.
constexpr int kMaxDynamicShared = 8;
/// CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, .._MINOR, .._MAX_SHARED_MEMORY_PER_BLOCK_OPTIN and
/// .._MULTIPROCESSOR_COUNT.
constexpr int kMajor = 75, kMinor = 76, kMostShared = 97, kMultiprocessors = 16;

thread_local std::string message;

int32_t fail(std::string text) {
  message = std::move(text);
  return ATTN_ERROR_DEVICE;
}

/// The functions of the driver.
struct Driver {
  Result (*init)(unsigned) = nullptr;
  Result (*getDeviceCount)(int *) = nullptr;
  Result (*getDevice)(Device *, int) = nullptr;
  Result (*getDeviceAttribute)(int *, int, Device) = nullptr;
  Result (*retain)(Handle *, Device) = nullptr;
  Result (*release)(Device) = nullptr;
  Result (*setCurrent)(Handle) = nullptr;
  Result (*load)(Handle *, const void *) = nullptr;
  Result (*unload)(Handle) = nullptr;
  Result (*getFunction)(Handle *, Handle, const char *) = nullptr;
  Result (*setAttribute)(Handle, int, int) = nullptr;
  Result (*launch)(Handle, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Handle, void **,
                   void **) = nullptr;
  Result (*allocate)(Address *, size_t) = nullptr;
  Result (*free)(Address) = nullptr;
  Result (*copyToDevice)(Address, const void *, size_t) = nullptr;
  Result (*copyToHost)(void *, Address, size_t) = nullptr;
  Result (*getErrorString)(Result, const char **) = nullptr;
  /// Why there is none; empty if there is.
  std::string error;

  static const Driver &get() {
    static const Driver driver;
    return driver;
  }

  /// ATTN_OK, or the error that `result` is.
  int32_t check(Result result, const char *what) const {
    if (result == 0)
      return ATTN_OK;
    const char *text = nullptr;
    if (getErrorString(result, &text) != 0 || !text)
      text = "unknown error";
    return fail(std::string(what) + ": " + text + " (CUresult " + std::to_string(result) + ")");
  }

private:
  Driver() {
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char *reason = dlerror();
      error = std::string("there is no NVIDIA driver on this machine: ") + (reason ? reason : "libcuda.so.1");
      return;
    }
    find(library, "cuInit", init);
    find(library, "cuDeviceGetCount", getDeviceCount);
    find(library, "cuDeviceGet", getDevice);
    find(library, "cuDeviceGetAttribute", getDeviceAttribute);
    find(library, "cuDevicePrimaryCtxRetain", retain);
    find(library, "cuDevicePrimaryCtxRelease_v2", release);
    find(library, "cuCtxSetCurrent", setCurrent);
    find(library, "cuModuleLoadData", load);
    find(library, "cuModuleUnload", unload);
    find(library, "cuModuleGetFunction", getFunction);
    find(library, "cuFuncSetAttribute", setAttribute);
    find(library, "cuLaunchKernel", launch);
    find(library, "cuMemAlloc_v2", allocate);
    find(library, "cuMemFree_v2", free);
    find(library, "cuMemcpyHtoD_v2", copyToDevice);
    find(library, "cuMemcpyDtoH_v2", copyToHost);
    find(library, "cuGetErrorString", getErrorString);
    if (!error.empty())
      return;
    if (Result result = init(0)) {
      const char *text = nullptr;
      getErrorString(result, &text);
      error = std::string("the NVIDIA driver finds no device: ") + (text ? text : "cuInit failed");
    }
  }

  template <typename Function> void find(void *library, const char *name, Function &function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    if (!function && error.empty())
      error = std::string("the NVIDIA driver is too old: it has no ") + name;
  }
};

} // namespace

struct attn_cuda {
  Device device = 0;
  Handle context = nullptr;
  /// Compute capability, shared memory that a block may ask for, and multiprocessors.
  int major = 0, minor = 0, sharedBytes = 0, multiprocessors = 0;
  std::mutex mutex;
  /// By address of the image; functions by image and name.
  std::map<const void *, Handle> modules;
  std::map<std::pair<const void *, std::string>, Handle> functions;

  /// Whether it can run the kernel's code.
  bool runs(const attn_gpu_kernel &kernel) const {
    int chip = 10 * major + minor;
    return kernel.chip <= chip && (kernel.is_ptx || kernel.chip / 10 == major) && kernel.shared_bytes <= sharedBytes;
  }
  /// The error that it runs none of `kernels`.
  int32_t refuse(const attn_gpu_kernel *const *kernels, int32_t count) const {
    std::string text = std::string("kernel '") + kernels[0]->name + "' was compiled for ";
    for (int32_t i = 0; i < count; ++i)
      text += (i ? ", sm_" : "sm_") + std::to_string(kernels[i]->chip) + (kernels[i]->is_ptx ? " (PTX, " : " (code, ") +
              std::to_string(kernels[i]->shared_bytes) + " bytes of shared memory)";
    return fail(text + ", and the device is sm_" + std::to_string(10 * major + minor) + " with " +
                std::to_string(sharedBytes) + " bytes: compile with --chip for it or for an older one");
  }

  int32_t enter() {
    const Driver &driver = Driver::get();
    return driver.check(driver.setCurrent(context), "cuCtxSetCurrent");
  }

  /// The function of a kernel, ready to be started.
  int32_t find(const attn_gpu_kernel &kernel, Handle &function) {
    const Driver &driver = Driver::get();
    std::lock_guard<std::mutex> lock(mutex);
    auto [known, isNew] = functions.try_emplace({kernel.image, kernel.name}, nullptr);
    function = known->second;
    if (!isNew)
      return ATTN_OK;
    Handle &module = modules[kernel.image];
    int32_t status = module ? ATTN_OK : driver.check(driver.load(&module, kernel.image), "cuModuleLoadData");
    if (status == ATTN_OK)
      status = driver.check(driver.getFunction(&function, module, kernel.name), "cuModuleGetFunction");
    if (status == ATTN_OK)
      status = driver.check(driver.setAttribute(function, kMaxDynamicShared, int(kernel.shared_bytes)),
                            "cuFuncSetAttribute");
    if (status == ATTN_OK)
      known->second = function;
    else
      functions.erase(known);
    return status;
  }
};

extern "C" {

const char *attn_cuda_message(void) { return message.c_str(); }

int32_t attn_cuda_open(int32_t index, attn_cuda **device) {
  *device = nullptr;
  const Driver &driver = Driver::get();
  if (!driver.error.empty())
    return fail(driver.error);
  int count = 0;
  if (int32_t status = driver.check(driver.getDeviceCount(&count), "cuDeviceGetCount"))
    return status;
  if (index < 0 || index >= count)
    return fail("there is no device " + std::to_string(index) + ": the driver has " + std::to_string(count));
  auto *opened = new attn_cuda;
  int32_t status = driver.check(driver.getDevice(&opened->device, index), "cuDeviceGet");
  if (status == ATTN_OK)
    for (auto [attribute, value] :
         {std::pair(kMajor, &opened->major), std::pair(kMinor, &opened->minor),
          std::pair(kMostShared, &opened->sharedBytes), std::pair(kMultiprocessors, &opened->multiprocessors)})
      if (status == ATTN_OK)
        status = driver.check(driver.getDeviceAttribute(value, attribute, opened->device), "cuDeviceGetAttribute");
  if (status == ATTN_OK)
    status = driver.check(driver.retain(&opened->context, opened->device), "cuDevicePrimaryCtxRetain");
  if (status != ATTN_OK) {
    delete opened;
    return status;
  }
  *device = opened;
  return ATTN_OK;
}

void attn_cuda_close(attn_cuda *device) {
  if (!device)
    return;
  const Driver &driver = Driver::get();
  if (device->enter() == ATTN_OK)
    for (auto &[image, module] : device->modules)
      driver.unload(module);
  driver.release(device->device);
  delete device;
}

int32_t attn_cuda_launch(void *device, const attn_gpu_kernel *kernel, int64_t blocks, void *const *arguments,
                         void *stream) {
  auto *self = static_cast<attn_cuda *>(device);
  if (!self)
    return fail("expects an attn_cuda in attn_gpu_call.device, got null");
  if (kernel->image_bytes == 0)
    return fail(std::string("kernel '") + kernel->name + "' was compiled without its code");
  if (!self->runs(*kernel))
    return self->refuse(&kernel, 1);
  // The first dimension of a grid (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability").
  if (blocks > INT32_MAX)
    return fail("a launch of " + std::to_string(blocks) + " blocks is more than a device takes");
  const Driver &driver = Driver::get();
  Handle function = nullptr;
  if (int32_t status = self->enter())
    return status;
  if (int32_t status = self->find(*kernel, function))
    return status;
  return driver.check(driver.launch(function, unsigned(blocks), 1, 1, unsigned(kernel->threads), 1, 1,
                                    unsigned(kernel->shared_bytes), stream, const_cast<void **>(arguments), nullptr),
                      "cuLaunchKernel");
}

int32_t attn_cuda_choose(void *device, const attn_gpu_kernel *const *kernels, int32_t count) {
  auto *self = static_cast<attn_cuda *>(device);
  if (!self) {
    fail("expects an attn_cuda in attn_gpu_call.device, got null");
    return -1;
  }
  int32_t best = -1;
  for (int32_t i = 0; i < count; ++i) {
    if (!self->runs(*kernels[i]))
      continue;
    // Of one chip machine code is loaded faster than PTX.
    bool isBetter = best < 0 || kernels[i]->chip > kernels[best]->chip ||
                    (kernels[i]->chip == kernels[best]->chip && !kernels[i]->is_ptx);
    best = isBetter ? i : best;
  }
  if (best < 0)
    self->refuse(kernels, count);
  return best;
}

int32_t attn_cuda_workers(const attn_cuda *device) { return device->multiprocessors; }

int32_t attn_cuda_allocate(attn_cuda *device, size_t bytes, void **address) {
  const Driver &driver = Driver::get();
  Address result = 0;
  int32_t status = device->enter();
  if (status == ATTN_OK)
    status = driver.check(driver.allocate(&result, bytes ? bytes : 1), "cuMemAlloc");
  *address = reinterpret_cast<void *>(result);
  return status;
}

void attn_cuda_free(attn_cuda *device, void *address) {
  if (device->enter() == ATTN_OK)
    Driver::get().free(reinterpret_cast<Address>(address));
}

int32_t attn_cuda_copy_to_device(attn_cuda *device, void *to, const void *from, size_t bytes) {
  const Driver &driver = Driver::get();
  int32_t status = device->enter();
  return status ? status
                : driver.check(driver.copyToDevice(reinterpret_cast<Address>(to), from, bytes), "cuMemcpyHtoD");
}

int32_t attn_cuda_copy_to_host(attn_cuda *device, void *to, const void *from, size_t bytes) {
  const Driver &driver = Driver::get();
  int32_t status = device->enter();
  return status ? status : driver.check(driver.copyToHost(to, reinterpret_cast<Address>(from), bytes), "cuMemcpyDtoH");
}

} // extern "C"
