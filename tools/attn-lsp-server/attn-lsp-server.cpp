// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Errors, definitions and documentation of .mlir files for editors, over the language server protocol.

#include "attn/LanguageServer/LanguageServerMain.h"
#include "attn/Pipelines/Registration.h"
#include "mlir/IR/DialectRegistry.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  return attn::languageServerMain(argc, argv, registry);
}
