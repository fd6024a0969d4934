// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The variables that sets of tiles are made of, what is known of them, and the tests for emptiness behind every proof.
#ifndef ATTN_LIB_ANALYSIS_TILESYSTEM_H
#define ATTN_LIB_ANALYSIS_TILESYSTEM_H

#include "LinearForm.h"

#include "mlir/Support/LLVM.h"

#include <optional>
#include <string>

namespace attn::masks {

enum class VariableKind {
  KeyTile,     ///< j, what intervals are over
  RowTile,     ///< i
  Symbol,      ///< known at run time
  Quotient,    ///< floor(form over row tile and symbols / constant)
  KeyQuotient, ///< the same with the key tile in it
  Existential, ///< some integer; to be eliminated
};

struct Variable {
  VariableKind kind;
  std::string name;
  /// Of quotients, and of existentials that stand for one: floor(numerator / denominator).
  LinearForm numerator;
  int64_t denominator = 0;
  /// What holds of an existential wherever it is used.
  Piece definition;
};

/// Tiles of `rowTile` rows and `keyTile` keys of a problem of N rows and M keys. Rows q of row tile i are
/// rowTile * i <= q < min(rowTile * (i + 1), N), counted from the op's first row; keys k of key tile j alike.
class TileSystem {
public:
  TileSystem(int64_t rowTile, int64_t keyTile, std::optional<int64_t> rows, std::optional<int64_t> keys);

  unsigned add(VariableKind kind, std::string name, LinearForm numerator = {}, int64_t denominator = 0);
  /// Known wherever a set is looked at.
  void assume(const Constraint &constraint) { context.push_back(constraint); }

  Variable &operator[](unsigned variable) { return variables[variable]; }
  unsigned size() const { return variables.size(); }
  bool is(unsigned variable, VariableKind kind) const { return variables[variable].kind == kind; }
  bool uses(const LinearForm &form, llvm::ArrayRef<VariableKind> kinds) const;

  /// floor(form / divisor) of a form without existentials; a quotient that is there already is used again.
  LinearForm floorDivide(LinearForm form, int64_t divisor);
  /// The same of any form; existentials get a new one.
  LinearForm floorDivideAny(const LinearForm &form, int64_t divisor);

  /// Adds what defines the existentials of `piece`, row and key always.
  Piece close(Piece piece) const;
  /// Divides by common factors, rounds inequalities to integers, merges what says the same. False: no point.
  bool normalize(Piece &piece) const;
  /// Whether `piece` is proved to hold no integer point, for any value of the symbols. `inRange`: where the key tile is
  /// known to be one of the problem.
  bool isEmpty(Piece piece, bool inRange = true);
  bool implies(const Piece &piece, const Constraint &constraint, bool inRange = true);
  /// Removes what the rest implies.
  void prune(Piece &piece);

  /// 0 <= tile, and the tile's first key is a key of the problem.
  Piece keyTileInRange(unsigned tile) const;

  std::string toString(const LinearForm &form) const;
  std::string toString(const Piece &piece) const;

  const int64_t rowTile, keyTile;
  unsigned j, i, rows, keys, row, key;
  /// Tests made so far, and how many of them asked for integers.
  unsigned numTests = 0, numIntegerTests = 0;

private:
  void define(const LinearForm &form, Piece &piece, std::vector<bool> &seen) const;

  std::vector<Variable> variables;
  Piece context;
};

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_TILESYSTEM_H
