// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The linalg op that sorts scores into the lists of their rows, which no reduction is: what it does with a score
// depends on the scores before.
#ifndef ATTN_LIB_TARGET_CPU_RANKNEST_H
#define ATTN_LIB_TARGET_CPU_RANKNEST_H

#include "TileVectorizer.h"

namespace attn {

/// Whether `op` has the role kRankRole.
bool isRanking(mlir::linalg::GenericOp op);

/// Loops for such an op on memrefs, which is erased. They do what the body does, rank by rank, to all ranks at once: in
/// a list in descending order, each rank keeps what it has, takes what the rank before it had, or the key that comes,
/// which goes behind its equals. Of the body itself only the position of a key is taken, which has to grow by one from
/// key to key; it has to let every score go on where the list holds a NaN. Lanes are rows where these are innermost:
/// of some keys together, the largest that is left enters in all lanes at once, until none does. Else lanes are keys,
/// of which each that enters is taken by itself, with ranks as lanes. Most scores then cost a comparison: of M random
/// ones k (1 + ln(M / k)) enter a list. A NaN goes to the first rank and stays; what is behind it then is of no use.
/// Returns null, or fails with a diagnostic at the op.
mlir::FailureOr<mlir::Operation *> vectorizeRanking(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                                                    RegisterTile tile);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_RANKNEST_H
