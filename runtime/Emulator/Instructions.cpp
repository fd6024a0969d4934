// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What attn-emulate-nvvm calls: one function for each instruction, by the PTX ISA. Fragments are described there
// element by element; here as the loops they come from. Values are passed as integers, floats and addresses only, so
// that nothing depends on how C++ passes structs.
#include "Machine.h"

#include <cmath>
#include <cstring>

using namespace attn::emulator;

namespace {

float toF32(uint16_t bits, bool isBf16) {
  if (isBf16) {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
  }
  _Float16 value;
  std::memcpy(&value, &bits, 2);
  return float(value);
}

/// Element 0 or 1 of a register that holds two.
float getHalf(uint32_t reg, int which, bool isBf16) { return toF32(uint16_t(reg >> (16 * which)), isBf16); }

float flush(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

struct Shuffle {
  uint32_t value, offset, clamp;
  uint32_t *result;
  uint8_t *isValid;
};

struct Fragments {
  const uint32_t *a, *b;
  const float *c;
  float *d;
};

struct MatrixRow {
  const void *address;
  uint32_t *result;
};

enum class ShuffleKind { Bfly, Up, Down, Idx }; // the values of NVVM::ShflKind

/// The lane that `lane` reads from, or -1 where there is none (PTX ISA, shfl.sync).
int getSource(ShuffleKind kind, uint32_t lane, uint32_t offset, uint32_t clampAndMask) {
  int clamp = clampAndMask & 31, segment = clampAndMask >> 8 & 31, b = offset & 31, self = lane;
  int highest = (self & segment) | (clamp & ~segment), lowest = self & segment;
  int source = 0;
  bool isValid = false;
  switch (kind) {
  case ShuffleKind::Up:
    source = self - b;
    isValid = source >= highest; // the clamp of `up` is the lowest lane
    break;
  case ShuffleKind::Down:
    source = self + b;
    isValid = source <= highest;
    break;
  case ShuffleKind::Bfly:
    source = self ^ b;
    isValid = source <= highest;
    break;
  case ShuffleKind::Idx:
    source = lowest | (b & ~segment);
    isValid = source <= highest;
    break;
  }
  return isValid ? source : -1;
}

/// The bits of an f32 that a tf32 has.
constexpr uint32_t kTf32Bits = 0xffffe000;

} // namespace

// D = A B + C for 16 x kDepth A (rows), kDepth x 8 B (columns), f32 C and D: load(fragments of a lane, lane, A, B
// turned) puts the elements that a lane holds where they belong. Products are exact in double precision, in which they
// are added and rounded once: at least as exact as a tensor core.
template <int kDepth, typename Load> static void multiplyFragments(const Fragments &mine, Site site, Load load) {
  Machine &m = Machine::get();
  m.gather("mma.sync", m.getFullMask(), /*aligned=*/true, site, &mine, [&](const void *const *lanes) {
    if (m.getFullMask() != ~0u)
      m.fail(Detector::Divergence, site, "expects a whole warp");
    ++m.counters().mma;
    float matA[16][kDepth], matB[8][kDepth];
    for (int lane = 0; lane < 32; ++lane)
      load(*static_cast<const Fragments *>(lanes[lane]), lane, matA, matB);
    for (int lane = 0; lane < 32; ++lane) {
      auto *to = static_cast<const Fragments *>(lanes[lane]);
      for (int element = 0; element < 4; ++element) {
        int row = lane / 4 + 8 * (element / 2), column = 2 * (lane % 4) + element % 2;
        double sum = to->c[element];
        for (int k = 0; k < kDepth; ++k)
          sum += double(matA[row][k]) * matB[column][k];
        to->d[element] = float(sum);
      }
    }
  });
}

extern "C" {

static int32_t attn_emu_register(int32_t which) {
  Machine &m = Machine::get();
  const LaunchOptions &options = m.getOptions();
  int32_t index = int32_t(m.thread().index);
  int axis = which % 4;
  switch (which / 4) {
  case 0: // tid
    if (axis == 0)
      return index % options.block[0];
    if (axis == 1)
      return index / options.block[0] % options.block[1];
    return index / options.block[0] / options.block[1];
  case 1: // ntid
    return options.block[axis];
  case 2: // ctaid
    return m.getBlockIndex()[axis];
  case 3: // nctaid
    return options.grid[axis];
  default: // laneid
    return int32_t(m.thread().lane());
  }
}

static void *attn_emu_shared(int64_t offset) { return Machine::get().getShared() + offset; }

static void attn_emu_access(const void *address, int32_t bytes, int32_t isWrite, Site site) {
  Machine &m = Machine::get();
  m.interrupt();
  m.access(address, bytes, isWrite, site);
  if (m.isShared(address))
    m.countBanks(address, bytes, site);
  else if (!isWrite)
    ++m.counters().elementLoads;
}

static void attn_emu_barrier(int32_t id, int32_t threads, Site site) {
  Machine::get().barrier(uint32_t(id), uint32_t(threads), site);
}

static void attn_emu_warp_sync(uint32_t mask, Site site) {
  Machine &m = Machine::get();
  m.gather("bar.warp.sync", mask, /*aligned=*/false, site, nullptr,
           [&](const void *const *) { m.synchronize(m.getLanes(mask)); });
}

static uint32_t attn_emu_shuffle(int32_t kind, uint32_t mask, uint32_t value, uint32_t offset, uint32_t clamp,
                                 uint8_t *isValid, Site site) {
  Machine &m = Machine::get();
  uint32_t result = 0;
  Shuffle mine{value, offset, clamp, &result, isValid};
  static const char *const kinds[] = {"shfl.sync.bfly", "shfl.sync.up", "shfl.sync.down", "shfl.sync.idx"};
  m.gather(kinds[kind], mask, /*aligned=*/false, site, &mine, [&](const void *const *lanes) {
    ++m.counters().shuffles;
    for (uint32_t lane = 0; lane < kWarpSize; ++lane) {
      if (!(mask >> lane & 1))
        continue;
      auto *to = static_cast<const Shuffle *>(lanes[lane]);
      int source = getSource(ShuffleKind(kind), lane, to->offset, to->clamp);
      *to->isValid = source >= 0;
      if (source < 0)
        source = int(lane);
      if (!(mask >> source & 1))
        m.fail(Detector::Divergence, site,
               "lane " + std::to_string(lane) + " reads from lane " + std::to_string(source) + ", which takes no part");
      *to->result = static_cast<const Shuffle *>(lanes[source])->value;
    }
  });
  return result;
}

// num 8x8 matrices of 16-bit elements. Lane 8q + r gives the address of row r of matrix q; lane l receives of each
// matrix row l / 4, columns 2 (l % 4) and the next, or, transposed, column l / 4 of these two rows.
static void attn_emu_ldmatrix(const void *address, int32_t num, int32_t isTransposed, uint32_t *result, Site site) {
  Machine &m = Machine::get();
  MatrixRow mine{address, result};
  m.gather("ldmatrix", m.getFullMask(), /*aligned=*/true, site, &mine, [&](const void *const *lanes) {
    if (m.getFullMask() != ~0u)
      m.fail(Detector::Divergence, site, "expects a whole warp");
    ++m.counters().ldmatrix;
    uint16_t matrix[4][8][8];
    std::vector<Thread *> threads = m.getLanes(~0u);
    for (int q = 0; q < num; ++q) {
      uintptr_t rows[8];
      for (int r = 0; r < 8; ++r) {
        const void *row = static_cast<const MatrixRow *>(lanes[8 * q + r])->address;
        if (!m.isShared(row))
          m.fail(Detector::OutOfBounds, site, "expects an address of shared memory");
        m.accessAs(*threads[8 * q + r], row, 16, /*isWrite=*/false, site);
        std::memcpy(matrix[q][r], row, 16);
        rows[r] = reinterpret_cast<uintptr_t>(row);
      }
      m.counters().bankConflicts += Machine::getExtraPasses(rows, 8, 16);
    }
    for (uint32_t lane = 0; lane < kWarpSize; ++lane)
      for (int q = 0; q < num; ++q) {
        int outer = lane / 4, inner = 2 * (lane % 4);
        uint16_t low = isTransposed ? matrix[q][inner][outer] : matrix[q][outer][inner];
        uint16_t high = isTransposed ? matrix[q][inner + 1][outer] : matrix[q][outer][inner + 1];
        static_cast<const MatrixRow *>(lanes[lane])->result[q] = low | uint32_t(high) << 16;
      }
  });
}

// Of 16-bit numbers, two elements a register.
static void attn_emu_mma(int32_t isBf16, const uint32_t *a, const uint32_t *b, const float *c, float *d, Site site) {
  auto load = [&](const Fragments &from, int lane, float (*matA)[16], float (*matB)[16]) {
    int group = lane / 4, pair = 2 * (lane % 4);
    for (int i = 0; i < 2; ++i) {
      for (int reg = 0; reg < 4; ++reg)
        matA[group + 8 * (reg % 2)][pair + i + 8 * (reg / 2)] = getHalf(from.a[reg], i, isBf16);
      for (int reg = 0; reg < 2; ++reg)
        matB[group][pair + i + 8 * reg] = getHalf(from.b[reg], i, isBf16);
    }
  };
  multiplyFragments<16>({a, b, c, d}, site, load);
}

// Of tf32, one element a register. The 13 bits that tf32 lacks are not looked at.
static void attn_emu_mma_tf32(const uint32_t *a, const uint32_t *b, const float *c, float *d, Site site) {
  auto toFloat = [](uint32_t bits) {
    bits &= kTf32Bits;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  };
  auto load = [&](const Fragments &from, int lane, float (*matA)[8], float (*matB)[8]) {
    int group = lane / 4, place = lane % 4;
    for (int reg = 0; reg < 4; ++reg)
      matA[group + 8 * (reg % 2)][place + 4 * (reg / 2)] = toFloat(from.a[reg]);
    for (int reg = 0; reg < 2; ++reg)
      matB[group][place + 4 * reg] = toFloat(from.b[reg]);
  };
  multiplyFragments<8>({a, b, c, d}, site, load);
}

// cvt.rna.tf32.f32: to nearest, ties away from zero; a NaN becomes the one that the instruction gives.
static uint32_t attn_emu_cvt_rna_tf32(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if (std::isnan(value))
    return 0x7fffffff;
  return std::isinf(value) ? bits : (bits + (~kTf32Bits >> 1) + 1) & kTf32Bits;
}

static void attn_emu_cp_async(void *destination, const void *source, int32_t bytes, int32_t sourceBytes, Site site) {
  Machine &m = Machine::get();
  m.interrupt();
  if (!m.isShared(destination))
    m.fail(Detector::OutOfBounds, site, "expects an address of shared memory to copy to");
  if (sourceBytes < 0 || sourceBytes > bytes)
    m.fail(Detector::OutOfBounds, site,
           "expects to read 0 to " + std::to_string(bytes) + " bytes, got " + std::to_string(sourceBytes));
  if (reinterpret_cast<uintptr_t>(source) % bytes)
    m.fail(Detector::Misaligned, site, "expects a source that is a multiple of the width, " + std::to_string(bytes));
  m.copyAsync({static_cast<char *>(destination), static_cast<const char *>(source), uint32_t(bytes),
               uint32_t(sourceBytes), site});
}

static void attn_emu_cp_async_commit() { Machine::get().commitCopies(); }
static void attn_emu_cp_async_wait(int32_t pending) { Machine::get().waitForCopies(uint32_t(pending)); }

static float attn_emu_ex2_ftz(float x) { return flush(std::exp2(flush(x))); }
static float attn_emu_ex2(float x) { return std::exp2(x); }
static float attn_emu_rcp_ftz(float x) { return flush(1.0f / flush(x)); }

// Conversions for processors without an instruction for them, by the names that LLVM calls them.
static _Float16 attn_emu_truncsfhf2(float x) { return _Float16(x); }
static float attn_emu_extendhfsf2(_Float16 x) { return float(x); }
// To nearest even; the result is in the register that an f16 would be in, which compilers without bf16 know as well.
static _Float16 attn_emu_truncsfbf2(float x) {
  uint32_t wide;
  std::memcpy(&wide, &x, 4);
  uint16_t bits = std::isnan(x) ? uint16_t(wide >> 16 | 0x40) : uint16_t((wide + 0x7fff + (wide >> 16 & 1)) >> 16);
  _Float16 result;
  std::memcpy(&result, &bits, 2);
  return result;
}

} // extern "C"

namespace attn::emulator {

std::vector<Symbol> getSymbols() {
#define ATTN_EMU_SYMBOL(name)                                                                                          \
  Symbol { #name, reinterpret_cast<void *>(&(name)) }
  return {
      ATTN_EMU_SYMBOL(attn_emu_access),
      ATTN_EMU_SYMBOL(attn_emu_barrier),
      ATTN_EMU_SYMBOL(attn_emu_cvt_rna_tf32),
      ATTN_EMU_SYMBOL(attn_emu_cp_async),
      ATTN_EMU_SYMBOL(attn_emu_cp_async_commit),
      ATTN_EMU_SYMBOL(attn_emu_cp_async_wait),
      ATTN_EMU_SYMBOL(attn_emu_ex2),
      ATTN_EMU_SYMBOL(attn_emu_ex2_ftz),
      ATTN_EMU_SYMBOL(attn_emu_ldmatrix),
      ATTN_EMU_SYMBOL(attn_emu_mma),
      ATTN_EMU_SYMBOL(attn_emu_mma_tf32),
      ATTN_EMU_SYMBOL(attn_emu_rcp_ftz),
      ATTN_EMU_SYMBOL(attn_emu_register),
      ATTN_EMU_SYMBOL(attn_emu_shared),
      ATTN_EMU_SYMBOL(attn_emu_shuffle),
      ATTN_EMU_SYMBOL(attn_emu_warp_sync),
      {"__truncsfbf2", reinterpret_cast<void *>(&attn_emu_truncsfbf2)},
      {"__truncsfhf2", reinterpret_cast<void *>(&attn_emu_truncsfhf2)},
      {"__extendhfsf2", reinterpret_cast<void *>(&attn_emu_extendhfsf2)},
  };
#undef ATTN_EMU_SYMBOL
}

} // namespace attn::emulator
