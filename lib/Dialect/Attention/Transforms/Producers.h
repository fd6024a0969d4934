// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Operands of attention that an elementwise linalg.generic makes: dequantisation, a norm's factors, positions. Tiling
// makes just the elements that a tile needs, where it needs them, so that the whole never stands in memory.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_PRODUCERS_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_PRODUCERS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace attn {

/// The op that makes `tensor` element by element, and can make any part of it by itself: a linalg.generic with one
/// result and nothing but parallel loops, whose inputs are over some of them each. Null if there is none.
mlir::linalg::GenericOp getElementwiseProducer(mlir::Value tensor);

/// `map`, of an input of `producer`, over the loops that `resultMap` gives to the dimensions of the result.
mlir::AffineMap getInputMap(mlir::linalg::GenericOp producer, mlir::AffineMap map, mlir::AffineMap resultMap);

/// Erases the producers of `operands`, and theirs, that nobody but tensor.dim uses any more.
void eraseProducers(mlir::RewriterBase &rewriter, mlir::ValueRange operands);

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_PRODUCERS_H
