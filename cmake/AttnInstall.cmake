# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# `cmake --install build/release --prefix DIR`: libAttnMLIR.so, the run time, tools, headers, and what
# find_package(AttnMLIR) reads. Presets with a shared library for each room install those as well.
include(CMakePackageConfigHelpers)
set(package lib/cmake/AttnMLIR)

set(targets AttnMLIR attn_mlir)
if(ATTN_SHARED_ROOMS)
  get_property(rooms GLOBAL PROPERTY ATTN_ROOMS)
  list(APPEND targets ${rooms})
endif()
get_property(tools GLOBAL PROPERTY ATTN_TOOLS)
# libMLIR.so lies outside the loader's path, hence the second entry; lib/ has to follow the installed tree.
set_target_properties(AttnMLIR AttnRuntime ${rooms} ${tools} PROPERTIES
  INSTALL_RPATH "$ORIGIN/../lib" INSTALL_RPATH_USE_LINK_PATH ON)
# What a host of kernels uses is a set of its own: it can be had without MLIR.
install(TARGETS attn_headers AttnRuntime AttnRuntimeStatic EXPORT AttnRuntimeTargets
  LIBRARY DESTINATION lib ARCHIVE DESTINATION lib)
install(TARGETS ${targets} EXPORT AttnMLIRTargets LIBRARY DESTINATION lib ARCHIVE DESTINATION lib)
install(TARGETS ${tools} RUNTIME DESTINATION bin)
install(DIRECTORY include/attn include/attn-c DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
install(DIRECTORY "${PROJECT_BINARY_DIR}/include/attn" DESTINATION include
  FILES_MATCHING PATTERN "*.inc" PATTERN CMakeFiles EXCLUDE)

install(EXPORT AttnRuntimeTargets NAMESPACE AttnMLIR:: DESTINATION ${package})
install(EXPORT AttnMLIRTargets NAMESPACE AttnMLIR:: DESTINATION ${package})
set(ATTN_MLIR_REQUIRED "${LLVM_VERSION_MAJOR}.${LLVM_VERSION_MINOR}")
configure_package_config_file(cmake/AttnMLIRConfig.cmake.in "${PROJECT_BINARY_DIR}/AttnMLIRConfig.cmake"
  INSTALL_DESTINATION ${package})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/AttnMLIRConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/AttnMLIRConfig.cmake" "${PROJECT_BINARY_DIR}/AttnMLIRConfigVersion.cmake"
  cmake/AttnKernel.cmake DESTINATION ${package})
