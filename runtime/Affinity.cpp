// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn-c/Runtime.h"

#include <sched.h>

#include <vector>

/// The CPUs allowed when first asked: pinned threads hand their narrow set down to threads they start.
static const std::vector<int> &getCpus() {
  static const std::vector<int> cpus = [] {
    std::vector<int> result;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
      for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
        if (CPU_ISSET(cpu, &set))
          result.push_back(cpu);
    if (result.empty())
      result.push_back(0);
    return result;
  }();
  return cpus;
}

int32_t attn_cpu_count(void) { return static_cast<int32_t>(getCpus().size()); }

int32_t attn_pin_thread(int32_t index) {
  const std::vector<int> &cpus = getCpus();
  int cpu = cpus[static_cast<uint32_t>(index) % cpus.size()];
  // The system call takes about a microsecond, a small kernel not much more.
  static thread_local int pinnedTo = -1;
  if (pinnedTo == cpu)
    return 0;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0)
    return -1;
  pinnedTo = cpu;
  return 0;
}
