# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# attn_add_kernel(NAME file.mlir [CPU x86-64-v3,znver4] [COMPILER tool] [OPTIONS -O2 ...])
#
# Compiles the kernels of file.mlir into the static library NAME; what links it can include "NAME.h". CPU is the
# processor or instruction set that the kernels may use, by default that of the building machine ("native"); of a list
# with commas each call takes the last that the machine can run. COMPILER, a program or a target,
# stands in for attn-compile: one that knows more dialects. OPTIONS go to it. Needs no compiler of ours but attn-compile,
# and the library needs no other.
function(attn_add_kernel name file)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "CPU;COMPILER" "OPTIONS")
  if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
    list(JOIN arg_UNPARSED_ARGUMENTS " " text)
    message(FATAL_ERROR "attn_add_kernel(${name}): cannot understand '${text}${arg_KEYWORDS_MISSING_VALUES}' "
      "(expected NAME file.mlir [CPU name] [COMPILER tool] [OPTIONS ...])")
  endif()
  if(NOT arg_CPU)
    set(arg_CPU native)
  endif()
  if(NOT arg_COMPILER)
    set(arg_COMPILER "${AttnMLIR_COMPILE}")
  endif()
  get_filename_component(source "${file}" ABSOLUTE)
  if(NOT EXISTS "${source}")
    message(FATAL_ERROR "attn_add_kernel(${name}): there is no file ${source}")
  endif()
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${name}.kernel")
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(OUTPUT "${folder}/${name}.o" "${folder}/${name}.h"
    COMMAND "${arg_COMPILER}" "${source}" "--cpu=${arg_CPU}" ${arg_OPTIONS}
            -o "${folder}/${name}.o" "--header=${folder}/${name}.h"
    DEPENDS "${source}" "${arg_COMPILER}"
    COMMENT "Compiling ${file} for ${arg_CPU}" VERBATIM)
  set_source_files_properties("${folder}/${name}.o" PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
  add_library(${name} STATIC "${folder}/${name}.o" "${folder}/${name}.h")
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
  target_include_directories(${name} PUBLIC "${folder}")
endfunction()
