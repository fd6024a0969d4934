// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each detector: a kernel that is right and finds nothing, and the smallest change that it must catch, under several
// schedules: what is found does not depend on who came first.
#include "KernelFixture.h"

#include "gtest/gtest.h"

using namespace attn;
using namespace attn::test;
using emulator::Detector;

namespace {

/// 64 threads. Each writes its word of shared memory, `between`, reads the word of thread `from`, and stores it.
std::string makeExchange(const std::string &between, const std::string &before = "", const std::string &from = R"(
    %sixtythree = arith.constant 63 : i32
    %from = arith.subi %sixtythree, %tid : i32)") {
  return R"(
  llvm.mlir.global internal @s() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<64 x i32>
  func.func @kernel(%out: !llvm.ptr<1>) {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c32 = arith.constant 32 : i32
    %all = arith.constant -1 : i32
    %s = llvm.mlir.addressof @s : !llvm.ptr<3>
    %mine = llvm.getelementptr %s[%tid] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
)" + before +
         "llvm.store %tid, %mine : i32, !llvm.ptr<3>\n" + between + from + R"(
    %theirs = llvm.getelementptr %s[%from] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %v = llvm.load %theirs : !llvm.ptr<3> -> i32
    %p = llvm.getelementptr %out[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %v, %p : i32, !llvm.ptr<1>
    return
  })";
}

/// Runs under five schedules; all of them must find the same kinds of thing: returned.
std::vector<Detector> find(const std::string &text, size_t words = 64, std::array<int32_t, 3> grid = {1, 1, 1},
                           std::string *message = nullptr) {
  TestKernel kernel(text);
  EXPECT_EQ(kernel.getError(), "");
  std::vector<Detector> first;
  for (uint64_t seed = 0; seed < 5; ++seed) {
    std::vector<int32_t> out(words);
    emulator::LaunchOptions options;
    options.grid = grid;
    options.block = {64, 1, 1};
    options.seed = seed;
    options.buffers = {over(out)};
    emulator::Report report = kernel.run(options);
    std::vector<Detector> found;
    for (Detector detector : {Detector::Race, Detector::Wait, Detector::Uninitialised, Detector::OutOfBounds,
                              Detector::Misaligned, Detector::Divergence, Detector::Deadlock})
      if (report.has(detector))
        found.push_back(detector);
    EXPECT_EQ(report.findings.empty(), report.total == 0);
    if (seed)
      EXPECT_EQ(found, first) << report.getText();
    first = found;
    if (message)
      *message = report.getText();
  }
  return first;
}

using Found = std::vector<Detector>;
const char *const kNeighbour = R"(
    %from = arith.xori %tid, %c1 : i32)";

TEST(Detector, BarrierOrders) { EXPECT_EQ(find(makeExchange("nvvm.barrier0\n")), Found()); }

// One order or the other: the schedule decides whether the read comes before the write, which it never saw.
TEST(Detector, RaceWithoutBarrier) {
  TestKernel kernel(makeExchange(""));
  for (uint64_t seed = 0; seed < 5; ++seed) {
    std::vector<int32_t> out(64);
    emulator::LaunchOptions options;
    options.block = {64, 1, 1};
    options.seed = seed;
    options.buffers = {over(out)};
    emulator::Report report = kernel.run(options);
    EXPECT_TRUE(report.has(Detector::Race)) << report.getText();
    EXPECT_TRUE(report.completed);
  }
}

TEST(Detector, RaceSaysWhoAndWhere) {
  std::string message;
  TestKernel kernel(makeExchange(""));
  std::vector<int32_t> out(64);
  emulator::LaunchOptions options;
  options.block = {64, 1, 1};
  options.buffers = {over(out)};
  message = kernel.run(options).getText();
  // Thread 32 is the first whose partner has already written: line and column of the load, then of the store.
  EXPECT_NE(message.find("race: llvm.load at kernel.mlir:"), std::string::npos) << message;
  EXPECT_NE(
      message.find("thread 32: reads byte 124 of shared memory that thread 31 writes at llvm.store at kernel.mlir:"),
      std::string::npos)
      << message;
}

