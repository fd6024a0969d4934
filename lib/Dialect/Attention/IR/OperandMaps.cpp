// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "OperandMaps.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace attn {

Type getElementType(Value tensor) { return cast<RankedTensorType>(tensor.getType()).getElementType(); }

LogicalResult verifyNoStrayAttributes(Operation *op) {
  for (NamedAttribute attribute : op->getDiscardableAttrs()) {
    StringRef name = attribute.getName();
    if (name == kPlanName && !isa<PlanAttr>(attribute.getValue()))
      return op->emitOpError("expects '") << name << "' to be #attn.plan<..>, got " << attribute.getValue();
    // Other dialects' attributes are theirs to check.
    if (!name.contains('.') || (name.starts_with("attn.") && name != kPlanName && name != "attn.checked"))
      return op->emitOpError("expects no attribute '") << name << "', which nothing would honour";
  }
  return success();
}

void OperandMaps::add(Value tensor, const Twine &name, unsigned trailing) {
  operands.push_back({tensor, name.str(), numMaps++, trailing});
}

void OperandMaps::addEach(ValueRange tensors, StringRef name) {
  for (auto [number, tensor] : llvm::enumerate(tensors))
    add(tensor, name + " " + Twine(number));
}

void OperandMaps::addElementOperands(ScoredOpInterface scored) {
  addEach(scored.getSimilarityOperands(), "similarity operand");
  addEach(scored.getScoreOperands(), "score operand");
  addEach(scored.getMaskOperands(), "mask operand");
}

void OperandMaps::addShared(ValueRange tensors, StringRef name) {
  for (auto [number, tensor] : llvm::enumerate(tensors))
    operands.push_back({tensor, (name + " " + Twine(number)).str(), numMaps, 0});
  if (tensors.empty())
    operands.push_back({Value(), name.str(), numMaps, 0});
  ++numMaps;
}

LogicalResult OperandMaps::verifyMaps(StringRef order) {
  if (maps.size() != numMaps)
    return op->emitOpError("expects ") << numMaps << " indexing maps (" << order << "), got " << maps.size();
  for (unsigned number = 0; number < operands.size(); ++number) {
    const Operand &operand = operands[number];
    AffineMap map = getMap(number);
    if (map.getNumDims() != getNumLoops())
      return op->emitOpError("expects the map of '")
             << operand.name << "' to have " << getNumLoops() << " loops as that of '" << operands[0].name << "', got "
             << map.getNumDims();
    if (!map.isProjectedPermutation())
      return op->emitOpError("expects the map of '")
             << operand.name << "' to be a projected permutation without symbols, got " << AffineMapAttr::get(map);
    if (!operand.tensor)
      continue;
    RankedTensorType type = getType(operand);
    if (map.getNumResults() + operand.trailing != type.getRank())
      return op->emitOpError("expects the map of '")
             << operand.name << "' to have one result per dimension of " << type
             << (operand.trailing ? " but the last" : "") << ", got " << map.getNumResults();
  }
  return success();
}

LogicalResult OperandMaps::verifySizes() {
  struct Size {
    const Operand *operand = nullptr;
    int64_t size = ShapedType::kDynamic;
  };
  SmallVector<Size> sizes(getNumLoops());
  for (unsigned number = 0; number < operands.size(); ++number) {
    const Operand &operand = operands[number];
    if (!operand.tensor)
      continue;
    for (auto [dim, expr] : llvm::enumerate(getMap(number).getResults())) {
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      int64_t size = getType(operand).getDimSize(dim);
      if (ShapedType::isDynamic(size))
        continue;
      if (!sizes[loop].operand)
        sizes[loop] = {&operand, size};
      if (sizes[loop].size != size)
        return op->emitOpError("expects '")
               << sizes[loop].operand->name << "' and '" << operand.name << "' to share the size of loop " << loop
               << ", got " << sizes[loop].size << " and " << size;
    }
  }
  return success();
}

