// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The parts of attn-convert-fragment-to-nvvm.
#ifndef ATTN_LIB_TARGET_NVIDIA_FRAGMENTPATTERNS_H
#define ATTN_LIB_TARGET_NVIDIA_FRAGMENTPATTERNS_H

#include "mlir/Transforms/DialectConversion.h"

namespace attn {

/// Tiles become vectors of what one lane holds (pairs of an operand are 32-bit registers), shared memory a pointer.
void addFragmentTypes(mlir::TypeConverter &types);

/// Memory: alloc, fetch, commit, wait, barrier, store.
void addFragmentMemoryPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
/// Tensor cores: load, dot, convert.
void addFragmentProductPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);
/// Registers: splat, map, reduce, sum_rows.
void addFragmentElementPatterns(mlir::RewritePatternSet &patterns, const mlir::TypeConverter &types);

/// On fragment.alloc: where it lies in the block's shared memory, in bytes.
constexpr llvm::StringLiteral kOffsetName = "attn.offset";
/// The global that stands for a block's shared memory.
constexpr llvm::StringLiteral kSharedGlobal = "attn_shared";
/// On a device function: threads and bytes of shared memory of a block.
constexpr llvm::StringLiteral kLaunchName = "attn.launch";

} // namespace attn

#endif // ATTN_LIB_TARGET_NVIDIA_FRAGMENTPATTERNS_H
