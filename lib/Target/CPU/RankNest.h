// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The linalg op that sorts scores into the lists of their rows, which no reduction is: what it does with a score
// depends on the scores before.
#ifndef ATTN_LIB_TARGET_CPU_RANKNEST_H
#define ATTN_LIB_TARGET_CPU_RANKNEST_H

#include "TileVectorizer.h"

namespace attn {

/// Whether `op` has the role kRankRole.
bool isRanking(mlir::linalg::GenericOp op);

/// Loops for such an op on memrefs, which is erased. Lanes are rows where these are innermost, and ranks are passed
/// only where a score belongs before the last of the list in some lane; else lanes are keys, of which each that does is
/// taken by itself. Most scores then cost a comparison: of M random ones k (1 + ln(M / k)) enter a list. The body has
/// to let every score go on where the list holds a NaN. Returns null, or fails with a diagnostic at the op.
mlir::FailureOr<mlir::Operation *> vectorizeRanking(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                                                    RegisterTile tile);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_RANKNEST_H
