// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// An attention kernel for tensor cores as text, right or with one thing wrong with it.
#ifndef ATTN_UNITTESTS_EMULATOR_FLASHKERNEL_H
#define ATTN_UNITTESTS_EMULATOR_FLASHKERNEL_H

#include <cstdint>
#include <string>

namespace attn::test {

/// What can be wrong with it.
enum class Mutation {
  None,
  DropBarrier,        ///< tiles are read without a barrier after the wait
  WaitTooShallow,     ///< the wait leaves the newest group under way
  ForgetCommit,       ///< copies are never made a group, so that no wait covers them
  ReleaseEarly,       ///< the next tile is fetched before all warps have left the one that it overwrites
  WrongStage,         ///< the stage that is being filled is read
  UnevenSwizzle,      ///< K is read where it would be without swizzle
  NoSwizzle,          ///< nothing is swizzled: right, but slow
  SwapWeights,        ///< registers 1 and 2 of the fragment of weights change places
  SwapKeys,           ///< registers of neighbouring key fragments change places
  UntransposedValues, ///< V is loaded by rows
  StaleMaximum,       ///< weights are taken with the maximum of the tiles before
  NoRescale,          ///< the accumulator keeps the scale of the tiles before
  HalfReduction,      ///< the maximum is taken over two of four lanes
  MissingKeyMask,     ///< keys past the last one count
  MissingRowGuard,    ///< rows past the last one are stored
  MissingLoadGuard,   ///< rows past the last one are fetched
  CausalOffByOne,     ///< each row sees the key after its own
  TornShuffle,        ///< lanes whose row is past the last one do not reduce
  BarrierInBranch,    ///< warps whose rows are past the last one skip the barrier
  ForgetQueries,      ///< Q is never fetched
  MisalignedTile,     ///< K begins 8 bytes too late
  SwappedBlockIndex,  ///< row tiles and heads change places
};

/// Sizes are those of the kernel's text; N, M and the heads are known at the launch only.
struct FlashShape {
  /// Head size of Q, K and V, a multiple of 64; keys of a tile, a multiple of 16.
  int64_t headSize = 64, kvTile = 64;
  /// 16 query rows each.
  int64_t warps = 4;
  bool isCausal = false, isBf16 = false;

  int64_t rows() const { return 16 * warps; }
  int64_t threads() const { return 32 * warps; }
  int64_t sharedBytes() const { return 2 * headSize * (rows() + 4 * kvTile); }
};

/// `@kernel(Q, K, V, O, N, M)` for [heads, N or M, headSize] in rows one after the other, to be launched on a grid of
/// row tiles x heads: FlashAttention-2 (Dao 2023) with cp.async in two stages, ldmatrix and mma.sync.
std::string makeFlashKernel(const FlashShape &shape, Mutation mutation = Mutation::None);

} // namespace attn::test

#endif // ATTN_UNITTESTS_EMULATOR_FLASHKERNEL_H
