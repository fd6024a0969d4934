// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The target stage for CPUs: bufferise, outline, place, vectorise, convert.
#include "ToLLVM.h"
#include "attn/Pipelines/Pipelines.h"
#include "attn/Target/CPU/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace attn {

/// Tensors become buffers; everything is updated in place or the verifier says what is not.
static void addBufferization(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createAttnMergeSlicesPass());
  // Bufferisation would look through the bounds of key loops, for minutes; the canonicaliser does so later.
  pm.addNestedPass<func::FuncOp>(createAttnHideBoundsPass());
  pm.addPass(bufferization::createEmptyTensorToAllocTensorPass());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  // Equal views meet, so that a copy of a view to itself is seen as one.
  pm.addPass(createCSEPass());
}

void addScalarConversionToLLVM(OpPassManager &pm) {
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
}

static void addLLVMConversion(OpPassManager &pm) {
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  ConvertVectorToLLVMPassOptions vector;
  vector.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vector));
  pm.addPass(createConvertMathToLLVMPass());
  addScalarConversionToLLVM(pm);
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void buildTargetStage(OpPassManager &pm, const CPUDescription &cpu) {
  addBufferization(pm);
  // Before any canonicalisation: it drops loops of one iteration from scf.forall, and with them the plan.
  pm.addPass(createAttnOutlineTasksPass());
  // What the task does not use of the kernel's scalar code goes; equal views meet, and then copies of a view to itself
  // fold away.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
  if (cpu.hasBf16Dot)
    pm.addNestedPass<func::FuncOp>(createAttnStagePairsPass());
  pm.addNestedPass<func::FuncOp>(createAttnAssignWorkspacePass());
  AttnVectorizeTilesPassOptions tiles;
  tiles.hasBf16Dot = cpu.hasBf16Dot;
  pm.addNestedPass<func::FuncOp>(createAttnVectorizeTilesPass(tiles));
  pm.addPass(createAttnVerifyTargetPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  AttnExpandMathPassOptions math;
  math.vectorBits = cpu.vectorBits;
  math.hasFma = cpu.hasFma;
  math.hasF16c = cpu.hasF16c;
  pm.addNestedPass<func::FuncOp>(createAttnExpandMathPass(math));
  // The polynomial's constants leave the loops.
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  addLLVMConversion(pm);
  AttnEmitEntryPointsPassOptions entry;
  entry.cpu = cpu.name;
  pm.addPass(createAttnEmitEntryPointsPass(entry));
}

} // namespace attn
