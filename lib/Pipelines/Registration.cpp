// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one list of what this project registers: tools, the plugin and the C API all start here.
// All of upstream costs attn-opt about 20 ms at start, so nothing is left out of it.

#include "attn/Pipelines/Registration.h"

#include "attn/Dialect/Attention/IR/Attention.h"
#ifdef WITH_AttnToLinalg
#include "attn/Conversion/AttentionToLinalg/AttentionToLinalg.h"
#endif
#ifdef WITH_AttnPrepareAbi
#include "attn/Conversion/PrepareAbi/PrepareAbi.h"
#endif
#ifdef WITH_AttnTransforms
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#endif
#ifdef WITH_AttnTargetCPU
#include "attn/Target/CPU/Passes.h"
#endif
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

void attn::registerAttnDialects(mlir::DialectRegistry &registry) { registry.insert<AttnDialect>(); }

void attn::registerAttnPasses() {
#ifdef WITH_AttnTransforms
  registerAttnTransformsPasses();
#endif
#ifdef WITH_AttnToLinalg
  registerAttnToLinalgPasses();
#endif
#ifdef WITH_AttnPrepareAbi
  registerAttnPrepareAbiPasses();
#endif
#ifdef WITH_AttnTargetCPU
  registerAttnTargetCPUPasses();
#endif
}

void attn::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  registerAttnDialects(registry);
}

void attn::registerAllPasses() {
  mlir::registerAllPasses();
  registerAttnPasses();
}