TEST(Detector, WarpSyncOrdersLanes) {
  EXPECT_EQ(find(makeExchange("nvvm.bar.warp.sync %all : i32\n", "", kNeighbour)), Found());
}

// A shuffle brings lanes together and orders no memory.
TEST(Detector, ShuffleOrdersNothing) {
  EXPECT_EQ(find(makeExchange("%x = nvvm.shfl.sync bfly %all, %tid, %c1, %c32 : i32 -> i32\n", "", kNeighbour)),
            Found{Detector::Race});
}

// bar.warp.sync orders a warp, not the block.
TEST(Detector, WarpSyncIsNotABarrier) {
  TestKernel kernel(makeExchange("nvvm.bar.warp.sync %all : i32\n"));
  std::vector<int32_t> out(64);
  emulator::LaunchOptions options;
  options.block = {64, 1, 1};
  options.buffers = {over(out)};
  EXPECT_TRUE(kernel.run(options).has(Detector::Race));
}

// Two blocks write the same words of global memory.
TEST(Detector, RaceBetweenBlocks) {
  std::string text = makeExchange("nvvm.barrier0\n");
  EXPECT_EQ(find(text, 64, {2, 1, 1}), Found{Detector::Race});
}

TEST(Detector, Uninitialised) {
  EXPECT_EQ(find(makeExchange("nvvm.barrier0\n", R"(
    %early = llvm.load %mine : !llvm.ptr<3> -> i32
)")),
            Found{Detector::Uninitialised});
}

TEST(Detector, OutOfBoundsShared) {
  std::string message;
  EXPECT_EQ(find(makeExchange("nvvm.barrier0\n", "", R"(
    %from = arith.addi %tid, %c1 : i32)"),
                 64, {1, 1, 1}, &message),
            Found{Detector::OutOfBounds});
  EXPECT_NE(message.find("thread 63: reads 4 bytes from byte 256 of shared memory, which has 256"), std::string::npos)
      << message;
}

TEST(Detector, OutOfBoundsGlobal) {
  std::string message;
  EXPECT_EQ(find(makeExchange("nvvm.barrier0\n"), 63, {1, 1, 1}, &message), Found{Detector::OutOfBounds});
  EXPECT_NE(message.find("byte 252 of a buffer that has 252"), std::string::npos) << message;
}

TEST(Detector, WritesToReadOnlyBuffer) {
  TestKernel kernel(makeExchange("nvvm.barrier0\n"));
  std::vector<int32_t> out(64);
  emulator::LaunchOptions options;
  options.block = {64, 1, 1};
  options.buffers = {{out.data(), 256, /*writable=*/false}};
  emulator::Report report = kernel.run(options);
  EXPECT_TRUE(report.has(Detector::OutOfBounds)) << report.getText();
  EXPECT_FALSE(report.completed);
}

TEST(Detector, Misaligned) {
  EXPECT_EQ(find(makeExchange("nvvm.barrier0\n", R"(
    %odd = llvm.getelementptr %out[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i8
    %early = llvm.load %odd : !llvm.ptr<1> -> i16
)")),
            Found{Detector::Misaligned});
}

// Half of the threads do not come to the barrier: whole warps, so no warp is torn apart.
TEST(Detector, Deadlock) {
  std::string message;
  EXPECT_EQ(find(makeExchange(R"(
    %first = arith.cmpi ult, %tid, %c32 : i32
    scf.if %first {
      nvvm.barrier0
    }
)",
                              "", "%from = arith.addi %tid, %c0 : i32"),
                 64, {1, 1, 1}, &message),
            Found{Detector::Deadlock});
  EXPECT_NE(message.find("32 at nvvm.barrier0"), std::string::npos) << message;
  EXPECT_NE(message.find("32 have returned"), std::string::npos) << message;
}

// Lanes of one warp at two barriers.
TEST(Detector, DivergenceAtBarrier) {
  EXPECT_EQ(find(makeExchange(R"(
    %first = arith.cmpi ult, %tid, %c1 : i32
    scf.if %first {
      nvvm.barrier0
    } else {
      nvvm.barrier0
    }
)")),
            Found{Detector::Divergence});
}

// One lane leaves the others alone in a shuffle.
TEST(Detector, DivergenceAtShuffle) {
  EXPECT_EQ(find(makeExchange(R"(
    %first = arith.cmpi ult, %tid, %c1 : i32
    scf.if %first {
    } else {
      %x = nvvm.shfl.sync bfly %all, %tid, %c1, %c32 : i32 -> i32
      scf.yield
    }
)",
                              "", "%from = arith.addi %tid, %c0 : i32")),
            Found{Detector::Divergence});
}

/// Each thread copies 16 bytes, `afterCopy`, and reads its own.
std::string makeCopy(const std::string &afterCopy, const std::string &index = "%tid") {
  return R"(
  llvm.mlir.global internal @s() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<256 x i32>
  func.func @kernel(%io: !llvm.ptr<1>) {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %c1 = arith.constant 1 : i32
    %c4 = arith.constant 4 : i32
    %s = llvm.mlir.addressof @s : !llvm.ptr<3>
    %i = arith.muli %tid, %c4 : i32
    %to = llvm.getelementptr %s[%i] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %from = llvm.getelementptr %io[%i] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    nvvm.cp.async.shared.global %to, %from, 16, cache = cg : !llvm.ptr<3>, !llvm.ptr<1>
)" + afterCopy +
         R"(
    %other = arith.xori %tid, %c1 : i32
    %j = arith.muli )" +
         index + R"(, %c4 : i32
    %read = llvm.getelementptr %s[%j] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    %v = llvm.load %read : !llvm.ptr<3> -> i32
    %p = llvm.getelementptr %from[1] : (!llvm.ptr<1>) -> !llvm.ptr<1>, i32
    llvm.store %v, %p : i32, !llvm.ptr<1>
    return
  })";
}

