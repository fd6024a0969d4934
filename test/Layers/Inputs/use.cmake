# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Refused before any target is made, so that script mode is enough.
cmake_minimum_required(VERSION 3.25)
include("${CMAKE_CURRENT_LIST_DIR}/../../../cmake/AttnLibrary.cmake")
attn_add_library(${ROOM} SOURCES a.cpp USES ${USE})
