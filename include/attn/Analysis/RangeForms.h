// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Which values of a mask region range arithmetic can follow: docs/Masks.md.
#ifndef ATTN_ANALYSIS_RANGEFORMS_H
#define ATTN_ANALYSIS_RANGEFORMS_H

#include "mlir/IR/Value.h"

namespace attn {

/// Whether the smallest and the largest value of `value` on a tile follow from those of what it is made of. Asks for
/// the kinds of ops and types only: what follows may still be "any value".
bool hasRangeForm(mlir::Value value);

} // namespace attn

#endif // ATTN_ANALYSIS_RANGEFORMS_H
