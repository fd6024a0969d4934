// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Support/Optimize.h"

#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

void attn::optimize(llvm::Module &module, llvm::TargetMachine &machine, unsigned optLevel, bool hasLibrary,
                    const llvm::PipelineTuningOptions &tuning) {
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::TargetLibraryInfoImpl libraryInfo(module.getTargetTriple());
  if (!hasLibrary) {
    libraryInfo.disableAllFunctions();
    functions.registerPass([&] { return llvm::TargetLibraryAnalysis(libraryInfo); });
  }
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);

  constexpr const llvm::OptimizationLevel *levels[] = {&llvm::OptimizationLevel::O0, &llvm::OptimizationLevel::O1,
                                                       &llvm::OptimizationLevel::O2, &llvm::OptimizationLevel::O3};
  llvm::ModulePassManager passes = optLevel == 0 ? builder.buildO0DefaultPipeline(*levels[0])
                                                 : builder.buildPerModuleDefaultPipeline(*levels[optLevel]);
  passes.run(module, modules);
}
