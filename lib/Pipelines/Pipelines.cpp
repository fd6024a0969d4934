// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The stages above the target, and the one place that puts stages in order.
#include "attn/Pipelines/Pipelines.h"

#include "attn/Conversion/AttentionToFragment/AttentionToFragment.h"
#include "attn/Conversion/AttentionToLinalg/AttentionToLinalg.h"
#include "attn/Conversion/PrepareAbi/PrepareAbi.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace attn {

void buildNormalizeStage(OpPassManager &pm) { pm.addNestedPass<func::FuncOp>(createAttnNormalizePass()); }

/// What the choice of a plan depends on.
template <typename Options> static void setMachine(Options &options, const CPUDescription &cpu) {
  options.vectorBits = cpu.vectorBits;
  options.vectorRegisters = cpu.vectorRegisters;
  options.hasBf16Dot = cpu.hasBf16Dot;
}

void buildPlanStage(OpPassManager &pm, const CPUDescription &cpu) {
  // First: an operand of attention that is a stage's result is not made in the attention's tiles.
  AttnPlanStagesPassOptions stages;
  stages.vectorBits = cpu.vectorBits;
  stages.vectorRegisters = cpu.vectorRegisters;
  stages.hasBf16Dot = cpu.hasBf16Dot;
  pm.addNestedPass<func::FuncOp>(createAttnPlanStagesPass(stages));
  AttnSelectPlanPassOptions options;
  setMachine(options, cpu);
  pm.addNestedPass<func::FuncOp>(createAttnSelectPlanPass(options));
}

void buildPlanStage(OpPassManager &pm, const GPUDescription &gpu) {
  AttnSelectPlanPassOptions options;
  options.sharedBytes = gpu.sharedBytes;
  pm.addNestedPass<func::FuncOp>(createAttnSelectPlanPass(options));
}

void buildTileStage(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createAttnTileStagesPass());
  pm.addNestedPass<func::FuncOp>(createAttnTileAndFusePass());
}

void buildLinalgStage(OpPassManager &pm) {
  // No CSE on tensors from here to bufferisation: it would merge the fills of buffers that are updated separately.
  pm.addNestedPass<func::FuncOp>(createAttnConvertToLinalgPass());
  pm.addNestedPass<func::FuncOp>(createAttnPrepareAbiPass());
}

void buildFragmentStage(OpPassManager &pm) {
  // Views first: fragments are loaded from and stored to memory, and a tensor has none.
  pm.addNestedPass<func::FuncOp>(createAttnPrepareAbiPass());
  pm.addNestedPass<func::FuncOp>(createAttnConvertToFragmentPass());
}

/// Each stage's promise is checked before the next one relies on it; a breach names the pass that owed it.
static void verify(OpPassManager &pm, StageContract stage) {
  AttnVerifyStagePassOptions options;
  options.stage = stage;
  pm.addPass(createAttnVerifyStagePass(options));
}

/// The stages after `from` up to `to`. What differs between machines comes as functions.
static void buildStages(OpPassManager &pm, Stage from, Stage to, llvm::function_ref<void()> buildPlan,
                        llvm::function_ref<void()> buildLinalg, llvm::function_ref<void()> buildTarget) {
  // A stage before `from` is not run; `from` itself is somebody else's word, which is checked as well.
  auto addStage = [&](Stage stage, StageContract contract, llvm::function_ref<void()> build) {
    if (from < stage && stage <= to)
      build();
    if (from <= stage && (stage <= to || stage == from))
      verify(pm, contract);
  };
  addStage(Stage::Normalize, StageContract::Normalize, [&] { buildNormalizeStage(pm); });
  addStage(Stage::Plan, StageContract::Plan, buildPlan);
  addStage(Stage::Tile, StageContract::Tile, [&] { buildTileStage(pm); });
  addStage(Stage::Linalg, StageContract::Linalg, buildLinalg);
  addStage(Stage::Target, StageContract::Target, buildTarget);
}

void buildCPUPipeline(OpPassManager &pm, Stage from, Stage to, const CPUDescription &cpu) {
  buildStages(
      pm, from, to, [&] { buildPlanStage(pm, cpu); }, [&] { buildLinalgStage(pm); },
      [&] { buildTargetStage(pm, cpu); });
}

void buildGPUPipeline(OpPassManager &pm, Stage from, Stage to, const GPUDescription &gpu) {
  buildStages(
      pm, from, to, [&] { buildPlanStage(pm, gpu); }, [&] { buildFragmentStage(pm); },
      [&] { buildNVIDIATargetStage(pm, gpu); });
}

void addExplanation(OpPassManager &pm, const Explain &what, const CPUDescription &cpu, llvm::raw_ostream &os) {
  if (what.mask) {
    AttnExplainMasksPassOptions options;
    options.values = what.values;
    options.svg = what.svg;
    options.json = what.json;
    options.shapes.assign(what.shapes.begin(), what.shapes.end());
    options.scalars.assign(what.scalars.begin(), what.scalars.end());
    pm.addPass(createAttnExplainMasksPass(options, os));
  }
  if (!what.plan)
    return;
  AttnExplainPlanPassOptions options;
  setMachine(options, cpu);
  options.json = what.json;
  options.shapes.assign(what.shapes.begin(), what.shapes.end());
  options.scalars.assign(what.scalars.begin(), what.scalars.end());
  pm.addPass(createAttnExplainPlanPass(options, os));
}

} // namespace attn
