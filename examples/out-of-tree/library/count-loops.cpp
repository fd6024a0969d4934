// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs the stages up to `tile` on a file and says how many loops over keys each kernel has, and how many look at a
// mask.

#include "attn/Dialect/Attention/IR/Attention.h"
#include "attn/Pipelines/Pipelines.h"
#include "attn/Pipelines/Registration.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  if (argc != 2) {
    llvm::errs() << "usage: count-loops FILE.mlir\n";
    return 1;
  }
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::parseSourceFile<mlir::ModuleOp>(argv[1], &context);
  if (!module)
    return 1;

  attn::CPUDescription cpu; // 16 registers of 256 bits
  mlir::PassManager stages(&context);
  attn::buildCPUPipeline(stages, attn::Stage::Import, attn::Stage::Tile, cpu);
  if (failed(stages.run(*module)))
    return 1;

  for (auto kernel : module->getOps<mlir::func::FuncOp>()) {
    int loops = 0, masked = 0;
    kernel.walk([&](attn::OnlineOp tile) {
      ++loops;
      masked += !tile.getMask().empty();
    });
    llvm::outs() << kernel.getName() << ": " << loops << " loops over keys, " << masked << " with a mask\n";
  }
}
