// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef ATTN_LIB_TARGET_CPU_EXPANDRECIPROCAL_H
#define ATTN_LIB_TARGET_CPU_EXPANDRECIPROCAL_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace attn {

/// 1 / x of 16 f32 with the flag arcp, by AVX-512. x is neither infinite nor 0 nor beyond 2^126: whoever sets the flag
/// sees to that. NaN stays NaN.
void populateReciprocalPatterns(mlir::RewritePatternSet &patterns);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_EXPANDRECIPROCAL_H
