# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# `cmake --install build/release --prefix DIR`: libAttnMLIR.so, the run time, tools, headers, and what
# find_package(AttnMLIR) reads. Only where the rooms are inside libAttnMLIR.so: the dev preset is not for installing.
if(ATTN_SHARED_ROOMS)
  return()
endif()

include(CMakePackageConfigHelpers)
set(package lib/cmake/AttnMLIR)

set(targets AttnMLIR attn_headers attn_mlir)
foreach(target AttnRuntime AttnRuntimeStatic)
  if(TARGET ${target})
    list(APPEND targets ${target})
  endif()
endforeach()
get_property(tools GLOBAL PROPERTY ATTN_TOOLS)
# libMLIR.so lies outside the loader's path, hence the second entry; lib/ has to follow the installed tree.
set_target_properties(AttnMLIR ${tools} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib" INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS ${targets} EXPORT AttnMLIRTargets LIBRARY DESTINATION lib ARCHIVE DESTINATION lib)
install(TARGETS ${tools} RUNTIME DESTINATION bin)
install(DIRECTORY include/attn include/attn-c DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
install(DIRECTORY "${PROJECT_BINARY_DIR}/include/attn" DESTINATION include
  FILES_MATCHING PATTERN "*.inc" PATTERN CMakeFiles EXCLUDE)

install(EXPORT AttnMLIRTargets NAMESPACE AttnMLIR:: DESTINATION ${package})
set(ATTN_MLIR_REQUIRED "${LLVM_VERSION_MAJOR}.${LLVM_VERSION_MINOR}")
configure_package_config_file(cmake/AttnMLIRConfig.cmake.in "${PROJECT_BINARY_DIR}/AttnMLIRConfig.cmake"
  INSTALL_DESTINATION ${package})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/AttnMLIRConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/AttnMLIRConfig.cmake" "${PROJECT_BINARY_DIR}/AttnMLIRConfigVersion.cmake"
  DESTINATION ${package})
