// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Masks as text, evaluated pair by pair, and the comparison of key ranges with that.
#ifndef ATTN_UNITTESTS_ANALYSIS_MASKFIXTURE_H
#define ATTN_UNITTESTS_ANALYSIS_MASKFIXTURE_H

#include "attn/Analysis/TileStates.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

namespace attn::test {

constexpr int64_t kMostRows = 14, kMostKeys = 17;
constexpr unsigned kBatch = 0, kRow = 1, kKey = 2;

/// What a mask depends on besides row and key.
struct Setting {
  int64_t batch = 0;
  /// The operand over b, then the captures %a, %b (index) and %n (i32).
  int64_t length = 0, captures[3] = {0, 0, 0};
  int64_t rowOffset = 0, keyOffset = 0;
};

/// Sums over everything that was compared, in key tiles counted from key 0.
struct Counts {
  int64_t needed = 0, visited = 0, unmasked = 0, full = 0, rowTiles = 0;
  int64_t inexact = 0, analyses = 0;
};

/// What is asked for beside soundness.
struct Options {
  /// Each visited granule holds a kept key.
  bool exact = true;
  /// Keys that all rows keep are not Partial, but for fewer than a key tile.
  bool full = true;
  /// Negative: all row tiles, key tiles, offsets and captures; else one combination of each.
  int variant = -1;
};
constexpr Options kSoundOnly{false, false};

class MaskFixture : public ::testing::Test {
protected:
  MaskFixture();

  /// Parses an attn.generic over (b, i, j, d, e) whose mask region is `body`. It sees %batch, %i, %j (index), the
  /// operands %length over b, %rowid over i and %keyid over j (i32), the captures %a and %b (index) and %n (i32), and
  /// yields %keep.
  GenericOp parse(const std::string &body, bool withOffsets);

  /// Compares ranges with the mask for small problems, captures and tiles.
  void check(const std::string &body) { check(body, Options()); }
  void check(const std::string &body, Options options);

  MaskProblem makeProblem(GenericOp op, int64_t rowTile, int64_t keyTile);

  Counts counts;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;

private:
  void checkSetting(const KeyRanges &ranges, const MaskProblem &problem, const bool (&keep)[kMostRows][kMostKeys],
                    const Setting &setting, Options options);
  void checkTile(const KeyRanges &ranges, const KeyRangeValues &values, int64_t keyTile, int64_t keys, Options options,
                 const std::vector<bool> &keptByAny, const std::vector<bool> &keptByAll);
};

/// Runs integer arithmetic of a mask region.
int64_t evaluate(mlir::Value value, GenericOp op, const Setting &setting, int64_t row, int64_t key);

} // namespace attn::test

#endif // ATTN_UNITTESTS_ANALYSIS_MASKFIXTURE_H
