// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Accesses: bounds, races, bytes that are still under way, bytes that nobody wrote, and banks.
#include "Machine.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

namespace attn::emulator {

int32_t ReadPool::add(const Epoch &epoch, int32_t next) {
  if (free < 0) {
    nodes.push_back({epoch, next});
    return int32_t(nodes.size()) - 1;
  }
  int32_t index = free;
  free = nodes[index].next;
  nodes[index] = {epoch, next};
  return index;
}

void ReadPool::releaseOne(int32_t index) {
  nodes[index].next = free;
  free = index;
}

void ReadPool::release(int32_t list) {
  while (list >= 0) {
    int32_t next = nodes[list].next;
    releaseOne(list);
    list = next;
  }
}

bool Machine::isShared(const void *address) const {
  // The whole arena: an offset that is wrong by less than its guards is still an address of shared memory.
  auto *p = static_cast<const char *>(address);
  return p >= arena && p < arena + 5 * kMaxSharedBytes;
}

static std::string getPlace(const ShadowMemory &memory, const void *address, bool isShared) {
  char text[96];
  ptrdiff_t offset = static_cast<const char *>(address) - memory.base;
  std::snprintf(text, sizeof text, "byte %td of %s", offset, isShared ? "shared memory" : "a buffer");
  return text;
}

ShadowMemory *Machine::findShadow(const void *address, uint32_t bytes, bool isWrite, Site site) {
  auto *p = static_cast<const char *>(address);
  auto isInside = [&](const ShadowMemory &memory) {
    return p >= memory.base && p < memory.base + memory.bytes && bytes <= size_t(memory.base + memory.bytes - p);
  };
  const char *verb = isWrite ? "writes " : "reads ";
  if (isShared(address)) {
    if (isInside(sharedShadow))
      return &sharedShadow;
    fail(Detector::OutOfBounds, site,
         verb + std::to_string(bytes) + " bytes from " + getPlace(sharedShadow, address, true) + ", which has " +
             std::to_string(sharedBytes));
  }
  for (ShadowMemory &memory : bufferShadows) {
    if (!isInside(memory))
      continue;
    if (isWrite && !memory.isWritable)
      fail(Detector::OutOfBounds, site, "writes " + getPlace(memory, address, false) + " that is read-only");
    return &memory;
  }
  if (stacks.contains(address))
    return nullptr; // local memory
  std::string what = verb + std::to_string(bytes) + " bytes outside of shared memory and of all buffers";
  for (const ShadowMemory &memory : bufferShadows) {
    ptrdiff_t past = p - memory.base;
    if (past >= -4096 && past < ptrdiff_t(memory.bytes) + 4096)
      what += ", " + getPlace(memory, address, false) + " that has " + std::to_string(memory.bytes);
  }
  fail(Detector::OutOfBounds, site, what);
}

void Machine::access(const void *address, uint32_t bytes, bool isWrite, Site site) {
  if (reinterpret_cast<uintptr_t>(address) % std::min<uint32_t>(bytes & -bytes, 16))
    fail(Detector::Misaligned, site, "expects an address that is a multiple of the width, " + std::to_string(bytes));
  ShadowMemory *memory = findShadow(address, bytes, isWrite, site);
  // What nobody may write has been written before and cannot race.
  if (!memory || !memory->isWritable)
    return;
  size_t first = static_cast<const char *>(address) - memory->base;
  const std::vector<uint32_t> &seen = *current->seen;
  auto isOrdered = [&](const Epoch &epoch) {
    return epoch.thread == current->index || seen[epoch.thread] >= epoch.clock;
  };
  auto race = [&](const char *mine, const char *theirs, size_t byte, const Epoch &other) {
    note(Detector::Race, site,
         std::string(mine) + getPlace(*memory, memory->base + byte, memory->isShared) + " that thread " +
             std::to_string(other.thread) + theirs + (other.site ? other.site : "?") + " without order between them",
         other.site);
  };
  for (size_t byte = first; byte < first + bytes; ++byte) {
    Cell &cell = memory->cells[byte];
    if (cell.block != blockNumber) {
      cell.isReadElsewhere |= cell.reads >= 0;
      cell.isWrittenElsewhere |= cell.write.clock != 0;
      reads.release(cell.reads);
      cell.reads = -1;
      cell.write = Epoch();
      cell.block = blockNumber;
    }
    if (cell.isInFlight)
      note(Detector::Wait, site,
           std::string(isWrite ? "writes " : "reads ") + getPlace(*memory, memory->base + byte, memory->isShared) +
               " before it is delivered: nobody waited for " + cell.write.site,
           cell.write.site);
    else if (cell.write.clock && !isOrdered(cell.write))
      race(isWrite ? "writes " : "reads ", " writes at ", byte, cell.write);
    if (cell.isWrittenElsewhere || (isWrite && cell.isReadElsewhere))
      note(Detector::Race, site,
           std::string(isWrite ? "writes " : "reads ") + getPlace(*memory, memory->base + byte, memory->isShared) +
               " that another block " + (cell.isWrittenElsewhere ? "writes" : "reads") + ": nothing orders blocks");
    if (!isWrite && !cell.isInitialised) {
      note(Detector::Uninitialised, site,
           "reads " + getPlace(*memory, memory->base + byte, memory->isShared) + " that nobody has written");
      cell.isInitialised = true; // once is enough
    }
    // Reads that this access is ordered after fall out of the list; for a write all others are races.
    int32_t *link = &cell.reads;
    while (*link >= 0) {
      ReadPool::Node node = reads[*link];
      bool ordered = isOrdered(node.epoch);
      if (!ordered && isWrite)
        race("writes ", " reads at ", byte, node.epoch);
      if (ordered || isWrite) {
        reads.releaseOne(*link);
        *link = node.next;
      } else {
        link = &reads[*link].next;
      }
    }
    if (isWrite) {
      cell.write = {current->index, current->clock, site};
      cell.isInitialised = true;
    } else {
      int32_t list = cell.reads; // add() may move the nodes
      cell.reads = reads.add({current->index, current->clock, site}, list);
    }
  }
}

void Machine::accessAs(Thread &lane, const void *address, uint32_t bytes, bool isWrite, Site site) {
  Thread *self = current;
  current = &lane;
  access(address, bytes, isWrite, site);
  current = self;
}

void Machine::copyAsync(const AsyncCopy &copy) {
  ++report.counters.asyncCopies;
  if (copy.sourceBytes)
    access(copy.source, copy.sourceBytes, /*isWrite=*/false, copy.site);
  // The copy may write from now on until it is waited for: it must be ordered after all that was, and all that comes
  // meanwhile is too early.
  access(copy.destination, copy.bytes, /*isWrite=*/true, copy.site);
  countBanks(copy.destination, copy.bytes, copy.site);
  size_t first = copy.destination - shared;
  for (size_t byte = first; byte < first + copy.bytes; ++byte)
    sharedShadow.cells[byte].isInFlight = true;
  if (options.landing == Landing::Eager)
    land(copy);
  current->uncommitted.push_back(copy);
}

void Machine::land(const AsyncCopy &copy) {
  std::copy_n(copy.source, copy.sourceBytes, copy.destination);
  std::fill_n(copy.destination + copy.sourceBytes, copy.bytes - copy.sourceBytes, 0);
}

void Machine::commitCopies() {
  current->groups.push_back(std::move(current->uncommitted));
  current->uncommitted.clear();
}

void Machine::waitForCopies(uint32_t pendingGroups) {
  while (current->groups.size() > pendingGroups) {
    for (const AsyncCopy &copy : current->groups.front()) {
      if (options.landing == Landing::Late)
        land(copy);
      size_t first = copy.destination - shared;
      for (size_t byte = first; byte < first + copy.bytes; ++byte) {
        Cell &cell = sharedShadow.cells[byte];
        cell.isInFlight = false;
        cell.write = {current->index, current->clock, copy.site};
      }
    }
    current->groups.pop_front();
  }
}

uint64_t Machine::getExtraPasses(const uintptr_t *address, uint32_t lanes, uint32_t bytes) {
  // 32 banks of 4 bytes. Lanes that ask for the same word share it; accesses of 8 and 16 bytes a lane go in two and
  // four phases of 16 and 8 lanes.
  uint32_t lanesPerPhase = bytes <= 4 ? 32 : 128 / bytes;
  uint64_t extra = 0;
  for (uint32_t begin = 0; begin < lanes; begin += lanesPerPhase) {
    std::vector<uintptr_t> words[32];
    size_t passes = 1;
    for (uint32_t lane = begin; lane < std::min(begin + lanesPerPhase, lanes); ++lane)
      for (uintptr_t word = address[lane] / 4; word <= (address[lane] + bytes - 1) / 4; ++word) {
        std::vector<uintptr_t> &bank = words[word % 32];
        if (std::find(bank.begin(), bank.end(), word) == bank.end())
          bank.push_back(word);
        passes = std::max(passes, bank.size());
      }
    extra += passes - 1;
  }
  return extra;
}

void Machine::countBanks(const void *address, uint32_t bytes, Site site) {
  Warp &warp = warps[current->warp()];
  auto it = std::find_if(warp.batches.begin(), warp.batches.end(),
                         [&](const BankBatch &batch) { return batch.site == site && batch.bytes == bytes; });
  if (it != warp.batches.end() && (it->lanes >> current->lane() & 1)) {
    flushBanks(warp); // this lane is here again
    it = warp.batches.end();
  }
  if (it == warp.batches.end())
    it = warp.batches.insert(it, BankBatch{site, bytes, 0, {}});
  it->lanes |= 1u << current->lane();
  it->address[current->lane()] = reinterpret_cast<uintptr_t>(address);
}

void Machine::flushBanks(Warp &warp) {
  for (const BankBatch &batch : warp.batches) {
    // A lane that takes no part asks for what its neighbour asks for.
    uintptr_t address[kWarpSize];
    uintptr_t last = batch.address[__builtin_ctz(batch.lanes)];
    for (uint32_t lane = 0; lane < kWarpSize; ++lane)
      address[lane] = last = batch.lanes >> lane & 1 ? batch.address[lane] : last;
    report.counters.bankConflicts += getExtraPasses(address, kWarpSize, batch.bytes);
  }
  warp.batches.clear();
}

} // namespace attn::emulator
