// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A kernel that the compiler wrote, right and with one mistake put into it, under the emulator. The tables of mutations
// say what must see each mistake; "numbers" is the comparison with float64.
#include "KernelMutations.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace attn;
using namespace attn::test;

namespace {

/// Row i of N sees keys j <= i + p: the diagonal cuts tiles, as does the end of M. D = 64, so that rows are swizzled.
/// The plan is the compiler's with half of its keys a tile, so that there is less of a kernel to bring into this
/// process.
constexpr const char *kShifted = R"(
func.func @shifted(%q: tensor<?x64xf16> {attn.name = "q"}, %k: tensor<?x64xf16> {attn.name = "k"},
                   %v: tensor<?x64xf16> {attn.name = "v"}, %p: index {attn.name = "p"})
    -> (tensor<?x64xf16> {attn.name = "out"}, tensor<?xf32> {attn.name = "lse"}) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %q, %c0 : tensor<?x64xf16>
  %init = tensor.empty(%n) : tensor<?x64xf16>
  %rows = tensor.empty(%n) : tensor<?xf32>
  %r:2 = attn.generic ins(%q, %k, %v : tensor<?x64xf16>, tensor<?x64xf16>, tensor<?x64xf16>) captures(%p : index)
    outs(out %init : tensor<?x64xf16>, lse %rows : tensor<?xf32>)
    maps [affine_map<(i, j, d, e) -> (i, d)>, affine_map<(i, j, d, e) -> (j, d)>, affine_map<(i, j, d, e) -> (j, e)>,
          affine_map<(i, j, d, e) -> (i, e)>, affine_map<(i, j, d, e) -> (i)>]
    scale(0.125) normalizer(#attn.softmax)
    {attn.plan = #attn.plan<online, rows_major, rows = 64, keys = 32, lanes = 32, register_tile = [16, 8],
                            precision = f16, warps = 4, stages = 2>}
    mask {
    ^bb0(%past: index):
      %i = attn.index 0
      %j = attn.index 1
      %last = arith.addi %i, %past : index
      %keep = arith.cmpi sle, %j, %last : index
      attn.yield %keep : i1
    }
  return %r#0, %r#1 : tensor<?x64xf16>, tensor<?xf32>
}
)";

/// Two row tiles, the second with a tail. The first sees one whole key tile and three that the diagonal cuts, the
/// second three whole ones and one that the diagonal and the end of the keys cut: in both loops a stage is filled
/// again, and the second loop begins in the stage in which the first one ends. Scores reach about 5: maxima move from
/// tile to tile.
std::vector<std::string> makeCall(llvm::StringRef more = "") {
  std::vector<std::string> words = {"--shape=q=70x64", "--shape=k=102x64", "--shape=v=102x64", "--arg=p=37",
                                    "--fill=q=-6..6"};
  if (!more.empty())
    words.push_back(more.str());
  return words;
}

/// Compiled once for all tests of this process.
CompiledKernel &getKernel() {
  static CompiledKernel kernel(kShifted);
  return kernel;
}

std::vector<KernelMutation> getMutations() {
  std::vector<KernelMutation> all(getTileMutations().begin(), getTileMutations().end());
  all.insert(all.end(), getThreadMutations().begin(), getThreadMutations().end());
  return all;
}

TEST(Compiled, IsCleanAsItIs) {
  std::set<llvm::StringRef> calls = {""};
  for (const KernelMutation &mutation : getMutations())
    calls.insert(mutation.call);
  for (llvm::StringRef more : calls) {
    Outcome outcome = getKernel().run(makeCall(more));
    EXPECT_EQ(outcome.error, "");
    // With NaN in V rows are done again key by key.
    outcome.caught.erase(more.empty() ? "" : "element loads");
    EXPECT_TRUE(outcome.caught.empty()) << more.str() << outcome.text;
  }
}

class CompiledMutation : public testing::TestWithParam<KernelMutation> {};

TEST_P(CompiledMutation, IsCaught) {
  const KernelMutation &mutation = GetParam();
  Outcome outcome = getKernel().run(makeCall(mutation.call), mutation.level, mutation.apply);
  ASSERT_EQ(outcome.error, "");
  EXPECT_EQ(llvm::join(outcome.caught, ", "), mutation.caughtBy) << mutation.name << '\n' << outcome.text;
}

INSTANTIATE_TEST_SUITE_P(All, CompiledMutation, testing::ValuesIn(getMutations()),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(Compiled, ChangeThatFindsNothingIsAnError) {
  Outcome outcome = getKernel().run(makeCall(), Level::Thread, [](mlir::ModuleOp) { return false; });
  EXPECT_TRUE(llvm::StringRef(outcome.error).contains("finds nothing to change")) << outcome.error;
}

// docs/Emulator.md has the same table.
TEST(Compiled, MutationsAreDocumented) {
  auto file = llvm::MemoryBuffer::getFile(ATTN_DOCS "/Emulator.md");
  ASSERT_TRUE(static_cast<bool>(file));
  llvm::StringRef text = (*file)->getBuffer();
  std::string table = "| mistake | what is wrong | seen by |\n|---|---|---|\n";
  for (const KernelMutation &mutation : getMutations())
    table += std::string("| ") + mutation.name + " | " + mutation.what + " | " + mutation.caughtBy + " |\n";
  EXPECT_TRUE(text.contains(table)) << "expects this table:\n" << table;
}

} // namespace
