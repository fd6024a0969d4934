// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Linalg ops whose lanes are a reduction: rows come first (orientation rows_major), so that the innermost dimension of
// K and of the scores is what dot products, maxima and sums run over.
#ifndef ATTN_LIB_TARGET_CPU_LANEREDUCTION_H
#define ATTN_LIB_TARGET_CPU_LANEREDUCTION_H

#include "TileVectorizer.h"

namespace attn {

/// The reduction loop that has to be the lanes of `op`: the innermost dimension of its first output, or, where an
/// operand has that dimension further out, the only reduction. Nullopt: lanes can be a parallel loop.
std::optional<unsigned> getLaneReduction(mlir::linalg::GenericOp op);

/// As vectorizeTile, with lanes along the reduction `lanesLoop`: outputs without it are kept as vectors of partial
/// sums (or maxima), whose lanes are combined at the end, those of several outputs together.
mlir::FailureOr<mlir::Operation *> vectorizeLaneReduction(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                                                          RegisterTile tile, unsigned lanesLoop);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_LANEREDUCTION_H
