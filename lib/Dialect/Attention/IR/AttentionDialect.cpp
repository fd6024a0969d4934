// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Dialect/Attention/IR/Attention.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace attn;

#include "attn/Dialect/Attention/IR/AttentionDialect.cpp.inc"

// Attributes and ops are registered in the files that see their generated definitions.
void AttnDialect::initialize() {
  registerAttributes();
  registerOps();
}
