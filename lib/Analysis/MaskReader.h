// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The mask region of an attention op as unions of linear constraints.
#ifndef ATTN_LIB_ANALYSIS_MASKREADER_H
#define ATTN_LIB_ANALYSIS_MASKREADER_H

#include "TileSystem.h"
#include "attn/Analysis/KeyRanges.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

#include <set>

namespace attn::masks {

/// Reads backwards from the yield. What is not understood becomes an unknown integer (an existential without
/// definition), which makes the pairs that may be kept and those that may be masked more, never fewer.
class MaskReader {
public:
  MaskReader(TileSystem &system, const MaskProblem &problem);

  /// The pairs (row, key) of the problem that the mask may keep, or that it may mask.
  Union read(bool kept);

  /// What each variable of kind RowTile or Symbol is.
  llvm::DenseMap<unsigned, KeyRangeSymbol> symbols;
  /// Symbols of 64 bits that what was read holds for only between -limit and limit; those of `far` that are not here
  /// are compared with positions as they are, and may be replaced by any number beyond kMostNear.
  std::set<unsigned> limited;
  int64_t limit = kMostSymbol;
  /// Variables that may be any number of 64 bits.
  std::set<unsigned> far;
  static constexpr int64_t kMostSymbol = int64_t(1) << 40, kMostNear = int64_t(1) << 39;

  /// Why something was not understood, each reason once.
  std::vector<KeyRangeReason> reasons;

private:
  /// A value by cases: the form holds where the piece does. Cases cover everything and do not overlap.
  using Cases = std::vector<std::pair<Piece, LinearForm>>;

  Union readBool(mlir::Value value, bool wanted);
  /// left < right if `strict`, else left <= right, as signed numbers.
  Union readOrder(mlir::Value left, mlir::Value right, bool strict);
  Union readComparison(mlir::arith::CmpIOp comparison, bool wanted);
  Union readExclusiveOr(mlir::Value lhs, mlir::Value rhs, bool wanted);
  /// An i1 that is none of the known ops, as a variable that is 0 or 1.
  Union readFlag(mlir::Value value, bool wanted);
  Cases readInteger(mlir::Value value);
  std::optional<Cases> readKnown(mlir::Value value);
  std::optional<Cases> readDivision(mlir::Operation *division, int64_t divisor);
  std::optional<Cases> readSelection(mlir::arith::SelectOp selection);
  Cases readPosition(unsigned loop);
  std::optional<Cases> combine(mlir::Value lhs, mlir::Value rhs,
                               llvm::function_ref<void(Piece, const LinearForm &, const LinearForm &, Cases &)> add);
  /// The largest size of a form's value if that of each limited symbol is `ofSymbols`.
  double getSize(const LinearForm &form, double ofSymbols);
  /// Whether 64-bit arithmetic gives the value of `form`; lowers the limit of its symbols for that.
  bool fits(const LinearForm &form);
  /// The form is compared or divided: its far symbols have to be the very number.
  void limitSymbols(const LinearForm &form);
  /// Two forms are compared.
  void noteComparison(const LinearForm &a, const LinearForm &b);
  bool isFar(mlir::Value value);
  /// Whether the form sees a far variable, or is one.
  bool hasFar(const LinearForm &form);
  bool isAlone(const LinearForm &form);

  LinearForm getOffset(unsigned loop, KeyRangeSymbol::Kind kind, const char *name);

  /// A variable for `value`: a symbol where the value is the same for all pairs, else an unknown.
  unsigned getVariable(mlir::Value value);
  /// What explanations call a symbol (ExplainMask.h).
  std::string getName(mlir::Value value);
  bool dependsOnPair(mlir::Value value);
  /// Whether the ops behind `value` may run outside of the region.
  bool canRunOutside(mlir::Value value);
  /// A constant that a form can hold, also of a captured constant.
  std::optional<int64_t> getConstant(mlir::Value value);
  mlir::BlockArgument asOperandOrCapture(mlir::Value value);
  void giveReason(mlir::Value value);

  /// Drops empty pieces. A union of too many becomes everything.
  Union simplify(Union pieces);
  Union intersect(const Union &a, const Union &b);

  TileSystem &system;
  MaskProblem problem;
  ScoredOpInterface op;
  std::map<void *, Cases> integers;
  llvm::DenseMap<mlir::Value, unsigned> variables;
  llvm::DenseMap<mlir::Value, bool> pairDependence;
  std::map<unsigned, unsigned> offsets;
};

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_MASKREADER_H
