// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The scheduler: blocks one after another, threads as fibres, warps and barriers as meetings.
#include "Machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>

namespace attn::emulator {

static Machine *running = nullptr;

Machine &Machine::get() {
  assert(running && "an emulated kernel was called outside of a launch");
  return *running;
}

const char *getName(Detector detector) {
  switch (detector) {
  case Detector::Race:
    return "race";
  case Detector::Wait:
    return "wait";
  case Detector::Uninitialised:
    return "uninitialised";
  case Detector::OutOfBounds:
    return "out-of-bounds";
  case Detector::Misaligned:
    return "misaligned";
  case Detector::Divergence:
    return "divergence";
  case Detector::Deadlock:
    return "deadlock";
  }
  return "?";
}

bool Report::has(Detector detector) const {
  return std::any_of(findings.begin(), findings.end(), [&](const Finding &f) { return f.detector == detector; });
}

void Report::append(const Report &next) {
  findings.insert(findings.end(), next.findings.begin(), next.findings.end());
  total += next.total;
  completed = completed && next.completed;
  counters.mma += next.counters.mma;
  counters.ldmatrix += next.counters.ldmatrix;
  counters.shuffles += next.counters.shuffles;
  counters.barriers += next.counters.barriers;
  counters.asyncCopies += next.counters.asyncCopies;
  counters.bankConflicts += next.counters.bankConflicts;
  counters.elementLoads += next.counters.elementLoads;
}

std::string Report::getText() const {
  std::string text;
  for (const Finding &finding : findings)
    text += std::string(getName(finding.detector)) + ": " + finding.message + "\n";
  if (total > findings.size())
    text += "(" + std::to_string(total) + " in all)\n";
  return text;
}

static uint32_t product(const std::array<int32_t, 3> &sizes) { return uint32_t(sizes[0]) * sizes[1] * sizes[2]; }

Machine::Machine(Kernel kernel, void *const *arguments, const LaunchOptions &options)
    : kernel(kernel), arguments(arguments), options(options), random(options.seed), threadCount(product(options.block)),
      stacks(threadCount), sharedBytes(options.staticSharedBytes + options.dynamicSharedBytes) {
  // Shared memory, with as much again on either side that belongs to nobody. Aligned so that swizzles, which look at
  // bits of addresses, see the same as on a device.
  void *mapped =
      mmap(nullptr, 5 * kMaxSharedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED)
    abort();
  arena = static_cast<char *>(mapped);
  shared = arena + kMaxSharedBytes;
  shared += -reinterpret_cast<uintptr_t>(shared) % 65536;
  sharedShadow = {shared, sharedBytes, true, true, {}};
  for (const Buffer &buffer : options.buffers) {
    ShadowMemory memory{static_cast<char *>(buffer.data), buffer.bytes, buffer.writable, false, {}};
    memory.cells.resize(buffer.bytes);
    for (Cell &cell : memory.cells)
      cell.isInitialised = true;
    bufferShadows.push_back(std::move(memory));
  }
}

void Machine::enter() {
  Machine &machine = get();
  machine.kernel(machine.arguments);
  machine.current->state = Thread::State::Done;
  machine.suspend();
  abort(); // a thread that is done is not resumed
}

void Machine::suspend() { attn_emu_switch_fiber(&current->stack, schedulerStack); }

void Machine::interrupt() {
  if (options.seed && random() % 64 == 0)
    suspend();
}

std::string Machine::describe(const Thread &thread) const {
  return "block " + std::to_string(blockIndex[0]) + "," + std::to_string(blockIndex[1]) + "," +
         std::to_string(blockIndex[2]) + " thread " + std::to_string(thread.index);
}

void Machine::note(Detector detector, Site where, const std::string &what, Site other) {
  ++report.total;
  // A few of each: hundreds of races must not crowd out the deadlock that they end in.
  auto isSame = [&](const Finding &finding) { return finding.detector == detector; };
  if (std::count_if(report.findings.begin(), report.findings.end(), isSame) >= 4 ||
      !seenFindings.insert({detector, where, other}).second)
    return;
  report.findings.push_back({detector, std::string(where ? where : "?") + ", " + describe(*current) + ": " + what});
}

void Machine::fail(Detector detector, Site where, const std::string &what) {
  note(detector, where, what);
  aborted = true;
  suspend();
  abort(); // the scheduler has given up
}

uint32_t Machine::getFullMask() const {
  uint32_t lanes = std::min(kWarpSize, threadCount - current->warp() * kWarpSize);
  return lanes == 32 ? ~0u : (1u << lanes) - 1;
}

std::vector<Thread *> Machine::getLanes(uint32_t mask) {
  std::vector<Thread *> lanes;
  for (uint32_t lane = 0; lane < kWarpSize; ++lane)
    if (mask >> lane & 1)
      lanes.push_back(&threads[current->warp() * kWarpSize + lane]);
  return lanes;
}

Gathering *Machine::arrive(const char *kind, uint32_t mask, bool aligned, Site site, const void *args) {
  Warp &warp = warps[current->warp()];
  uint32_t bit = 1u << current->lane();
  if ((mask & ~getFullMask()) || !(mask & bit))
    fail(Detector::Divergence, site, "expects a mask of lanes that exist, the executing one among them");
  for (Gathering &gathering : warp.gatherings) {
    if (!(gathering.mask & mask))
      continue;
    if (gathering.mask != mask || std::strcmp(gathering.kind, kind) != 0 || (aligned && gathering.site != site))
      fail(Detector::Divergence, site, std::string("lanes of the same warp wait at ") + gathering.site);
    gathering.arrived |= bit;
    gathering.arguments[current->lane()] = args;
    if (gathering.arrived == mask)
      return &gathering;
    current->state = Thread::State::AtWarpOp;
    current->waitsAt = site;
    suspend();
    return nullptr;
  }
  Gathering gathering{kind, site, mask, bit, {}};
  gathering.arguments[current->lane()] = args;
  warp.gatherings.push_back(gathering);
  if (mask == bit)
    return &warp.gatherings.back();
  current->state = Thread::State::AtWarpOp;
  current->waitsAt = site;
  suspend();
  return nullptr;
}

void Machine::leave(Gathering *gathering) {
  Warp &warp = warps[current->warp()];
  for (Thread *lane : getLanes(gathering->mask))
    lane->state = Thread::State::Ready;
  warp.gatherings.erase(warp.gatherings.begin() + (gathering - warp.gatherings.data()));
}

void Machine::synchronize(const std::vector<Thread *> &participants) {
  auto joined = std::make_shared<std::vector<uint32_t>>(threadCount, 0);
  const std::vector<uint32_t> *last = nullptr; // most often all have seen the same
  for (Thread *thread : participants) {
    if (thread->seen.get() == last)
      continue;
    last = thread->seen.get();
    for (uint32_t i = 0; i < threadCount; ++i)
      (*joined)[i] = std::max((*joined)[i], (*last)[i]);
  }
  for (Thread *thread : participants)
    (*joined)[thread->index] = thread->clock++;
  for (Thread *thread : participants)
    thread->seen = joined;
}

void Machine::barrier(uint32_t id, uint32_t expected, Site site) {
  if (!expected)
    expected = (threadCount + kWarpSize - 1) / kWarpSize * kWarpSize; // lanes that do not exist count as arrived
  if (id > 15 || expected % kWarpSize)
    fail(Detector::Divergence, site, "expects a barrier from 0 to 15 and a multiple of 32 threads");
  Barrier &barrier = barriers[id];
  if (barrier.arrived.empty())
    barrier.expected = expected;
  if (barrier.expected != expected)
    fail(Detector::Divergence, site,
         "expects " + std::to_string(expected) + " threads at barrier " + std::to_string(id) + " where others expect " +
             std::to_string(barrier.expected));
  for (Thread *thread : barrier.arrived)
    if (thread->warp() == current->warp() && thread->waitsAt != site)
      fail(Detector::Divergence, site, std::string("lanes of the same warp wait at ") + thread->waitsAt);
  barrier.arrived.push_back(current);
  current->waitsAt = site;
  uint32_t present = std::min(expected, threadCount);
  if (barrier.arrived.size() < present) {
    current->state = Thread::State::AtBarrier;
    suspend();
    return;
  }
  ++report.counters.barriers;
  synchronize(barrier.arrived);
  for (Thread *thread : barrier.arrived)
    thread->state = Thread::State::Ready;
  barrier.arrived.clear();
}

void Machine::runBlock() {
  sharedShadow.cells.assign(sharedBytes, Cell());
  std::memset(shared, 0xFF, sharedBytes); // NaN in all formats
  threads.assign(threadCount, Thread());
  warps.assign((threadCount + kWarpSize - 1) / kWarpSize, Warp());
  barriers.clear();
  ++blockNumber;
  for (Cell &cell : sharedShadow.cells)
    cell.block = blockNumber;
  auto nothing = std::make_shared<const std::vector<uint32_t>>(threadCount, 0);
  for (uint32_t i = 0; i < threadCount; ++i) {
    threads[i].index = i;
    threads[i].seen = nothing;
    threads[i].stack = stacks.prepare(i, enter);
  }
  runThreads();
  for (Warp &warp : warps)
    flushBanks(warp);
  for (Cell &cell : sharedShadow.cells)
    reads.release(cell.reads);
}

void Machine::runThreads() {
  std::vector<uint32_t> order(warps.size()), lanes(kWarpSize);
  for (uint32_t i = 0; i < order.size(); ++i)
    order[i] = i;
  for (uint32_t i = 0; i < kWarpSize; ++i)
    lanes[i] = i;
  uint32_t done = 0;
  while (done < threadCount && !aborted) {
    bool progress = false;
    if (options.seed) {
      std::shuffle(order.begin(), order.end(), random);
      std::shuffle(lanes.begin(), lanes.end(), random);
    }
    for (uint32_t warp : order) {
      // A warp goes on as long as it can, or, with a seed, for a while: other warps get ahead of it and it of them.
      bool again = true;
      for (uint64_t rounds = options.seed ? 1 + random() % 64 : UINT64_MAX; again && rounds && !aborted; --rounds) {
        again = false;
        for (uint32_t lane : lanes) {
          uint32_t index = warp * kWarpSize + lane;
          if (index >= threadCount || threads[index].state != Thread::State::Ready)
            continue;
          current = &threads[index];
          attn_emu_switch_fiber(&schedulerStack, current->stack);
          progress = again = true;
          if (aborted)
            return;
          done += current->state == Thread::State::Done;
        }
      }
    }
    if (!progress) {
      reportStall();
      return;
    }
  }
}

void Machine::reportStall() {
  // Somebody waits and nobody runs: where a warp is torn apart that is the reason, otherwise a barrier is.
  const Thread *torn = nullptr, *waiting = nullptr;
  uint32_t done = 0;
  std::map<std::string, uint32_t> places;
  for (const Thread &thread : threads) {
    done += thread.state == Thread::State::Done;
    if (thread.state == Thread::State::Done)
      continue;
    ++places[thread.waitsAt];
    waiting = &thread;
    if (thread.state == Thread::State::AtWarpOp)
      torn = &thread;
  }
  std::string what = "all threads wait:";
  for (const auto &[site, count] : places)
    what += " " + std::to_string(count) + " at " + site + ",";
  what += " " + std::to_string(done) + " have returned";
  current = &threads[torn ? torn->index : waiting->index];
  note(torn ? Detector::Divergence : Detector::Deadlock, current->waitsAt, what);
  aborted = true;
}

Report Machine::run() {
  running = this;
  std::vector<uint32_t> blocks(product(options.grid));
  for (uint32_t i = 0; i < blocks.size(); ++i)
    blocks[i] = i;
  if (options.seed)
    std::shuffle(blocks.begin(), blocks.end(), random);
  for (uint32_t block : blocks) {
    blockIndex = {int32_t(block % options.grid[0]), int32_t(block / options.grid[0] % options.grid[1]),
                  int32_t(block / options.grid[0] / options.grid[1])};
    runBlock();
    if (aborted)
      break;
  }
  report.completed = !aborted;
  running = nullptr;
  munmap(arena, 5 * kMaxSharedBytes);
  return report;
}

Report launch(Kernel kernel, void *const *arguments, const LaunchOptions &options) {
  return Machine(kernel, arguments, options).run();
}

} // namespace attn::emulator
