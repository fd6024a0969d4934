// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Gau.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include "GauDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "GauAttrs.cpp.inc"

using namespace mlir;
using namespace gau;

void GauDialect::initialize() { registerAttributes(); }

void GauDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "GauAttrs.cpp.inc"
      >();
}

// max(-inf, 0)^2 = 0: keys that the mask drops need no selection of their own.
bool ReluSquaredAttr::isZeroAtMinusInfinity() const { return true; }

Value ReluSquaredAttr::weight(OpBuilder &builder, Location loc, attn::ExpBase, ValueRange, Value, Value score) const {
  // `ugt` holds for NaN: a NaN score makes the weight NaN, as the interface asks.
  Value zero = arith::ConstantOp::create(builder, loc, builder.getFloatAttr(score.getType(), 0.0));
  Value positive = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UGT, score, zero);
  Value relu = arith::SelectOp::create(builder, loc, positive, score, zero);
  return arith::MulFOp::create(builder, loc, relu, relu);
}
