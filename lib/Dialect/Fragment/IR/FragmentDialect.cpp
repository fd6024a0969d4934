// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The dialect and its types: how they are written, and what a layout can hold.
#include "attn/Dialect/Fragment/IR/Fragment.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn::fragment;

#include "attn/Dialect/Fragment/IR/FragmentDialect.cpp.inc"
#include "attn/Dialect/Fragment/IR/FragmentEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "attn/Dialect/Fragment/IR/FragmentAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "attn/Dialect/Fragment/IR/FragmentTypes.cpp.inc"

void FragmentDialect::initialize() {
  registerTypes();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "attn/Dialect/Fragment/IR/FragmentAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "attn/Dialect/Fragment/IR/FragmentOps.cpp.inc"
      >();
}

void FragmentDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "attn/Dialect/Fragment/IR/FragmentTypes.cpp.inc"
      >();
}

/// `<2x64xf16`, up to what follows the element type.
static ParseResult parseShape(AsmParser &parser, size_t rank, SmallVectorImpl<int64_t> &shape, Type &elementType) {
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseDimensionList(shape, /*allowDynamic=*/false) || parser.parseType(elementType))
    return failure();
  if (shape.size() != rank)
    return parser.emitError(loc, "expects ") << rank << " sizes, got " << shape.size();
  return success();
}

Type TileType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type elementType;
  StringRef name;
  if (parseShape(parser, 2, shape, elementType) || parser.parseComma() || parser.parseKeyword(&name) ||
      parser.parseGreater())
    return {};
  std::optional<Layout> layout = symbolizeLayout(name);
  if (!layout) {
    parser.emitError(loc, "unknown layout '") << name << "' (expected accumulator, operand, rows)";
    return {};
  }
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(), shape[0], shape[1], elementType,
                    *layout);
}

void TileType::print(AsmPrinter &printer) const {
  printer << '<' << getRows() << 'x' << getColumns() << 'x' << getElementType() << ", " << stringifyLayout(getLayout())
          << '>';
}

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t rows, int64_t columns,
                               Type elementType, Layout layout) {
  // C1
  if (rows < 1 || rows % kWarpRows != 0)
    return emitError() << "expects rows to be a multiple of " << kWarpRows << ", got " << rows;
  // C2
  int64_t unit = layout == Layout::Operand ? kDepth : kColumns;
  if (layout == Layout::Rows ? columns != 1 : columns < 1 || columns % unit != 0)
    return emitError() << "expects columns of layout '" << stringifyLayout(layout) << "' to be "
                       << (layout == Layout::Rows ? std::string("1") : "a multiple of " + std::to_string(unit))
                       << ", got " << columns;
  // C3
  bool isNarrow = elementType.isF16() || elementType.isBF16();
  if (layout == Layout::Operand ? !isNarrow : !isa<FloatType>(elementType))
    return emitError() << "expects elements of layout '" << stringifyLayout(layout) << "' to be "
                       << (layout == Layout::Operand ? "f16 or bf16" : "floats") << ", got " << elementType;
  return success();
}

int64_t TileType::getLaneElements() const { return getLayout() == Layout::Rows ? 2 : kWarpRows * getColumns() / 32; }

Type SharedType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type elementType;
  if (parseShape(parser, 3, shape, elementType) || parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(), shape[0], shape[1], shape[2],
                    elementType);
}

void SharedType::print(AsmPrinter &printer) const {
  printer << '<' << getStages() << 'x' << getRows() << 'x' << getColumns() << 'x' << getElementType() << '>';
}

LogicalResult SharedType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t stages, int64_t rows,
                                 int64_t columns, Type elementType) {
  // C1
  if (stages < 1 || rows < 1 || rows % 8 != 0 || columns < 1 || columns % kDepth != 0)
    return emitError() << "expects at least one stage, rows to be a multiple of 8 and columns one of " << kDepth
                       << ", got " << stages << ", " << rows << " and " << columns;
  // C2
  if (!elementType.isF16() && !elementType.isBF16())
    return emitError() << "expects elements to be f16 or bf16, got " << elementType;
  return success();
}
