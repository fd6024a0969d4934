// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each emulated instruction against the PTX ISA: what is expected is written from the formulas of its sections on
// fragments and on shuffles, element by element, without looking at how the emulator does it.
#include "KernelFixture.h"

#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace attn;
using namespace attn::test;
using emulator::Landing;

namespace {

const char *const kLane = R"(
  %lane = nvvm.read.ptx.sreg.laneid : i32
)";

std::string makeKernel(const std::string &arguments, const std::string &body, const std::string &globals = "") {
  return globals + "func.func @kernel(" + arguments + ") {" + body + "return\n}\n";
}

// Where each thread is: 2 x 3 x 2 threads in blocks of a 2 x 2 x 3 grid, each writes its coordinates to its own place.
TEST(Instruction, SpecialRegisters) {
  std::string body, store;
  const char *names[] = {"tid", "ntid", "ctaid", "nctaid"};
  for (const char *name : names)
    for (const char *axis : {"x", "y", "z"})
      body += std::string("%") + name + axis + " = nvvm.read.ptx.sreg." + name + "." + axis + " : i32\n";
  // number = ((cz * gy + cy) * gx + cx) * (bx by bz) + (tz * by + ty) * bx + tx, written as multiply-adds
  body += R"(
    %a0 = arith.muli %ctaidz, %nctaidy : i32
    %a1 = arith.addi %a0, %ctaidy : i32
    %a2 = arith.muli %a1, %nctaidx : i32
    %a3 = arith.addi %a2, %ctaidx : i32
    %a4 = arith.muli %a3, %ntidz : i32
    %a5 = arith.addi %a4, %tidz : i32
    %a6 = arith.muli %a5, %ntidy : i32
    %a7 = arith.addi %a6, %tidy : i32
    %a8 = arith.muli %a7, %ntidx : i32
    %a9 = arith.addi %a8, %tidx : i32
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %size = nvvm.read.ptx.sreg.warpsize : i32
    %b0 = arith.muli %lane, %size : i32
    %p = llvm.getelementptr %out[%a9] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %b0, %p : i32, !llvm.ptr<1>
  )";
  TestKernel kernel(makeKernel("%out: !llvm.ptr<1>", body));
  std::vector<int32_t> out(2 * 3 * 2 * 2 * 2 * 3, -1);
  emulator::LaunchOptions options;
  options.grid = {2, 2, 3};
  options.block = {2, 3, 2};
  for (uint64_t seed : {0, 5}) {
    options.seed = seed;
    options.buffers = {over(out)};
    emulator::Report report = kernel.run(options);
    EXPECT_TRUE(report.completed && report.findings.empty()) << report.getText();
    for (size_t i = 0; i < out.size(); ++i)
      EXPECT_EQ(out[i], int32_t(i % 12 * 32)) << i;
  }
}

