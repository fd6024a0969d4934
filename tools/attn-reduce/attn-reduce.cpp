// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shrinks a file as long as a script finds it interesting.

#include "ReductionPatterns.h"
#include "attn/Pipelines/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  attn::registerAllPasses();
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  attn::registerReductionPatterns(registry);
  mlir::MLIRContext context(registry);
  if (succeeded(mlir::mlirReduceMain(argc, argv, context)))
    return 0;
  // Upstream is silent about the commonest mistake: its warning has no reader here.
  llvm::errs() << "attn-reduce: error: nothing was reduced: expects a script (test=) that returns 1 for the input\n";
  return 1;
}
