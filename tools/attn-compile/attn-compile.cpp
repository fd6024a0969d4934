// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// From MLIR with attention ops to an object, a header and everything between.

#include "attn/Compiler/CompileMain.h"
#include "attn/Pipelines/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  attn::registerAttnPasses(); // --mlir-print-ir-after knows our passes by these names
  return attn::compileMain(argc, argv, registry);
}
