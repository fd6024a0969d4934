// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Threads of a block, as stacks that are switched by hand: a switch costs a few nanoseconds, where swapcontext() asks
// the kernel for the signal mask each time and a launch has hundreds of thousands of switches.
#ifndef ATTN_RUNTIME_EMULATOR_FIBER_H
#define ATTN_RUNTIME_EMULATOR_FIBER_H

#include <cstddef>
#include <cstdint>

namespace attn::emulator {

/// Stacks for a number of fibres, with a page below each that may not be touched.
class FiberStacks {
public:
  static constexpr size_t kStackBytes = 256 * 1024;

  explicit FiberStacks(size_t count);
  ~FiberStacks();
  FiberStacks(const FiberStacks &) = delete;
  FiberStacks &operator=(const FiberStacks &) = delete;

  /// A stack pointer for switchFiber() that enters `entry` on stack `index`. `entry` must not return.
  void *prepare(size_t index, void (*entry)()) const;
  bool contains(const void *address) const;

private:
  char *memory;
  size_t count;
};

} // namespace attn::emulator

/// Saves the callee-saved registers and the stack pointer in *from, and goes on where `to` was saved.
extern "C" void attn_emu_switch_fiber(void **from, void *to);

#endif // ATTN_RUNTIME_EMULATOR_FIBER_H
