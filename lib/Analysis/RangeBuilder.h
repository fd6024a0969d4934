// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Intervals and runs as steps and segments of KeyRanges.
#ifndef ATTN_LIB_ANALYSIS_RANGEBUILDER_H
#define ATTN_LIB_ANALYSIS_RANGEBUILDER_H

#include "IntervalPlan.h"
#include "attn/Analysis/KeyRanges.h"

namespace attn::masks {

class RangeBuilder {
public:
  /// `keyTile` is that of the plan; the system's may be 1.
  RangeBuilder(TileSystem &system, const llvm::DenseMap<unsigned, KeyRangeSymbol> &symbols, int64_t keyTile,
               mlir::MLIRContext *context, KeyRanges &ranges);

  /// Segments of keys: the system's tiles are single keys.
  void addRuns(llvm::ArrayRef<Run> runs, bool canBeFull);
  /// One segment of key tiles, each of which is tested.
  void addTested(const std::vector<TileInterval> &visited, const std::vector<TileInterval> &masked, bool isOneRun,
                 bool canBeFull);
  /// Visits every key with the mask unless the variables `limited` lie between -limit and limit.
  void addFallback(const std::set<unsigned> &limited, int64_t limit);
  /// Whether no step leaves 62 bits where the variables `far` lie between -most and most.
  bool fits(const std::set<unsigned> &far, int64_t most);
  /// Drops symbols that nobody reads, and numbers steps behind the others.
  void finish();

private:
  mlir::AffineExpr constant(int64_t value) { return mlir::getAffineConstantExpr(value, context); }
  mlir::AffineExpr toExpr(const LinearForm &form);
  mlir::AffineExpr addStep(KeyRangeStep::Kind kind, llvm::ArrayRef<mlir::AffineExpr> exprs);
  mlir::AffineExpr max(llvm::ArrayRef<mlir::AffineExpr> exprs) { return addStep(KeyRangeStep::Kind::Max, exprs); }
  mlir::AffineExpr min(llvm::ArrayRef<mlir::AffineExpr> exprs) { return addStep(KeyRangeStep::Kind::Min, exprs); }
  /// condition >= 0 ? a : b
  mlir::AffineExpr select(mlir::AffineExpr condition, mlir::AffineExpr a, mlir::AffineExpr b);
  /// The number of the step that holds `expr`.
  unsigned asStep(mlir::AffineExpr expr);

  mlir::AffineExpr getStart(const TileInterval &interval, bool withZero);
  /// First tile and end; the end is at most the first tile where the interval is empty.
  std::pair<mlir::AffineExpr, mlir::AffineExpr> getEnds(const TileInterval &interval);
  std::pair<mlir::AffineExpr, mlir::AffineExpr> getHull(llvm::ArrayRef<const TileInterval *> intervals);
  void addRun(const Run &run, mlir::AffineExpr start, mlir::AffineExpr end, bool canBeFull);
  bool isNeverNegative(llvm::ArrayRef<const TileInterval *> intervals);
  double getSize(mlir::AffineExpr expr, llvm::function_ref<double(unsigned symbol)> ofSymbol);
  KeyTileTest makeTest(const TileInterval &interval);

  TileSystem &system;
  const llvm::DenseMap<unsigned, KeyRangeSymbol> &symbolKinds;
  int64_t keyTile;
  mlir::MLIRContext *context;
  KeyRanges &ranges;
  /// Steps that hold an expression which is no minimum, maximum or selection.
  llvm::DenseMap<mlir::AffineExpr, unsigned> stepOf;
  /// Symbols of affine expressions until finish(): variables of the system by number, then steps.
  static constexpr unsigned kFirstStep = 1 << 20;
};

} // namespace attn::masks

#endif // ATTN_LIB_ANALYSIS_RANGEBUILDER_H
