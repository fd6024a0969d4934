// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Fiber.h"

#include <sys/mman.h>

#include <cstdlib>

#if !defined(__x86_64__)
#error "the emulator switches stacks in x86-64 assembly; add attn_emu_switch_fiber for this processor"
#endif

asm(R"(
  .text
  .globl attn_emu_switch_fiber
  .type attn_emu_switch_fiber, @function
attn_emu_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size attn_emu_switch_fiber, . - attn_emu_switch_fiber
)");

namespace attn::emulator {

static constexpr size_t kGuardBytes = 4096;
static constexpr size_t kStride = FiberStacks::kStackBytes + kGuardBytes;

FiberStacks::FiberStacks(size_t count) : count(count) {
  void *mapped =
      mmap(nullptr, count * kStride, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    abort(); // address space for at most 1024 stacks
  memory = static_cast<char *>(mapped);
  for (size_t i = 0; i < count; ++i)
    mprotect(memory + i * kStride, kGuardBytes, PROT_NONE);
}

FiberStacks::~FiberStacks() { munmap(memory, count * kStride); }

void *FiberStacks::prepare(size_t index, void (*entry)()) const {
  // Seen from below: six registers to pop, the address to return to, and a null return address, which leaves the stack
  // as a call would: 8 bytes off a multiple of 16.
  void **top = reinterpret_cast<void **>(memory + (index + 1) * kStride);
  void **sp = top - 10;
  for (int i = 0; i < 10; ++i)
    sp[i] = nullptr;
  sp[6] = reinterpret_cast<void *>(entry);
  // entry starts with its stack pointer at &sp[7], which must be 8 modulo 16.
  static_assert(FiberStacks::kStackBytes % 16 == 0 && kGuardBytes % 16 == 0);
  return static_cast<void *>(sp);
}

bool FiberStacks::contains(const void *address) const {
  auto *p = static_cast<const char *>(address);
  return p >= memory && p < memory + count * kStride;
}

} // namespace attn::emulator
