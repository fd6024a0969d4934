// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// NumPy's .npy files: one dense tensor with its type and shape. Versions 1.0 to 3.0 are read, 1.0 (2.0 where the header
// is long) is written. Source: the format description in NumPy's documentation (numpy.lib.format).
#ifndef ATTN_SUPPORT_NPY_H
#define ATTN_SUPPORT_NPY_H

#include "attn/Support/ElementType.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <vector>

namespace attn {

/// A dense row-major tensor. NumPy has no bf16: such tensors are written as f32 and read as what the file says.
struct NpyArray {
  ElementType type = ElementType::F32;
  std::vector<int64_t> sizes;
  /// Elements in memory order, little-endian as on this machine.
  std::string data;

  int64_t getNumElements() const;
};

/// Parses the bytes of a file. Types: bool, u1, i1, i2, i4, i8, f2, f4, f8, little-endian and in C order; anything
/// else, a truncated or malformed file, and sizes that do not fit memory are errors that say what was found.
llvm::Expected<NpyArray> parseNpy(llvm::StringRef bytes);

/// parseNpy() of a file; errors begin with its name.
llvm::Expected<NpyArray> readNpy(llvm::StringRef path);

/// The bytes of a file that holds `array`.
std::string printNpy(const NpyArray &array);

} // namespace attn

#endif // ATTN_SUPPORT_NPY_H
