// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Small kernels as text, run by the emulator.
#ifndef ATTN_UNITTESTS_EMULATOR_KERNELFIXTURE_H
#define ATTN_UNITTESTS_EMULATOR_KERNELFIXTURE_H

#include "attn/Emulation/EmulatedModule.h"

#include "mlir/IR/MLIRContext.h"

#include <cstring>
#include <string>
#include <vector>

namespace attn::test {

/// A module with one kernel `@kernel`. The text may use arith, scf, cf and func besides llvm and nvvm.
class TestKernel {
public:
  explicit TestKernel(const std::string &text);
  /// What went wrong on the way, if anything did.
  const std::string &getError() const { return error; }

  /// Calls it with the addresses of `buffers`, which are also what it may touch, and then `scalars`.
  emulator::Report run(emulator::LaunchOptions options, std::vector<int32_t> scalars = {}) const;

private:
  mlir::MLIRContext context;
  std::unique_ptr<EmulatedModule> module;
  std::string error;
};

/// A buffer over a vector.
template <typename T> emulator::Buffer over(std::vector<T> &values) {
  return {values.data(), values.size() * sizeof(T)};
}

/// Bits of an f16 and back.
inline uint16_t toHalf(float value) {
  _Float16 half = _Float16(value);
  uint16_t bits;
  std::memcpy(&bits, &half, 2);
  return bits;
}
inline float fromHalf(uint16_t bits) {
  _Float16 half;
  std::memcpy(&half, &bits, 2);
  return float(half);
}

} // namespace attn::test

#endif // ATTN_UNITTESTS_EMULATOR_KERNELFIXTURE_H
