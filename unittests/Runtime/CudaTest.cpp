// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The launcher where there is no GPU, which is where most tests run: it links, and says what is missing.
#include "attn-c/Cuda.h"

#include "gtest/gtest.h"

#include <dlfcn.h>

#include <string>

namespace {

TEST(Cuda, SaysThatThereIsNoDriver) {
  attn_cuda *device = reinterpret_cast<attn_cuda *>(1);
  if (dlopen("libcuda.so.1", RTLD_NOW))
    GTEST_SKIP() << "there is a driver";
  EXPECT_EQ(attn_cuda_open(0, &device), ATTN_ERROR_DEVICE);
  EXPECT_EQ(device, nullptr);
  EXPECT_NE(std::string(attn_cuda_message()).find("there is no NVIDIA driver on this machine"), std::string::npos)
      << attn_cuda_message();
  attn_cuda_close(device);
}

TEST(Cuda, RefusesALaunchWithoutDevice) {
  attn_gpu_kernel kernel = {"attend_kernel", "", 0, 128, 0, 80, 1};
  EXPECT_EQ(attn_cuda_launch(nullptr, &kernel, 1, nullptr, nullptr), ATTN_ERROR_DEVICE);
  EXPECT_NE(std::string(attn_cuda_message()).find("expects an attn_cuda in attn_gpu_call.device"), std::string::npos)
      << attn_cuda_message();
}

} // namespace
