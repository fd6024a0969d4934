// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_TARGET_NVIDIA_PASSES_H
#define ATTN_TARGET_NVIDIA_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attn {

#define GEN_PASS_DECL
#include "attn/Target/NVIDIA/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "attn/Target/NVIDIA/Passes.h.inc"

} // namespace attn

#endif // ATTN_TARGET_NVIDIA_PASSES_H