static std::string list(ArrayRef<LoopKind> kinds) {
  return llvm::join(llvm::map_range(kinds, [](LoopKind kind) { return stringifyLoopKind(kind).str(); }), ", ");
}

LogicalResult OperandMaps::verifyKinds(unsigned first, unsigned count, const LoopInfo &loops,
                                       ArrayRef<LoopKind> kinds) {
  for (unsigned number = first; number < first + count; ++number)
    for (auto [dim, expr] : llvm::enumerate(getMap(number).getResults())) {
      unsigned loop = cast<AffineDimExpr>(expr).getPosition();
      if (loops.kinds[loop] == LoopKind::Fixed && operands[number].tensor) {
        int64_t size = getType(operands[number]).getDimSize(dim);
        if (size != 1)
          return op->emitOpError("expects '")
                 << operands[number].name << "' to have size 1 along the fixed loop " << loop << ", got "
                 << (ShapedType::isDynamic(size) ? "?" : std::to_string(size));
        continue;
      }
      if (!llvm::is_contained(kinds, loops.kinds[loop]))
        return op->emitOpError("expects '")
               << operands[number].name << "' to use loops of kind " << list(kinds) << " only, got loop " << loop
               << " of kind " << stringifyLoopKind(loops.kinds[loop]);
    }
  return success();
}

LogicalResult OperandMaps::verifyExactKinds(unsigned first, unsigned count, const LoopInfo &loops,
                                            ArrayRef<LoopKind> kinds) {
  if (failed(verifyKinds(first, count, loops, kinds)))
    return failure();
  for (unsigned number = first; number < first + count; ++number)
    for (unsigned loop = 0; loop < loops.getNumLoops(); ++loop)
      if (llvm::is_contained(kinds, loops.kinds[loop]) && !getMap(number).isFunctionOfDim(loop))
        return op->emitOpError("expects '")
               << operands[number].name << "' to use every loop of kind " << list(kinds) << ", got no use of loop "
               << loop << " of kind " << stringifyLoopKind(loops.kinds[loop]);
  return success();
}

LogicalResult verifyResultKinds(Operation *op, ArrayAttr kinds, size_t count, ArrayRef<ResultKind> allowed) {
  if (kinds.size() != count)
    return op->emitOpError("expects one kind per result, got ") << kinds.size() << " kinds and " << count << " results";
  SmallVector<ResultKind> seen;
  for (auto attr : kinds.getAsRange<ResultKindAttr>()) {
    ResultKind kind = attr.getValue();
    if (!llvm::is_contained(allowed, kind)) {
      auto names = llvm::map_range(allowed, [](ResultKind kind) { return stringifyResultKind(kind); });
      return op->emitOpError("expects result kinds of ")
             << llvm::join(names, ", ") << ", got " << stringifyResultKind(kind);
    }
    if (llvm::is_contained(seen, kind))
      return op->emitOpError("expects each result kind at most once, got ") << stringifyResultKind(kind) << " twice";
    seen.push_back(kind);
  }
  return success();
}

LogicalResult verifyTopK(Operation *op, Value values, Value indices) {
  if (!values != !indices)
    return op->emitOpError("expects 'topk_values' and 'topk_indices' together, got only '")
           << (values ? "topk_values" : "topk_indices") << "'";
  if (!values)
    return success();
  int64_t count = cast<RankedTensorType>(values.getType()).getShape().back();
  int64_t indexCount = cast<RankedTensorType>(indices.getType()).getShape().back();
  if (ShapedType::isDynamic(count) || count != indexCount)
    return op->emitOpError("expects 'topk_values' and 'topk_indices' to share one static k, got ")
           << values.getType() << " and " << indices.getType();
  if (count < 1)
    return op->emitOpError("expects 'topk_values' to have k of at least 1, got ") << count;
  return success();
}

} // namespace attn
