// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The one list of what this project registers: the tools and the plugin all start here.
// All of upstream costs attn-opt about 20 ms at start, so nothing is left out of it.

#include "attn/Pipelines/Registration.h"

#include "attn/Conversion/AttentionToFragment/AttentionToFragment.h"
#include "attn/Conversion/AttentionToLinalg/AttentionToLinalg.h"
#include "attn/Conversion/PrepareAbi/PrepareAbi.h"
#include "attn/Dialect/Attention/IR/Attention.h"
#include "attn/Dialect/Attention/Transforms/Transforms.h"
#include "attn/Dialect/Fragment/IR/Fragment.h"
#include "attn/Target/CPU/Passes.h"
#include "attn/Target/NVIDIA/Passes.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

void attn::registerAttnDialects(mlir::DialectRegistry &registry) {
  registry.insert<AttnDialect, fragment::FragmentDialect>();
}

void attn::registerAttnPasses() {
  registerAttnTransformsPasses();
  registerAttnToFragmentPasses();
  registerAttnToLinalgPasses();
  registerAttnPrepareAbiPasses();
  registerAttnTargetCPUPasses();
  registerAttnTargetNVIDIAPasses();
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
