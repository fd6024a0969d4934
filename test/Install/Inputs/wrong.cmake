# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
cmake_minimum_required(VERSION 3.25)
project(wrong LANGUAGES C)
find_package(AttnMLIR REQUIRED CONFIG COMPONENTS Kernels)
if(CASE STREQUAL "word")
  attn_add_kernel(k CMakeLists.txt GPU h100)
else()
  attn_add_kernel(k missing.mlir)
endif()
