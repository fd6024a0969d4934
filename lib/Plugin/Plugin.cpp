// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Makes libAttnMLIR.so a plugin of any mlir-opt of the same MLIR version:
//   mlir-opt --load-dialect-plugin=libAttnMLIR.so --load-pass-plugin=libAttnMLIR.so --pass-pipeline=...

#include "attn/Pipelines/Registration.h"
#include "mlir/Config/mlir-config.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"

extern "C" LLVM_ATTRIBUTE_WEAK mlir::DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "attn", LLVM_VERSION_STRING,
          [](mlir::DialectRegistry *registry) { attn::registerAttnDialects(*registry); }};
}

extern "C" LLVM_ATTRIBUTE_WEAK mlir::PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "attn", LLVM_VERSION_STRING, [] { attn::registerAttnPasses(); }};
}
