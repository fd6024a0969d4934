// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs any pass, ours or upstream's, alone or in a pipeline; --explain adds what our analyses have to say.

#include "attn/Compiler/Explain.h"
#include "attn/Compiler/Tool.h"
#include "attn/Pipelines/Pipelines.h"
#include "attn/Pipelines/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  mlir::DialectRegistry registry;
  attn::registerAllDialects(registry);
  attn::registerAllPasses();
  attn::releaseOptionNames(attn::ExplainOption::getNames());
  attn::ExplainOption explain(llvm::cl::getGeneralCategory());
  auto [inputName, outputName] =
      mlir::registerAndParseCLIOptions(argc, argv, "attention compiler: pass driver\n", registry);
  llvm::Expected<attn::Explain> topics = explain.get();
  if (!topics)
    return attn::reportError("attn-opt", llvm::toString(topics.takeError()));
  mlir::MlirOptMainConfig config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldShowDialects() || config.shouldListPasses() || !explain)
    return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, inputName, outputName, registry));

  mlir::MlirOptMainConfig withoutExplanation = config;
  config.setPassPipelineSetupFn([&](mlir::PassManager &pm) -> mlir::LogicalResult {
    if (mlir::failed(withoutExplanation.setupPassPipeline(pm)))
      return mlir::failure();
    attn::addExplanation(pm, *topics, attn::CPUDescription(), llvm::outs());
    return mlir::success();
  });
  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> input = mlir::openInputFile(inputName, &error);
  std::unique_ptr<llvm::ToolOutputFile> output = input ? mlir::openOutputFile(outputName, &error) : nullptr;
  if (!output) {
    llvm::errs() << error << "\n";
    return 1;
  }
  if (mlir::failed(mlir::MlirOptMain(output->os(), std::move(input), registry, config)))
    return 1;
  output->keep();
  return 0;
}
