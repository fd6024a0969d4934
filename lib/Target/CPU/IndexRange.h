// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Intervals of index values in kernels: enough to compute masks in 32-bit lanes where that is exact.
#ifndef ATTN_LIB_TARGET_CPU_INDEXRANGE_H
#define ATTN_LIB_TARGET_CPU_INDEXRANGE_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Value.h"

#include <cstdint>
#include <optional>

namespace attn {

/// No dimension of a kernel's views is larger: the entry point refuses larger ones (ATTN_ERROR_SIZE), so a position,
/// and the sum or difference of two, fits 32 bits.
constexpr int64_t kMaxDimension = int64_t(1) << 30;

/// A closed interval of signed integers.
struct IndexRange {
  int64_t lo, hi;
  bool fitsInt32() const { return lo >= INT32_MIN && hi <= INT32_MAX; }
  bool isNonNegative() const { return lo >= 0; }
};

/// The interval of `value` (index or integer), derived through arith and affine ops down to dimensions, loop variables
/// and constants; nullopt where nothing is known. 32-bit and narrower integers have the range of their type.
std::optional<IndexRange> getIndexRange(mlir::Value value);

/// The interval of the result of a binary arith op by name, or nullopt where it may overflow 64 bits or is not known.
std::optional<IndexRange> getBinaryRange(llvm::StringRef opName, IndexRange a, IndexRange b);

} // namespace attn

#endif // ATTN_LIB_TARGET_CPU_INDEXRANGE_H
