// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The state of a launch: the block that runs, its threads and warps, and what is known of each byte of memory.
#ifndef ATTN_RUNTIME_EMULATOR_MACHINE_H
#define ATTN_RUNTIME_EMULATOR_MACHINE_H

#include "Fiber.h"
#include "Shadow.h"
#include "attn/Emulator/Emulator.h"

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace attn::emulator {

inline constexpr unsigned kWarpSize = 32;

/// A copy that cp.async was asked for and that has not been waited for.
struct AsyncCopy {
  char *destination;
  const char *source;
  /// Bytes to write, of which the first `sourceBytes` come from `source` and the others are zero.
  uint32_t bytes, sourceBytes;
  Site site;
};

struct Thread {
  enum class State { Ready, AtWarpOp, AtBarrier, Done };
  uint32_t index = 0;
  State state = State::Ready;
  void *stack = nullptr;
  Site waitsAt = nullptr;
  /// This thread's time; it grows at each release. `seen` holds how much of the others' is ordered before now.
  uint32_t clock = 1;
  std::shared_ptr<const std::vector<uint32_t>> seen;
  std::vector<AsyncCopy> uncommitted;
  std::deque<std::vector<AsyncCopy>> groups;

  uint32_t lane() const { return index % kWarpSize; }
  uint32_t warp() const { return index / kWarpSize; }
};

/// An instruction that lanes of a warp execute together, while they gather.
struct Gathering {
  const char *kind;
  Site site;
  uint32_t mask;
  uint32_t arrived = 0;
  const void *arguments[kWarpSize];
};

/// Accesses of one instruction by lanes of a warp, for counting bank conflicts.
struct BankBatch {
  Site site;
  uint32_t bytes;
  uint32_t lanes = 0;
  uintptr_t address[kWarpSize];
};

struct Warp {
  std::vector<Gathering> gatherings;
  std::vector<BankBatch> batches;
};

struct Barrier {
  uint32_t expected = 0;
  std::vector<Thread *> arrived;
};

class Machine {
public:
  Machine(Kernel kernel, void *const *arguments, const LaunchOptions &options);
  Report run();

  /// The machine that runs now. Emulated instructions have no other way to it.
  static Machine &get();

  Thread &thread() { return *current; }
  const LaunchOptions &getOptions() const { return options; }
  const std::array<int32_t, 3> &getBlockIndex() const { return blockIndex; }
  char *getShared() const { return shared; }
  Counters &counters() { return report.counters; }

  /// Notes something wrong and goes on.
  void note(Detector detector, Site where, const std::string &what, Site other = nullptr);
  /// Notes it and ends the launch: the current thread never returns.
  [[noreturn]] void fail(Detector detector, Site where, const std::string &what);

  /// Tells of an access before it happens; fails when the memory is not the kernel's.
  void access(const void *address, uint32_t bytes, bool isWrite, Site site);
  /// As access(), by another lane of this warp.
  void accessAs(Thread &lane, const void *address, uint32_t bytes, bool isWrite, Site site);
  /// With a seed, lets other threads run here now and then.
  void interrupt();
  /// Counts the bank conflicts of an access to shared memory of this lane.
  void countBanks(const void *address, uint32_t bytes, Site site);
  /// Passes that `lanes` addresses of `bytes` each need beyond the unavoidable.
  static uint64_t getExtraPasses(const uintptr_t *address, uint32_t lanes, uint32_t bytes);
  bool isShared(const void *address) const;

  /// Waits until all lanes of `mask` have come to the same instruction; the last of them calls `execute(arguments)`,
  /// with null for lanes that take no part. `site` must agree when the instruction is an aligned one.
  template <typename F>
  void gather(const char *kind, uint32_t mask, bool aligned, Site site, const void *arguments, F &&execute) {
    if (Gathering *complete = arrive(kind, mask, aligned, site, arguments)) {
      execute(complete->arguments);
      leave(complete);
    }
  }
  void barrier(uint32_t id, uint32_t threads, Site site);
  /// Orders what these threads did before what any of them does next.
  void synchronize(const std::vector<Thread *> &threads);
  std::vector<Thread *> getLanes(uint32_t mask);
  uint32_t getFullMask() const;

  void copyAsync(const AsyncCopy &copy);
  void commitCopies();
  void waitForCopies(uint32_t pendingGroups);

private:
  void runBlock();
  void runThreads();
  void reportStall();
  void suspend();
  static void enter();
  Gathering *arrive(const char *kind, uint32_t mask, bool aligned, Site site, const void *arguments);
  void leave(Gathering *gathering);
  void flushBanks(Warp &warp);
  ShadowMemory *findShadow(const void *address, uint32_t bytes, bool isWrite, Site site);
  void land(const AsyncCopy &copy);
  std::string describe(const Thread &thread) const;

  Kernel kernel;
  void *const *arguments;
  LaunchOptions options;
  Report report;
  std::set<std::tuple<Detector, Site, Site>> seenFindings;
  std::mt19937_64 random;

  uint32_t threadCount;
  FiberStacks stacks;
  void *schedulerStack = nullptr;
  Thread *current = nullptr;
  bool aborted = false;
  std::array<int32_t, 3> blockIndex{};
  uint32_t blockNumber = 0;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::map<uint32_t, Barrier> barriers;

  char *arena = nullptr, *shared = nullptr;
  size_t sharedBytes;
  ShadowMemory sharedShadow;
  std::vector<ShadowMemory> bufferShadows;
  ReadPool reads;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_EMULATOR_MACHINE_H