// PTX ISA 9.7.9.6, shfl.sync: the four modes, as pseudocode of that section, with the clamps that compilers use and one
// that splits the warp into segments of 8.
TEST(Instruction, Shuffles) {
  struct Mode {
    const char *name;
    uint32_t offset, clamp;
    int (*source)(int lane, int offset, int maxLane, int minLane, int segmask);
  };
  auto up = [](int lane, int b, int, int, int) { return lane - b; };
  auto down = [](int lane, int b, int, int, int) { return lane + b; };
  auto bfly = [](int lane, int b, int, int, int) { return lane ^ b; };
  auto idx = [](int, int b, int, int minLane, int segmask) { return minLane | (b & ~segmask); };
  const Mode modes[] = {{"bfly", 1, 31, bfly},     {"bfly", 16, 31, bfly},
                        {"up", 3, 0, up},          {"down", 5, 31, down},
                        {"idx", 13, 31, idx},      {"idx", 2, (24u << 8) | 31, idx},
                        {"up", 2, (24u << 8), up}, {"down", 3, (24u << 8) | 31, down}};
  for (const Mode &mode : modes) {
    std::string body =
        std::string(kLane) + "%mask = arith.constant -1 : i32\n%offset = arith.constant " +
        std::to_string(mode.offset) + " : i32\n%clamp = arith.constant " + std::to_string(mode.clamp) +
        " : i32\n%seven = arith.constant 7 : i32\n%value = arith.muli %lane, %seven : i32\n" +
        "%pair = nvvm.shfl.sync " + mode.name +
        " %mask, %value, %offset, %clamp {return_value_and_is_valid} : i32 -> !llvm.struct<(i32, i1)>\n" + R"(
    %got = llvm.extractvalue %pair[0] : !llvm.struct<(i32, i1)>
    %isValid = llvm.extractvalue %pair[1] : !llvm.struct<(i32, i1)>
    %valid = arith.extui %isValid : i1 to i32
    %two = arith.constant 2 : i32
    %i = arith.muli %lane, %two : i32
    %p = llvm.getelementptr %out[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %got, %p : i32, !llvm.ptr<1>
    %q = llvm.getelementptr %p[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    llvm.store %valid, %q : i32, !llvm.ptr<1>
  )";
    TestKernel kernel(makeKernel("%out: !llvm.ptr<1>", body));
    std::vector<int32_t> out(64, -1);
    emulator::LaunchOptions options;
    options.buffers = {over(out)};
    emulator::Report report = kernel.run(options);
    EXPECT_TRUE(report.completed && report.findings.empty()) << report.getText();
    EXPECT_EQ(report.counters.shuffles, 1u);
    for (int lane = 0; lane < 32; ++lane) {
      int segmask = mode.clamp >> 8 & 31, cval = mode.clamp & 31;
      int maxLane = (lane & segmask) | (cval & ~segmask), minLane = lane & segmask;
      int j = mode.source(lane, int(mode.offset), maxLane, minLane, segmask);
      bool valid = std::string(mode.name) == "up" ? j >= maxLane : j <= maxLane;
      EXPECT_EQ(out[2 * lane], 7 * (valid ? j : lane)) << mode.name << " " << lane;
      EXPECT_EQ(out[2 * lane + 1], int(valid)) << mode.name << " " << lane;
    }
  }
}

// Floats are carried bit by bit.
TEST(Instruction, ShuffleOfFloats) {
  TestKernel kernel(makeKernel("%in: !llvm.ptr<1>, %out: !llvm.ptr<1>", std::string(kLane) + R"(
    %p = llvm.getelementptr %in[%lane] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %x = llvm.load %p : !llvm.ptr<1> -> f32
    %mask = arith.constant -1 : i32
    %two = arith.constant 2 : i32
    %clamp = arith.constant 31 : i32
    %y = nvvm.shfl.sync bfly %mask, %x, %two, %clamp : f32 -> f32
    %q = llvm.getelementptr %out[%lane] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %y, %q : f32, !llvm.ptr<1>
  )"));
  std::vector<float> in(32), out(32);
  for (int lane = 0; lane < 32; ++lane)
    in[lane] = 0.1f * float(lane) - 1.0f;
  emulator::LaunchOptions options;
  options.buffers = {over(in), over(out)};
  EXPECT_TRUE(kernel.run(options).findings.empty());
  for (int lane = 0; lane < 32; ++lane)
    EXPECT_EQ(out[lane], in[lane ^ 2]);
}

// PTX ISA 9.7.14.5.15, ldmatrix: "threads 8q..8q+7 hold the row addresses of matrix q"; "each thread receives ... of
// row laneid / 4 the elements 2 (laneid % 4) and 2 (laneid % 4) + 1"; with .trans the matrix is read column-major.
TEST(Instruction, Ldmatrix) {
  for (int num : {1, 2, 4})
    for (bool trans : {false, true}) {
      std::string type = num == 1   ? "i32"
                         : num == 2 ? "!llvm.struct<(i32, i32)>"
                                    : "!llvm.struct<(i32, i32, i32, i32)>";
      std::string body =
          std::string(kLane) + R"(
    %s = llvm.mlir.addressof @s : !llvm.ptr<3>
    %eight = arith.constant 8 : i32
    // Rows are stored in the order of a permutation, so that an address is not a row number.
    %three = arith.constant 3 : i32
    %thirtyone = arith.constant 31 : i32
    %perm0 = arith.muli %lane, %three : i32
    %perm = arith.andi %perm0, %thirtyone : i32
    %at = arith.muli %perm, %eight : i32
    %row = llvm.getelementptr %s[%at] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i16
    %gat = arith.muli %lane, %eight : i32
    %g = llvm.getelementptr %in[%gat] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i16
    %v = llvm.load %g {alignment = 16 : i64} : !llvm.ptr<1> -> vector<8xi16>
    llvm.store %v, %row {alignment = 16 : i64} : vector<8xi16>, !llvm.ptr<3>
    nvvm.barrier0
)" +
          "%m = nvvm.ldmatrix %row {num = " + std::to_string(num) + " : i32, layout = #nvvm.mma_layout<" +
          (trans ? "col" : "row") +
          ">, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>}"
          " : (!llvm.ptr<3>) -> " +
          type + "\n%four = arith.constant 4 : i32\n%o = arith.muli %lane, %four : i32\n";
      for (int q = 0; q < num; ++q) {
        std::string n = std::to_string(q);
        body += "%r" + n + " = " +
                (num == 1 ? "arith.addi %m, %zero : i32" : "llvm.extractvalue %m[" + n + "] : " + type) + "\n%p" + n +
                " = llvm.getelementptr %out[%o] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32\n%q" + n +
                " = llvm.getelementptr %p" + n + "[" + n + "] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32\nllvm.store %r" +
                n + ", %q" + n + " : i32, !llvm.ptr<1>\n";
      }
      TestKernel kernel(makeKernel("%in: !llvm.ptr<1>, %out: !llvm.ptr<1>", "%zero = arith.constant 0 : i32\n" + body,
                                   "llvm.mlir.global internal @s() {addr_space = 3 : i32, alignment = 16 : i64} : "
                                   "!llvm.array<256 x i16>\n"));
      std::vector<uint16_t> in(256), out(256, 0xdead);
      for (int i = 0; i < 256; ++i)
        in[i] = uint16_t(100 + 7 * i);
      emulator::LaunchOptions options;
      options.buffers = {over(in), over(out)};
      emulator::Report report = kernel.run(options);
      EXPECT_TRUE(report.completed && report.findings.empty()) << report.getText();
      for (int lane = 0; lane < 32; ++lane)
        for (int q = 0; q < num; ++q)
          for (int i = 0; i < 2; ++i) {
            int row = lane / 4, column = 2 * (lane % 4) + i;
            if (trans)
              std::swap(row, column);
            EXPECT_EQ(out[8 * lane + 2 * q + i], in[64 * q + 8 * row + column]) << num << trans << lane << q << i;
          }
    }
}

// PTX ISA 9.7.14.5.8, fragments of mma.m16n8k16 with f16 and bf16: with groupID = laneid >> 2 and t = laneid % 4,
//   a_i: row = groupID for i in {0,1,4,5}, else groupID + 8; column = t * 2 + (i & 1), + 8 for i >= 4
//   b_i: row = t * 2 + (i & 1), + 8 for i >= 2; column = groupID
//   c_i: row = groupID for i < 2, else groupID + 8; column = t * 2 + (i & 1)
TEST(Instruction, MmaM16N8K16) {
  for (bool isBf16 : {false, true}) {
    std::string reg = isBf16 ? "i32" : "vector<2xf16>";
    std::string body = std::string(kLane) + "%four = arith.constant 4 : i32\n%two = arith.constant 2 : i32\n" +
                       "%a4 = arith.muli %lane, %four : i32\n%b2 = arith.muli %lane, %two : i32\n";
    auto load = [&](const std::string &name, const std::string &base, const std::string &offset, int count,
                    const std::string &type) {
      for (int i = 0; i < count; ++i) {
        std::string n = name + std::to_string(i);
        body += "%p" + n + " = llvm.getelementptr " + base + "[" + offset +
                "] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32\n%q" + n + " = llvm.getelementptr %p" + n + "[" +
                std::to_string(i) + "] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32\n%" + n + " = llvm.load %q" + n +
                " : !llvm.ptr<1> -> " + type + "\n";
      }
    };
    load("a", "%A", "%a4", 4, reg);
    load("b", "%B", "%b2", 2, reg);
    load("c", "%C", "%a4", 4, "f32");
    body += "%d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%c0, %c1, %c2, %c3] {layoutA = "
            "#nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 16>" +
            std::string(isBf16 ? ", multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = "
                                 "#nvvm.mma_type<bf16>"
                               : "") +
            "} : (" + reg + ", " + reg + ", f32) -> !llvm.struct<(f32, f32, f32, f32)>\n";
    for (int i = 0; i < 4; ++i) {
      std::string n = std::to_string(i);
      body += "%d" + n + " = llvm.extractvalue %d[" + n + "] : !llvm.struct<(f32, f32, f32, f32)>\n%po" + n +
              " = llvm.getelementptr %D[%a4] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32\n%qo" + n +
              " = llvm.getelementptr %po" + n + "[" + n + "] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32\nllvm.store %d" + n +
              ", %qo" + n + " : f32, !llvm.ptr<1>\n";
    }
    TestKernel kernel(makeKernel("%A: !llvm.ptr<1>, %B: !llvm.ptr<1>, %C: !llvm.ptr<1>, %D: !llvm.ptr<1>", body));

    std::mt19937 random(11);
    auto draw = [&] { return float(int(random() % 256) - 128) / 64; }; // exact in bf16
    auto toBits = [&](float value) {
      if (!isBf16)
        return toHalf(value);
      uint32_t wide;
      std::memcpy(&wide, &value, 4);
      return uint16_t(wide >> 16);
    };
    float a[16][16], b[16][8], c[16][8];
    for (auto &row : a)
      for (float &x : row)
        x = draw();
    for (auto &row : b)
      for (float &x : row)
        x = draw();
    for (auto &row : c)
      for (float &x : row)
        x = draw();
    std::vector<uint16_t> fragmentsA(32 * 8), fragmentsB(32 * 4);
    std::vector<float> fragmentsC(32 * 4), fragmentsD(32 * 4);
    for (int lane = 0; lane < 32; ++lane) {
      int groupID = lane >> 2, t = lane % 4;
      for (int i = 0; i < 8; ++i) {
        int row = i == 0 || i == 1 || i == 4 || i == 5 ? groupID : groupID + 8;
        fragmentsA[8 * lane + i] = toBits(a[row][t * 2 + (i & 1) + (i >= 4 ? 8 : 0)]);
      }
      for (int i = 0; i < 4; ++i)
        fragmentsB[4 * lane + i] = toBits(b[t * 2 + (i & 1) + (i >= 2 ? 8 : 0)][groupID]);
      for (int i = 0; i < 4; ++i)
        fragmentsC[4 * lane + i] = c[i < 2 ? groupID : groupID + 8][t * 2 + (i & 1)];
    }
    emulator::LaunchOptions options;
    options.buffers = {over(fragmentsA), over(fragmentsB), over(fragmentsC), over(fragmentsD)};
    emulator::Report report = kernel.run(options);
    EXPECT_TRUE(report.completed && report.findings.empty()) << report.getText();
    EXPECT_EQ(report.counters.mma, 1u);
    for (int lane = 0; lane < 32; ++lane)
      for (int i = 0; i < 4; ++i) {
        int row = (lane >> 2) + (i < 2 ? 0 : 8), column = lane % 4 * 2 + (i & 1);
        double sum = c[row][column];
        for (int k = 0; k < 16; ++k)
          sum += double(a[row][k]) * b[k][column];
        EXPECT_EQ(fragmentsD[4 * lane + i], float(sum)) << isBf16 << " " << lane << " " << i;
      }
  }
}

// PTX ISA 9.7.14.5.7, fragments of mma.m16n8k8 with tf32: with groupID = laneid >> 2 and t = laneid % 4,
//   a_i: row = groupID for i in {0,2}, else groupID + 8; column = t for i < 2, else t + 4
//   b_i: row = t for i = 0, else t + 4; column = groupID
//   c_i: row = groupID for i < 2, else groupID + 8; column = t * 2 + (i & 1)
// and 9.7.9.22, cvt.rna.tf32.f32: to the nearest number with 10 bits of mantissa, ties away from zero.
TEST(Instruction, MmaM16N8K8OfTf32) {
  std::string body = std::string(kLane) + "%four = arith.constant 4 : i32\n%two = arith.constant 2 : i32\n" +
                     "%a4 = arith.muli %lane, %four : i32\n%b2 = arith.muli %lane, %two : i32\n";
  auto load = [&](const std::string &name, const std::string &base, const std::string &offset, int count,
                  bool convert) {
    for (int i = 0; i < count; ++i) {
      std::string n = name + std::to_string(i);
      body += "%p" + n + " = llvm.getelementptr " + base + "[" + offset +
              "] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32\n%q" + n + " = llvm.getelementptr %p" + n + "[" +
              std::to_string(i) + "] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32\n%" + (convert ? "f" : "") + n +
              " = llvm.load %q" + n + " : !llvm.ptr<1> -> f32\n";
      if (convert)
        body += "%" + n + " = nvvm.convert.float.to.tf32 %f" + n + " {rnd = #nvvm.fp_rnd_mode<rna>}\n";
    }
  };
  load("a", "%A", "%a4", 4, true);
  load("b", "%B", "%b2", 2, true);
  load("c", "%C", "%a4", 4, false);
  body += "%d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%c0, %c1, %c2, %c3] {layoutA = "
          "#nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, shape = #nvvm.shape<m = 16, n = 8, k = 8>, "
          "multiplicandAPtxType = #nvvm.mma_type<tf32>, multiplicandBPtxType = #nvvm.mma_type<tf32>} : (i32, i32, f32) "
          "-> !llvm.struct<(f32, f32, f32, f32)>\n";
  for (int i = 0; i < 4; ++i) {
    std::string n = std::to_string(i);
    body += "%d" + n + " = llvm.extractvalue %d[" + n + "] : !llvm.struct<(f32, f32, f32, f32)>\n%po" + n +
            " = llvm.getelementptr %D[%a4] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32\n%qo" + n +
            " = llvm.getelementptr %po" + n + "[" + n + "] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32\nllvm.store %d" + n +
            ", %qo" + n + " : f32, !llvm.ptr<1>\n";
  }
  TestKernel kernel(makeKernel("%A: !llvm.ptr<1>, %B: !llvm.ptr<1>, %C: !llvm.ptr<1>, %D: !llvm.ptr<1>", body));

  // Of sign * 1.m * 2^e with 23 bits of m, in integers: 10 bits are kept, and a half goes up.
  auto round = [](float value) {
    int exponent;
    double scaled = std::ldexp(std::frexp(std::fabs(double(value)), &exponent), 11);
    return float(std::copysign(std::ldexp(std::floor(scaled + 0.5), exponent - 11), value));
  };
  std::mt19937 random(12);
  std::uniform_real_distribution<float> any(-2, 2);
  float a[16][8], b[8][8], c[16][8];
  for (auto &row : a)
    for (float &x : row)
      x = any(random);
  for (auto &row : b)
    for (float &x : row)
      x = any(random);
  for (auto &row : c)
    for (float &x : row)
      x = any(random);
  // Ties, of which both neighbours are hit, and the next number up.
  a[0][0] = 1 + std::ldexp(1.0f, -11);
  a[1][1] = -1 - 3 * std::ldexp(1.0f, -11);
  b[2][2] = std::nextafter(1 + std::ldexp(1.0f, -11), 0.0f);
  b[3][3] = std::nextafter(2.0f, 0.0f);
  EXPECT_EQ(round(a[0][0]), 1 + std::ldexp(1.0f, -10));
  EXPECT_EQ(round(b[2][2]), 1.0f);
  EXPECT_EQ(round(b[3][3]), 2.0f);
  std::vector<float> fragmentsA(32 * 4), fragmentsB(32 * 2), fragmentsC(32 * 4), fragmentsD(32 * 4);
  for (int lane = 0; lane < 32; ++lane) {
    int groupID = lane >> 2, t = lane % 4;
    for (int i = 0; i < 4; ++i) {
      fragmentsA[4 * lane + i] = a[i == 0 || i == 2 ? groupID : groupID + 8][i < 2 ? t : t + 4];
      fragmentsC[4 * lane + i] = c[i < 2 ? groupID : groupID + 8][t * 2 + (i & 1)];
    }
    for (int i = 0; i < 2; ++i)
      fragmentsB[2 * lane + i] = b[i == 0 ? t : t + 4][groupID];
  }
  emulator::LaunchOptions options;
  options.buffers = {over(fragmentsA), over(fragmentsB), over(fragmentsC), over(fragmentsD)};
  emulator::Report report = kernel.run(options);
  EXPECT_TRUE(report.completed && report.findings.empty()) << report.getText();
  EXPECT_EQ(report.counters.mma, 1u);
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) {
      int row = (lane >> 2) + (i < 2 ? 0 : 8), column = lane % 4 * 2 + (i & 1);
      double sum = c[row][column];
      for (int k = 0; k < 8; ++k)
        sum += double(round(a[row][k])) * round(b[k][column]);
      EXPECT_EQ(fragmentsD[4 * lane + i], float(sum)) << lane << " " << i;
    }
}

