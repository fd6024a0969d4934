// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-compile with one dialect more.
#include "Gau.h"

#include "attn/Compiler/CompileMain.h"
#include "attn/Pipelines/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  registry.insert<gau::GauDialect>();
  return attn::compileMain(argc, argv, registry);
}
