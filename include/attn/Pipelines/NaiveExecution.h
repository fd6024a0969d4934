// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a module computes at a stage, run without the stages that follow: how a wrong result is traced to the stage that
// made it wrong.
#ifndef ATTN_PIPELINES_NAIVEEXECUTION_H
#define ATTN_PIPELINES_NAIVEEXECUTION_H

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace attn {

/// From any stage of normalize, plan, tile and linalg to the llvm dialect: what attention ops remain are decomposed
/// naively, loops stay scalar. Every public function f becomes callable as `_mlir_ciface_f` (MLIR's C interface:
/// tensors and views are strided memref descriptors by address, results come first, allocated by malloc and never
/// freed). The code calls libc and libm.
void buildNaiveExecution(mlir::OpPassManager &pm);

} // namespace attn

#endif // ATTN_PIPELINES_NAIVEEXECUTION_H
