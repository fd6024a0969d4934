// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One linalg op on buffers, turned into loops of vector code whose lanes are the output's innermost dimension.
#ifndef ATTN_LIB_TARGET_CPU_TILEVECTORIZER_H
#define ATTN_LIB_TARGET_CPU_TILEVECTORIZER_H

#include "PairedTiles.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/PatternMatch.h"

namespace attn {

/// Shape of the registers: `lanes` elements a vector, and the block of accumulators a contraction keeps, in rows x
/// vectors.
struct RegisterTile {
  int64_t lanes, rows, vectors;
  /// Whether sums along the lanes multiply pairs of bf16.
  bool hasBf16Dot = false;
};

/// Vectorises one linalg.generic on memrefs and erases it, together with the elementwise op right before it that only
/// initialises the same output (rescale, fill): its body moves into the load of the accumulators.
///
/// The output's innermost loop becomes the lanes. Operands that do not use it are loaded as scalars and broadcast;
/// operands in which it is not innermost are transposed in registers, `lanes` x `lanes` elements at a time (two
/// parallel loops only). Outputs without the reduction loops stay in registers, `rows` x `vectors` of them; outputs
/// with all loops are stored as they are made. `paired` says which tiles hold their rows in pairs. Returns the
/// initialiser that was erased too, or null; fails with a diagnostic at the op.
mlir::FailureOr<mlir::Operation *> vectorizeTile(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                                                 RegisterTile tile, const PairedTiles &paired);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_TILEVECTORIZER_H
