// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "attn/Analysis/LoopSizes.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace attn {

SmallVector<LoopSource> getLoopSources(GenericOp op) {
  SmallVector<Value> tensors{op.getQuery(), op.getKey(), op.getValue()};
  llvm::append_range(tensors, op.getSimilarityOperands());
  llvm::append_range(tensors, op.getScoreOperands());
  llvm::append_range(tensors, op.getMaskOperands());
  llvm::append_range(tensors, op.getNormalizerOperands());
  llvm::append_range(tensors, op.getInits());

  SmallVector<LoopSource> sources(op.getNumLoops());
  SmallVector<int64_t> sizes(op.getNumLoops(), ShapedType::kDynamic);
  for (auto [tensor, attr] : llvm::zip(tensors, op.getIndexingMaps().getAsRange<AffineMapAttr>())) {
    auto type = cast<RankedTensorType>(tensor.getType());
    for (auto [dim, result] : llvm::enumerate(attr.getValue().getResults())) {
      unsigned loop = cast<AffineDimExpr>(result).getPosition();
      bool better = ShapedType::isDynamic(sizes[loop]) && !type.isDynamicDim(dim);
      if (sources[loop].tensor && !better)
        continue;
      sources[loop] = {tensor, static_cast<int64_t>(dim)};
      sizes[loop] = type.getDimSize(dim);
    }
  }
  return sources;
}

SmallVector<int64_t> getStaticLoopSizes(GenericOp op) {
  return llvm::map_to_vector(getLoopSources(op), [](const LoopSource &source) {
    return cast<RankedTensorType>(source.tensor.getType()).getDimSize(source.dim);
  });
}

unsigned getTiledRowLoop(const LoopInfo &loops, ArrayRef<int64_t> sizes) {
  auto length = [&](unsigned loop) {
    return ShapedType::isDynamic(sizes[loop]) ? std::numeric_limits<int64_t>::max() : sizes[loop];
  };
  unsigned best = loops.row.front();
  for (unsigned loop : loops.row)
    if (length(loop) >= length(best))
      best = loop;
  return best;
}

FloatType getAccumulatorType(GenericOp op) {
  for (Value tensor : {op.getQuery(), op.getKey(), op.getValue()})
    if (getElementTypeOrSelf(tensor.getType()).isF64())
      return Float64Type::get(op.getContext());
  return Float32Type::get(op.getContext());
}

} // namespace attn
