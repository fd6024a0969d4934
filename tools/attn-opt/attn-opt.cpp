// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs any pass, ours or upstream's, alone or in a pipeline.

#include "attn/Pipelines/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  attn::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "attention compiler: pass driver\n", registry));
}