// What cvt.rna.tf32.f32 makes of what is not a number, infinite, or close to it.
TEST(Instruction, ConvertToTf32) {
  TestKernel kernel(makeKernel("%in: !llvm.ptr<1>, %out: !llvm.ptr<1>", std::string(kLane) + R"(
    %p = llvm.getelementptr %in[%lane] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %x = llvm.load %p : !llvm.ptr<1> -> f32
    %y = nvvm.convert.float.to.tf32 %x {rnd = #nvvm.fp_rnd_mode<rna>}
    %q = llvm.getelementptr %out[%lane] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %y, %q : i32, !llvm.ptr<1>
  )"));
  std::vector<float> in(32, 0.0f);
  std::vector<uint32_t> out(32, 1);
  in[1] = -INFINITY;
  in[2] = std::numeric_limits<float>::max();
  in[3] = NAN;
  in[4] = -1.0f;
  in[5] = -0.0f;
  emulator::LaunchOptions options;
  options.buffers = {over(in), over(out)};
  EXPECT_TRUE(kernel.run(options).findings.empty());
  EXPECT_EQ(out[0], 0u);
  EXPECT_EQ(out[1], 0xff800000u);
  EXPECT_EQ(out[2], 0x7f800000u);
  EXPECT_EQ(out[3], 0x7fffffffu);
  EXPECT_EQ(out[4], 0xbf800000u);
  EXPECT_EQ(out[5], 0x80000000u);
}

// PTX ISA 9.7.9.25.3, cp.async: bytes past src-size are zeros; wait_group N leaves the N newest groups under way.
TEST(Instruction, CpAsync) {
  const char *text = R"(
  llvm.mlir.global internal @s() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i32>
  func.func @kernel(%in: !llvm.ptr<1>, %out: !llvm.ptr<1>, %bytes: i32) {
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %s = llvm.mlir.addressof @s : !llvm.ptr<3>
    %four = arith.constant 4 : i32
    %i = arith.muli %lane, %four : i32
    %to = llvm.getelementptr %s[%i] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %from = llvm.getelementptr %in[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    nvvm.cp.async.shared.global %to, %from, 16, cache = cg, %bytes : !llvm.ptr<3>, !llvm.ptr<1>, i32
    nvvm.cp.async.commit.group
    %to2 = llvm.getelementptr %to[128] : (!llvm.ptr<3>) -> !llvm.ptr<3>, i32
    nvvm.cp.async.shared.global %to2, %from, 4, cache = ca : !llvm.ptr<3>, !llvm.ptr<1>
    nvvm.cp.async.commit.group
    nvvm.cp.async.wait.group 1
    %v = llvm.load %to {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xi32>
    nvvm.cp.async.wait.group 0
    %w = llvm.load %to2 : !llvm.ptr<3> -> i32
    %p = llvm.getelementptr %out[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %v, %p {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
    %q = llvm.getelementptr %out[%lane] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    %r = llvm.getelementptr %q[128] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    llvm.store %w, %r : i32, !llvm.ptr<1>
    return
  })";
  TestKernel kernel(text);
  for (Landing landing : {Landing::Eager, Landing::Late})
    for (int bytes : {16, 8, 0}) {
      std::vector<int32_t> in(128), out(160, -1);
      for (int i = 0; i < 128; ++i)
        in[i] = 1000 + i;
      emulator::LaunchOptions options;
      options.landing = landing;
      options.buffers = {over(in), over(out)};
      emulator::Report report = kernel.run(options, {bytes});
      EXPECT_TRUE(report.completed && report.findings.empty()) << report.getText();
      for (int i = 0; i < 128; ++i)
        EXPECT_EQ(out[i], i % 4 * 4 < bytes ? in[i] : 0);
      for (int lane = 0; lane < 32; ++lane)
        EXPECT_EQ(out[128 + lane], in[4 * lane]);
    }
}

// ex2.approx.ftz.f32: 2^x within 2^-22, subnormals are zeros, exact where it is a power of two; rcp.approx.ftz.f32.
TEST(Instruction, Approximations) {
  TestKernel kernel(makeKernel("%in: !llvm.ptr<1>, %out: !llvm.ptr<1>", std::string(kLane) + R"(
    %p = llvm.getelementptr %in[%lane] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    %x = llvm.load %p : !llvm.ptr<1> -> f32
    %y = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"(%x) : (f32) -> f32
    %z = nvvm.rcp.approx.ftz.f %y : f32
    %q = llvm.getelementptr %out[%lane] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, f32
    llvm.store %y, %q : f32, !llvm.ptr<1>
    %r = llvm.getelementptr %q[32] : (!llvm.ptr<1>) -> !llvm.ptr<1>, f32
    llvm.store %z, %r : f32, !llvm.ptr<1>
  )"));
  std::vector<float> in(32), out(64);
  for (int lane = 0; lane < 32; ++lane)
    in[lane] = float(lane - 16) * 8.25f;
  in[30] = -INFINITY;
  in[31] = 1e-40f;
  emulator::LaunchOptions options;
  options.buffers = {over(in), over(out)};
  EXPECT_TRUE(kernel.run(options).findings.empty());
  for (int lane = 0; lane < 32; ++lane) {
    double exact = std::exp2(double(in[lane]));
    if (exact < std::ldexp(1.0, -126))
      exact = 0;
    EXPECT_NEAR(out[lane], exact, exact * std::ldexp(1.0, -22)) << in[lane];
    if (exact > 0 && exact < std::ldexp(1.0, 126))
      EXPECT_NEAR(out[32 + lane], 1 / exact, 2.5 * std::ldexp(1.0, -23) / exact) << in[lane];
  }
  EXPECT_EQ(out[30], 0.0f);
  EXPECT_EQ(out[31], 1.0f);
  EXPECT_EQ(out[32 + 30], INFINITY);
}

} // namespace
