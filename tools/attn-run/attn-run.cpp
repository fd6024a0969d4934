// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compiles, calls, judges and times a kernel.

#include "attn/Pipelines/Registration.h"
#include "attn/Runner/RunMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  return attn::runMain(argc, argv, registry);
}
