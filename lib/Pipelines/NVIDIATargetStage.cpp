// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The target stage for NVIDIA GPUs: tasks, kernels out of them, instructions, conversion. What the host keeps (how many
// blocks, the checks, the C interface) is made as for a CPU.
#include "ToLLVM.h"
#include "attn/Pipelines/Pipelines.h"
#include "attn/Target/CPU/Passes.h"
#include "attn/Target/NVIDIA/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace attn {

void buildNVIDIATargetStage(OpPassManager &pm, const GPUDescription &gpu) {
  // Before any canonicalisation: it drops loops of one iteration from scf.forall, and with them the plan.
  pm.addPass(createAttnOutlineTasksPass());
  // Where the states of parts of the keys go; there are no other buffers.
  pm.addNestedPass<func::FuncOp>(createAttnAssignWorkspacePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createAttnOutlineKernelsPass());
  OpPassManager &device = pm.nest<gpu::GPUModuleOp>();
  device.addNestedPass<func::FuncOp>(createAttnPipelineFetchesPass());
  device.addPass(createAttnConvertFragmentToNVVMPass());
  device.addPass(createCanonicalizerPass());
  device.addPass(createCSEPass());
  device.addPass(createLoopInvariantCodeMotionPass());
  AttnExpandMathPassOptions math;
  math.hasBf16Convert = true;
  math.vectorBits = 32; // scalars
  device.addNestedPass<func::FuncOp>(createAttnExpandMathPass(math));
  device.addPass(createCanonicalizerPass());
  device.addPass(createCSEPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  addScalarConversionToLLVM(pm);
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createAttnFinishKernelsPass());
  AttnEmitEntryPointsPassOptions entry;
  entry.cpu = gpu.chip;
  pm.addPass(createAttnEmitEntryPointsPass(entry));
}

} // namespace attn