TEST(Detector, WaitedFor) {
  EXPECT_EQ(find(makeCopy("nvvm.cp.async.commit.group\nnvvm.cp.async.wait.group 0\n"), 256), Found());
  EXPECT_EQ(find(makeCopy("nvvm.cp.async.commit.group\nnvvm.cp.async.wait.group 0\nnvvm.barrier0\n", "%other"), 256),
            Found());
}

TEST(Detector, WrongWait) {
  EXPECT_EQ(find(makeCopy(""), 256), Found{Detector::Wait});
  EXPECT_EQ(find(makeCopy("nvvm.cp.async.commit.group\n"), 256), Found{Detector::Wait});
  EXPECT_EQ(find(makeCopy("nvvm.cp.async.commit.group\nnvvm.cp.async.wait.group 1\n"), 256), Found{Detector::Wait});
  // A wait counts only what was committed.
  EXPECT_EQ(find(makeCopy("nvvm.cp.async.wait.group 0\n"), 256), Found{Detector::Wait});
}

// 32 lanes of one column of a matrix with rows of 32 words: one bank, 31 more passes than needed, for each warp.
TEST(Detector, BankConflicts) {
  auto count = [](int stride) {
    TestKernel kernel(R"(
  llvm.mlir.global external @s() {addr_space = 3 : i32, alignment = 16 : i64} : !llvm.array<0 x i32>
  func.func @kernel(%stride: i32) {
    %lane = nvvm.read.ptx.sreg.laneid : i32
    %s = llvm.mlir.addressof @s : !llvm.ptr<3>
    %i = arith.muli %lane, %stride : i32
    %to = llvm.getelementptr %s[%i] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
    llvm.store %lane, %to : i32, !llvm.ptr<3>
    return
  })");
    emulator::LaunchOptions options;
    options.dynamicSharedBytes = 32 * 33 * 4;
    emulator::Report report = kernel.run(options, {stride});
    EXPECT_TRUE(report.completed && report.findings.empty()) << report.getText();
    return report.counters.bankConflicts;
  };
  EXPECT_EQ(count(32), 31u);
  EXPECT_EQ(count(33), 0u);
  EXPECT_EQ(count(1), 0u);
  EXPECT_EQ(count(2), 1u);
}

} // namespace
