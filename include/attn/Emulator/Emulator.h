// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A GPU in software: runs a grid of thread blocks on the CPU, one fibre for each thread, and watches what the threads
// do. Kernels come from attn-emulate-nvvm, which turns NVVM ops and memory accesses into calls of the functions that
// getSymbols() lists. It models what PTX promises, not what one chip happens to do: lanes of a warp are ordered only by
// what orders memory (barriers and bar.warp.sync), and cp.async may land as early or as late as it is allowed to.
#ifndef ATTN_EMULATOR_EMULATOR_H
#define ATTN_EMULATOR_EMULATOR_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace attn::emulator {

/// Global memory that a kernel may touch; anything else is out of bounds.
struct Buffer {
  void *data = nullptr;
  size_t bytes = 0;
  bool writable = true;
};

/// When the bytes of a cp.async arrive: at once, or not before a wait forces them to.
enum class Landing { Eager, Late };

struct LaunchOptions {
  std::array<int32_t, 3> grid{1, 1, 1};
  /// Threads of a block; at most 1024 in all.
  std::array<int32_t, 3> block{32, 1, 1};
  /// Bytes of shared memory of a block: those the kernel declares, and those the launch adds.
  size_t staticSharedBytes = 0, dynamicSharedBytes = 0;
  std::vector<Buffer> buffers;
  Landing landing = Landing::Late;
  /// 0 runs blocks, warps and lanes in order; other seeds permute them and interrupt threads between accesses.
  uint64_t seed = 0;
};

/// What can be found wrong with a kernel.
enum class Detector {
  Race,          ///< two accesses, one of them a write, that nothing orders
  Wait,          ///< an access to bytes that a cp.async has not delivered yet
  Uninitialised, ///< a read of shared memory that nobody wrote
  OutOfBounds,   ///< an access outside of shared memory and of all buffers, or a write to a read-only one
  Misaligned,    ///< an address that the instruction does not take
  Divergence,    ///< threads that should execute one instruction together and do not
  Deadlock,      ///< threads that wait for others that never come
};

/// "race", "wait", ...
const char *getName(Detector detector);

struct Finding {
  Detector detector;
  std::string message;
};

/// What a launch did; equal for equal kernels, options and data.
struct Counters {
  uint64_t mma = 0, ldmatrix = 0, shuffles = 0, barriers = 0, asyncCopies = 0;
  /// Passes over the banks of shared memory that one conflict-free access of the same width would not have needed.
  uint64_t bankConflicts = 0;
  /// Reads of global memory by threads, not by cp.async: a kernel that copies whole tiles has none.
  uint64_t elementLoads = 0;
};

struct Report {
  /// One for each pair of places, at most 32; `total` counts all.
  std::vector<Finding> findings;
  uint64_t total = 0;
  /// False when a finding ended the launch early: after it there is nothing sensible to go on with.
  bool completed = false;
  Counters counters;

  bool has(Detector detector) const;
  /// Adds what a launch that followed this one reports.
  void append(const Report &next);
  /// All findings, a line each.
  std::string getText() const;
};

/// What attn-emulate-nvvm makes of a kernel: it takes, as cuLaunchKernel does, the address of each argument.
using Kernel = void (*)(void *const *arguments);

/// Runs `kernel` over the grid and returns when all blocks have finished or one of them cannot go on. Not reentrant;
/// one launch at a time in a process.
Report launch(Kernel kernel, void *const *arguments, const LaunchOptions &options);

/// A function that emulated kernels call.
struct Symbol {
  const char *name;
  void *address;
};
std::vector<Symbol> getSymbols();

/// Largest shared memory of a block, in bytes: that of sm_90 and sm_100.
inline constexpr size_t kMaxSharedBytes = 227 * 1024;

} // namespace attn::emulator

#endif // ATTN_EMULATOR_EMULATOR_H
