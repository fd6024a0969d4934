// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One tile of query rows while attn.generic is being tiled: its place in the problem, and slices of operands.
#ifndef ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_ROWTILE_H
#define ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_ROWTILE_H

#include "attn/Dialect/Attention/IR/Attention.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/PatternMatch.h"

namespace attn {

/// Rows of a tile, at most: 64 rows share each load of K and V; twice as many gained nothing on AVX-512 and cost L2.
constexpr int64_t kMostRows = 64;

/// A tensor and which loops of the attention op its dimensions are.
struct TileOperand {
  mlir::Value value;
  mlir::AffineMap map;
};

/// Keys [start, start + count) of the op, counted from its first key.
struct KeyTile {
  mlir::OpFoldResult start, count;
};

/// Where a row tile is. `position` is what attn.index gives for the tile's first element: the op's offset included.
class RowTile {
public:
  /// `fixed` gives a value to each batch loop and each row loop but `rowLoop`, whose tiles have `rowTile` rows;
  /// `tileNumber` counts those.
  RowTile(mlir::RewriterBase &rewriter, GenericOp op, unsigned rowLoop, PlanAttr plan,
          llvm::ArrayRef<mlir::OpFoldResult> sizes, const llvm::DenseMap<unsigned, mlir::Value> &fixed,
          mlir::Value tileNumber);

  /// Position along `loop` of an element that is `local` elements into the op.
  mlir::OpFoldResult getPosition(unsigned loop, mlir::OpFoldResult local);
  /// Positions of the first element along every loop, as operands of a tile op.
  llvm::SmallVector<mlir::Value> getOffsets(const KeyTile &keys);

  /// The part of an operand of the op (with its indexing map) that this tile and `keys` need. Fixed loops disappear. Of
  /// an operand with an elementwise producer just this part is made, in scratch (Producers.h).
  TileOperand slice(mlir::Value tensor, mlir::AffineMap map, const KeyTile *keys = nullptr);
  /// Offsets, sizes and strides of `slice`. Dimensions of `tensor` behind those of the map, which are static, are
  /// whole.
  void getSlice(mlir::Value tensor, mlir::AffineMap map, const KeyTile *keys,
                llvm::SmallVectorImpl<mlir::OpFoldResult> &offsets, llvm::SmallVectorImpl<mlir::OpFoldResult> &sizes,
                llvm::SmallVectorImpl<mlir::OpFoldResult> &strides);

  /// Copies a slice of the op's operand `number` (in the order of its maps) to a scratch tile that has the rows where
  /// the plan's orientation wants them: last, so that lanes are rows, or first. Lanes beyond the rows of this tile hold
  /// zeros. `convert` makes the value to store, of type `elementType`, from the value read.
  TileOperand pack(unsigned number, const TileOperand &slice, const KeyTile *keys, mlir::Type elementType,
                   llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location, mlir::Value)> convert);
  /// The slice of operand `number`, packed where it is over rows and its lanes do not lie as in a packed one.
  TileOperand load(unsigned number, mlir::Value tensor, const KeyTile *keys = nullptr);
  /// A slice of K or V in the accumulator's type. Where lanes are rows, a narrower one is converted to a scratch tile
  /// once per key tile: converted where it is read, each element would be converted for every register tile. Few rows
  /// (rows_major) read each element once or twice; there it stays as it is.
  TileOperand widen(const TileOperand &slice, const KeyTile &keys);
  /// This tile where it has at most `rows` rows, with scratch of that many. What plan and mask say of row tiles goes on
  /// to count by the whole ones.
  RowTile makeShort(int64_t rows) const;
  /// The map of the op's operand `number`.
  mlir::AffineMap getOpMap(unsigned number) {
    return llvm::cast<mlir::AffineMapAttr>(op.getIndexingMaps()[number]).getValue();
  }

  /// `tensor`, filled with `value`. The role keeps fills for different ends apart: if common ones were merged, the
  /// first to overwrite its own would have to copy it.
  mlir::linalg::FillOp fill(mlir::Value tensor, mlir::Value value, llvm::StringRef role);
  /// A new tensor filled with `value`.
  mlir::Value filled(llvm::ArrayRef<int64_t> shape, mlir::Value value, llvm::StringRef role);
  mlir::Value zero(mlir::Type type);
  mlir::Value index(mlir::OpFoldResult value);
  /// The lanes of a tensor over [.., rows] that are rows of this tile.
  mlir::Value getValidRows(mlir::Value tensor);
  /// Whether lanes are rows: then rows are the last dimension of a tile, else the first.
  bool hasRowsLast() const { return plan.getOrientation() == Orientation::RowsMinor; }
  /// Shape of a tile over the rows and `size` elements of another loop.
  llvm::SmallVector<int64_t> getShape(int64_t size) const {
    return hasRowsLast() ? llvm::SmallVector<int64_t>{size, plan.getRows()}
                         : llvm::SmallVector<int64_t>{plan.getRows(), size};
  }
  /// Map of such a tile, over the loops of the op.
  mlir::AffineMap getTileMap(unsigned loop) {
    return hasRowsLast() ? getMap({loop, rowLoop}) : getMap({rowLoop, loop});
  }
  /// Whether every tile has all of its rows.
  bool isAlwaysWhole() const { return mlir::getConstantIntValue(numRows) == plan.getRows(); }
  bool isFixed(unsigned loop) const { return fixed.contains(loop); }
  mlir::Value getFixed(unsigned loop) const { return fixed.lookup(loop); }
  /// Map over the loops of the op with these loops as results.
  mlir::AffineMap getMap(llvm::ArrayRef<unsigned> results);

  mlir::RewriterBase &rewriter;
  mlir::Location loc;
  GenericOp op;
  LoopInfo loops;
  unsigned rowLoop;
  /// The plan, with the rows of this tile's scratch; and as it was chosen.
  PlanAttr plan, chosenPlan;
  mlir::FloatType accumulator;
  /// Size of each loop of the op.
  llvm::SmallVector<mlir::OpFoldResult> sizes;
  /// The tile's number; its first row, counted from the op's first; and the number of its rows.
  mlir::OpFoldResult number, rowStart, numRows;
  /// Where keys are divided among threads: the number of parts, and, inside of the loop over them, which one this is.
  mlir::Value numSplits, split;

private:
  /// Role `produce`: the part of the result of `producer`, an operand with this map, that `slice` is asked for.
  TileOperand produce(mlir::linalg::GenericOp producer, mlir::AffineMap map, const KeyTile *keys);
  /// What produce() made of `producer` where that can be seen from here; null if there is none.
  const TileOperand *findProduced(mlir::linalg::GenericOp producer, mlir::AffineMap map);

  llvm::DenseMap<unsigned, mlir::Value> fixed;
  /// Parts over rows that were produced before, by producer: several readers share one.
  llvm::DenseMap<std::pair<mlir::Operation *, mlir::AffineMap>, TileOperand> produced;
};

/// Name of the attribute that says which operand of attn.generic, by the number of its map, is packed.
inline constexpr llvm::StringLiteral kOperandName = "attn.operand";

} // namespace attn

#endif // ATTN_LIB_DIALECT_ATTENTION_TRANSFORMS_ROWTILE_H
