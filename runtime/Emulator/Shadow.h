// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is known of each byte of memory: who wrote it last, who has read it since, and whether that is ordered before
// what happens now. Happens-before by vector clocks, as FastTrack (Flanagan & Freund 2009) does it: a write is one
// epoch, reads are a list from which those fall out that a later access is ordered after.
#ifndef ATTN_RUNTIME_EMULATOR_SHADOW_H
#define ATTN_RUNTIME_EMULATOR_SHADOW_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace attn::emulator {

/// Where in the kernel: a text that lives as long as the kernel, "nvvm.ldmatrix at kernel.mlir:12:5".
using Site = const char *;

/// A moment of a thread of the current block.
struct Epoch {
  uint32_t thread = 0, clock = 0;
  Site site = nullptr;
};

/// Lists of reads, in one vector.
class ReadPool {
public:
  struct Node {
    Epoch epoch;
    int32_t next;
  };
  int32_t add(const Epoch &epoch, int32_t next);
  void release(int32_t list);
  Node &operator[](int32_t index) { return nodes[index]; }
  void releaseOne(int32_t index);

private:
  std::vector<Node> nodes;
  int32_t free = -1;
};

struct Cell {
  /// clock 0: not written in this block.
  Epoch write;
  int32_t reads = -1;
  uint32_t block = 0;
  bool isInitialised = false, isInFlight = false;
  /// Touched by an earlier block: nothing orders blocks, so these never fall out.
  bool isReadElsewhere = false, isWrittenElsewhere = false;
};

/// The cells of `bytes` bytes from `base`.
struct ShadowMemory {
  char *base = nullptr;
  size_t bytes = 0;
  bool isWritable = true, isShared = false;
  std::vector<Cell> cells;
};

} // namespace attn::emulator

#endif // ATTN_RUNTIME_EMULATOR_SHADOW_H
