// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The element types that cross the C interface of a kernel (include/attn-c/Abi.h), by name, size and C type.
#ifndef ATTN_SUPPORT_ELEMENTTYPE_H
#define ATTN_SUPPORT_ELEMENTTYPE_H

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>

namespace mlir {
class Type;
}

namespace attn {

/// `I1` is a truth value: one byte, 0 or 1.
enum class ElementType { F32, F64, F16, BF16, I1, U8, I8, I16, I32, I64 };

/// Bytes of one element in memory; also its alignment.
int64_t getByteSize(ElementType type);

/// As MLIR writes it: "f32", "i1", "i64", and "ui8" for U8.
llvm::StringRef getName(ElementType type);

/// The suffix of `attn_viewN_...`: "f32", "bf16", "u8" (also for I1), "i64".
llvm::StringRef getViewSuffix(ElementType type);

/// The C type of an element or scalar: "float", "uint16_t" (the bits of f16 and bf16), "int64_t".
llvm::StringRef getCType(ElementType type);

bool isFloat(ElementType type);

/// `index` counts as i64. Nothing for types that cannot cross the interface.
std::optional<ElementType> getElementType(mlir::Type type);

/// The value of an element at `data`, as double. i64 values beyond 2^53 are rounded.
double loadElement(ElementType type, const void *data);

/// Stores `value` at `data`, rounded to nearest even; integers saturate, NaN becomes integer 0.
void storeElement(ElementType type, void *data, double value);

} // namespace attn

#endif // ATTN_SUPPORT_ELEMENTTYPE_H
