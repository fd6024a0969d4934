# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Finds MLIR and LLVM and turns what Debian's packages need into one target, attn_mlir, that every room links.

option(ATTN_SHARED_ROOMS "Build each room as its own shared library (else all of them go into libAttnMLIR.so)" ON)
option(ATTN_PCH "Share one precompiled header of MLIR between the rooms" ON)

set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")

# g++ prints the names of MLIR traits differently from the clang that built libMLIR.so, so its TypeIDs can differ.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "attn-mlir is built with clang (see CMakePresets.json), got ${CMAKE_CXX_COMPILER_ID}")
endif()

find_program(ATTN_CCACHE ccache)
if(ATTN_CCACHE)
  # Without this sloppiness ccache refuses every translation unit that uses a precompiled header.
  set(launcher "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime;${ATTN_CCACHE}")
  set(CMAKE_C_COMPILER_LAUNCHER "${launcher}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${launcher}")
endif()

# "22" alone is refused: the packages accept a request for their own major.minor only.
find_package(MLIR 22.1 REQUIRED CONFIG)
message(STATUS "MLIR ${MLIR_DIR}, LLVM ${LLVM_PACKAGE_VERSION}")

list(APPEND CMAKE_MODULE_PATH "${MLIR_CMAKE_DIR}" "${LLVM_CMAKE_DIR}")
include(TableGen)
include(AddLLVM)
include(AddMLIR)
# Without this the sanitizer "Undefined" of HandleLLVMOptions adds no flag at all. vptr and function need type
# information that libMLIR.so does not share with us.
set(LLVM_UBSAN_FLAGS "-fsanitize=undefined -fno-sanitize=vptr,function -fno-sanitize-recover=all")
# Sets warnings, -fPIC, the linker, the sanitizers and -z,defs. Assertions in our own code
# follow the preset (the packaged LLVM has them off).
include(HandleLLVMOptions)

# libMLIR.so and libLLVM.so, never one of the static MLIR archives beside them: two copies mean two TypeIDs
# for everything. add_mlir_library() picks the archives, hence the plain CMake targets in AttnLibrary.cmake.
add_library(attn_headers INTERFACE)
target_include_directories(attn_headers INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>"
  $<INSTALL_INTERFACE:include>)
separate_arguments(ATTN_LLVM_DEFINITIONS NATIVE_COMMAND "${LLVM_DEFINITIONS}")
add_library(attn_mlir INTERFACE)
target_include_directories(attn_mlir SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_compile_definitions(attn_mlir INTERFACE ${ATTN_LLVM_DEFINITIONS})
target_link_libraries(attn_mlir INTERFACE attn_headers MLIR LLVM)

# Exceptions are off as in LLVM itself. A time stamp inside the precompiled header would make ccache miss it.
set(ATTN_MLIR_FLAGS -fno-exceptions "SHELL:-Xclang -fno-pch-timestamp")
if(ATTN_PCH)
  add_library(AttnPCH OBJECT "${CMAKE_CURRENT_LIST_DIR}/pch.cpp")
  target_link_libraries(AttnPCH PRIVATE attn_mlir)
  target_compile_options(AttnPCH PRIVATE ${ATTN_MLIR_FLAGS})
  target_precompile_headers(AttnPCH PRIVATE "${CMAKE_CURRENT_LIST_DIR}/pch.h")
endif()
