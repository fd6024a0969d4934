// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The attention dialect: include this to use its ops, attributes and interfaces.
#ifndef ATTN_DIALECT_ATTENTION_IR_ATTENTION_H
#define ATTN_DIALECT_ATTENTION_IR_ATTENTION_H

#include "attn/Dialect/Attention/IR/AttentionAttributes.h"
#include "attn/Dialect/Attention/IR/Loops.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "attn/Dialect/Attention/IR/AttentionOpInterfaces.h.inc"

#define GET_OP_CLASSES
#include "attn/Dialect/Attention/IR/AttentionOps.h.inc"

namespace attn {

/// Whether `op` is one of the named ops, which attn-normalize replaces.
inline bool isNamedOp(mlir::Operation *op) { return llvm::isa<SdpaOp, AdditiveOp, RopeOp, MultiHeadOp>(op); }

} // namespace attn

#endif // ATTN_DIALECT_ATTENTION_IR_ATTENTION_H
