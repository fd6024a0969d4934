// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the compiler understood of a mask, for people to read.
#ifndef ATTN_ANALYSIS_EXPLAINMASK_H
#define ATTN_ANALYSIS_EXPLAINMASK_H

#include "attn/Analysis/KeyRanges.h"
#include "llvm/ADT/StringMap.h"

namespace attn {

/// Values for a picture, by the names that the text gives to symbols: N and M, captures c0.., mask operands o0.. (the
/// value for the rows that are looked at), positions loop0.. and offsets row0 and key0. Positions and offsets are 0
/// where nothing else is said.
using MaskValues = llvm::StringMap<int64_t>;

/// Parses `N=300,M=500,c0=16`, or with semicolons; fails with a message in `error`.
mlir::FailureOr<MaskValues> parseMaskValues(llvm::StringRef text, std::string &error);

/// The sets of kept and masked pairs as constraints, the visited keys and those with a masked pair as formulas, the
/// loops that come of it, the ops that were not understood; and for the given values a picture of the row tiles (lines)
/// and key tiles (columns), with a count of those that a search of all pairs finds to be needed.
std::string explainMask(const MaskProblem &problem, const MaskValues &values);

/// Explains each attn.generic below `root` that has a mask. Fails with an error for one without plan.
mlir::LogicalResult explainMasks(mlir::Operation *root, const MaskValues &values, llvm::raw_ostream &os);

} // namespace attn

#endif // ATTN_ANALYSIS_EXPLAINMASK_H
