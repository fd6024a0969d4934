// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Enums and attributes; what normalizers build is in Normalizers.cpp.
#include "attn/Dialect/Attention/IR/AttentionAttributes.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

#include "attn/Dialect/Attention/IR/AttentionEnums.cpp.inc"
#include "attn/Dialect/Attention/IR/AttentionInterfaces.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Attention/IR/AttentionAttrs.cpp.inc"

void AttnDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "attn/Dialect/Attention/IR/AttentionAttrs.cpp.inc"
      >();
}

LogicalResult PlanAttr::verify(function_ref<InFlightDiagnostic()> emitError, Algorithm, Orientation orientation,
                               int64_t rows, int64_t shortRows, int64_t keys, int64_t lanes,
                               ArrayRef<int64_t> registerTile, Precision, int64_t splitKeys, int64_t warps,
                               int64_t stages) {
  // C1
  for (auto [name, value] : {std::pair("rows", rows), std::pair("keys", keys), std::pair("lanes", lanes)})
    if (value < 1)
      return emitError() << "expects '" << name << "' to be at least 1, got " << value;
  // C2
  if (orientation == Orientation::RowsMinor && rows % lanes != 0)
    return emitError() << "expects 'rows' to be a multiple of 'lanes', got " << rows << " and " << lanes;
  // C3
  if (registerTile.size() != 2 || registerTile[0] < 1 || registerTile[1] < 1)
    return emitError() << "expects 'register_tile' to be [rows, vectors], both at least 1, got ["
                       << llvm::join(llvm::map_range(registerTile, [](int64_t n) { return std::to_string(n); }), ", ")
                       << "]";
  // C4
  if (shortRows && orientation != Orientation::RowsMinor)
    return emitError() << "expects no 'short' in orientation " << stringifyOrientation(orientation);
  if (shortRows < 0 || shortRows % lanes != 0 || (shortRows && shortRows >= rows))
    return emitError() << "expects 'short' to be a multiple of 'lanes' less than 'rows', or 0, got " << shortRows;
  // C5
  if (splitKeys != 0 && splitKeys < keys)
    return emitError() << "expects 'split' to be at least 'keys', or 0, got " << splitKeys << " and " << keys;
  // C6
  if (warps < 0 || stages < 0 || (stages && !warps))
    return emitError() << "expects 'warps' and 'stages' to be 0 or more, and no 'stages' without 'warps', got " << warps
                       << " and " << stages;
  if (warps && (orientation != Orientation::RowsMajor || rows != 16 * warps || keys % 16 != 0))
    return emitError() << "expects 'warps' to go with rows_major, 16 rows each, and 'keys' that are a multiple of 16, "
                          "got "
                       << warps << " warps, " << stringifyOrientation(orientation) << ", rows = " << rows
                       << ", keys = " << keys;
  return success();
}
