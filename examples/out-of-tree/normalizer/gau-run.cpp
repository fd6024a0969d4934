// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// attn-run with one dialect more.
#include "Gau.h"

#include "attn/Pipelines/Registration.h"
#include "attn/Runner/RunMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  registry.insert<gau::GauDialect>();
  return attn::runMain(argc, argv, registry);
}
