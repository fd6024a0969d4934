// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tiles spread over the threads of a block: what stands between attention on tiles and one GPU's instructions.
#ifndef ATTN_DIALECT_FRAGMENT_IR_FRAGMENT_H
#define ATTN_DIALECT_FRAGMENT_IR_FRAGMENT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "attn/Dialect/Fragment/IR/FragmentDialect.h.inc"
#include "attn/Dialect/Fragment/IR/FragmentEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Fragment/IR/FragmentAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "attn/Dialect/Fragment/IR/FragmentTypes.h.inc"

#define GET_OP_CLASSES
#include "attn/Dialect/Fragment/IR/FragmentOps.h.inc"

namespace attn::fragment {

/// Rows that a warp holds of each tile.
constexpr int64_t kWarpRows = 16;
/// Columns of one accumulator, and of one left operand.
constexpr int64_t kColumns = 8, kDepth = 16;

} // namespace attn::fragment

#endif // ATTN_DIALECT_FRAGMENT_IR_FRAGMENT_H
