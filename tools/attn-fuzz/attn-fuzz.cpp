// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Compiles random kernels, calls them in random ways and judges what they compute.

#include "attn/Fuzzer/FuzzMain.h"
#include "attn/Pipelines/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  return attn::fuzzMain(argc, argv, registry);
}
